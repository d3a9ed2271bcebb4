import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { UserError } from 'graft-ml/predict';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { graft } from '../../../../test/graft.ts';
import { drawImages, ownCache, temporaryFolder } from '../../../../test/images.ts';
import { runFolder } from '../../../../test/runs.ts';
import { exportRun } from '../export/export-run.ts';
import { loadPredictor } from '../predict/predictor.ts';
import { type ModelServer, serveModels } from './model-server.ts';
import * as schemas from './schemas.ts';

ownCache();
const root = temporaryFolder();
const run = join(root, 'run');
const at = (path: string) => join(root, path);
/** Exports as they are served, and the files in them. */
const exported = {
  fp16: { path: at('fp16.onnx'), file: at('fp16.onnx') },
  int8: { path: at('int8.onnx'), file: at('int8.onnx') },
  whole: { path: at('whole.onnx'), file: at('whole.onnx') },
  hf: { path: at('hf'), file: at('hf/onnx/model_quantized.onnx') },
  'hf-whole': { path: at('hf-whole'), file: at('hf-whole/onnx/model.onnx') },
  triton: { path: at('triton'), file: at('triton/run/1/model.onnx') },
} as const;
const names = ['fp16', 'int8', 'whole', 'hf', 'hf-whole', 'triton'] as const;
let server: ModelServer;
let images: readonly Uint8Array<ArrayBuffer>[];

beforeAll(async () => {
  const shapes = await drawImages(join(root, 'shapes'), { perClass: 8, side: 40 });
  await runFolder(shapes, run, { epochs: 2 });
  const small = { maxDrop: 100, calibration: { count: 6 } } as const;
  await exportRun(run, { out: exported.fp16.path, dtype: 'fp16', maxDrop: 100 });
  await exportRun(run, { out: exported.int8.path, dtype: 'int8', ...small });
  await exportRun(run, { out: exported.whole.path, preprocessing: 'inside' });
  await exportRun(run, { out: exported.hf.path, format: 'hf', dtype: 'int8', ...small });
  await exportRun(run, { out: exported['hf-whole'].path, format: 'hf', preprocessing: 'inside' });
  await exportRun(run, { out: exported.triton.path, format: 'triton', batchSize: 'any' });
  const square = join(shapes, 'square');
  const first = readFileSync(join(square, readdirSync(square)[0]!));
  const wide = await sharp(first).extend({ left: 9, right: 4, background: '#345' }).png().toBuffer();
  images = [first, wide, await sharp(wide).rotate(90).tiff({ compression: 'none' }).toBuffer()].map((bytes) =>
    Uint8Array.from(bytes),
  );
  mkdirSync(at('photos'));
  for (const [i, image] of images.entries()) writeFileSync(join(at('photos'), `${i}.png`), image);
  server = await serveModels({
    port: 0,
    ...{ workers: 1, threads: 1, decoders: 1 },
    models: names.map((name) => ({ name, path: exported[name].path })),
  });
});
afterAll(() => server?.close());

const ask = (path: string, body: Uint8Array<ArrayBuffer>) =>
  fetch(new URL(path, server.address), { method: 'POST', body, headers: { 'content-type': 'image/png' } });

describe.each(names)('an export is served: %s', (name) => {
  test('it answers what `loadPredictor` says of the same file and the same image', async () => {
    await using predictor = await loadPredictor(exported[name].file, { threads: 1 });
    const answers = await Promise.all(images.map((image) => ask(`models/${name}/predict`, image)));
    for (const [i, answer] of answers.entries()) {
      const { classes } = schemas.prediction.parse(await answer.json());
      expect(classes).toHaveLength(3);
      const expected = await predictor.probabilities(images[i]!);
      for (const each of classes) {
        expect(each.probability).toBeCloseTo(expected[predictor.classes.indexOf(each.name)]!, 5);
      }
    }
  });

  test('it says its input, and that it has no gradients', async () => {
    const isWhole = name === 'whole' || name === 'hf-whole';
    const described = schemas.servedModel.parse(await (await fetch(new URL(`models/${name}`, server.address))).json());
    expect(described).toMatchObject({
      explains: false,
      input: isWhole ? { name: 'image', width: null, height: null } : { name: 'pixels', width: 28, height: 28 },
    });
    const refused = await ask(`models/${name}/predict?explain=grad-cam`, images[0]!);
    expect(refused.status).toBe(422);
    expect(schemas.problem.parse(await refused.json())).toMatchObject({
      code: 'no-explanation',
      detail: expect.stringContaining('serve the run that it was exported from'),
    });
  });
});

test('an image that cannot be read is refused by a model that takes whole ones, too', async () => {
  const answer = await ask('models/whole/predict', images[0]!.subarray(0, 300));
  expect([answer.status, schemas.problem.parse(await answer.json()).code]).toEqual([422, 'bad-image']);
});

describe('the command line takes an export in place of a run', () => {
  test.each(['int8', 'whole', 'hf'] as const)('graft predict: %s', async (name) => {
    await using predictor = await loadPredictor(exported[name].file, { threads: 1 });
    const { status, stdout } = await graft(['predict', exported[name].path, at('photos'), '--json', '--top', '3']);
    expect(status).toBe(0);
    const predictions: { path: string; classes: { name: string; probability: number }[] }[] = JSON.parse(stdout);
    expect(predictions.map(({ path }) => path)).toEqual([0, 1, 2].map((i) => join(at('photos'), `${i}.png`)));
    for (const { path, classes } of predictions) {
      const expected = await predictor.probabilities(path);
      for (const each of classes) {
        expect(each.probability).toBeCloseTo(expected[predictor.classes.indexOf(each.name)]!, 5);
      }
    }
  });

  test('what only a run has is refused with what to do', async () => {
    const view = await graft(['predict', exported.fp16.path, at('photos'), '--tta', 'flip']);
    expect([view.status, view.stderr]).toEqual([2, expect.stringContaining('--tta is not for an exported model')]);
    const map = await graft(['explain', exported.fp16.path, at('photos')]);
    expect([map.status, map.stderr]).toEqual([2, expect.stringContaining('is an ONNX file, not a run')]);
  });
});

test.each([
  ['an image', 'photos/0.png', 'is not a model. Name the folder of a run, or an .onnx file'],
  ['a file of a run', 'run/best.safetensors', 'name that folder'],
  ['a folder of images', 'photos', 'is not a run: it has no run.json'],
  ['nothing', 'nowhere', 'does not exist'],
] as const)('%s is no model to serve', async (_, path, words) => {
  const started = serveModels({ port: 0, models: [{ name: 'x', path: at(path) }] });
  await expect(started).rejects.toThrow(UserError);
  await expect(started).rejects.toThrow(words);
});
