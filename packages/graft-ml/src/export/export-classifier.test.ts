import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readOnnxMetadata } from '@graft-ml/core/internal/graph/onnx-metadata';
import { beforeAll, describe, expect, test } from 'vitest';
import { drawImages, ownCache, temporaryFolder } from '../../../../test/images.ts';
import { runFolder } from '../../../../test/runs.ts';
import { openModel } from '../evaluate/classifier.ts';
import { openRun } from '../evaluate/open-run.ts';
import { createSession, loadOrt } from '../runtime/index.ts';
import { exportClassifier, exportRun, modelCard } from './index.ts';

ownCache();
const root = temporaryFolder();
const run = join(root, 'run');
const threads = 1;

beforeAll(async () => {
  const shapes = await drawImages(join(root, 'shapes'), { perClass: 10 });
  await runFolder(shapes, run, { epochs: 1 });
});

test.each([1, 3])('plain ONNX Runtime says of %i images what the classifier says', async (batchSize) => {
  const classifier = await openRun(run, { threads });
  const path = join(root, 'deep', `model-${batchSize}.onnx`);
  const { difference, input } = await exportClassifier(classifier, path, { batchSize });
  expect(input).toEqual([batchSize, 3, 28, 28]);
  expect(difference).toBeLessThan(1e-5);
  const pixels = Uint8Array.from({ length: batchSize * 3 * 28 * 28 }, (_, i) => (i * 37) % 256);
  const expected = await classifier.probabilities(pixels, batchSize);
  await classifier.close();
  const session = await createSession(await readFile(path));
  const results = await session.run({ pixels: new (loadOrt().Tensor)('uint8', pixels, [batchSize, 3, 28, 28]) });
  expect(session.outputNames).toEqual(['logits', 'probabilities']);
  await session.release();
  const written = results.probabilities!.data as Float32Array;
  expect(written.length).toBe(batchSize * 3);
  written.forEach((value, i) => {
    expect(value).toBeCloseTo(expected[i]!, 5);
  });
});

test('a path that cannot be written leaves nothing behind', async () => {
  const classifier = await openRun(run, { threads });
  const path = join(run, 'run.json', 'model.onnx');
  await expect(exportClassifier(classifier, path)).rejects.toThrow(path);
  await classifier.close();
  expect(existsSync(path)).toBe(false);
});

test('a run is exported into its folder, with what it is in the metadata', async () => {
  const stages: string[] = [];
  const { path, files, form, difference } = await exportRun(run, { onProgress: ({ stage }) => stages.push(stage) });
  expect([path, form, stages]).toEqual([join(run, 'model.onnx'), 'pixels', ['checking', 'writing']]);
  const bytes = readFileSync(path);
  expect(files).toEqual([{ path, bytes: bytes.length }]);
  expect(difference).toBeLessThan(1e-5);
  expect(readOnnxMetadata(bytes)).toMatchObject({ format: 'graft', model: 'conv4', input: 'pixels', dtype: 'fp32' });
});

test('an export of Graft is replaced, another file only where that is said', async () => {
  const out = join(root, 'notes.onnx');
  writeFileSync(out, 'mine');
  await expect(exportRun(run, { out })).rejects.toThrow(`${out} is there already and was not exported by Graft.`);
  expect(readFileSync(out, 'utf8')).toBe('mine');
  await exportRun(run, { out, overwrite: true });
  await exportRun(run, { out, batchSize: 2 });
  expect(readOnnxMetadata(readFileSync(out)).format).toBe('graft');
});

test('with preprocessing inside, the model takes the image files as they are decoded', async () => {
  const { path, input } = await exportRun(run, { preprocessing: 'inside' });
  expect([path, input]).toEqual([join(run, 'model-inside.onnx'), [1, 3, 'height', 'width']]);
  const classifier = await openRun(run, { threads });
  const session = await createSession(await readFile(path));
  for (const [width, height] of [
    [40, 31],
    [9, 200],
  ] as const) {
    const data = Uint8Array.from({ length: 3 * width * height }, (_, i) => (i * 37) % 256);
    const expected = (await classifier.classify({ width, height, data })).probabilities;
    const planar = data.map((_, i) => data[(i % (width * height)) * 3 + Math.trunc(i / (width * height))]!);
    const image = new (loadOrt().Tensor)('uint8', planar, [1, 3, height, width]);
    const { probabilities } = await session.run({ image });
    expected.forEach((p, i) => {
      expect(Math.abs(Number(probabilities!.data[i]) - p)).toBeLessThan(0.01);
    });
  }
  await session.release();
  await classifier.close();
});

test.each(['fp32', 'fp16', 'int8'] as const)(
  '%s: with an open batch, one model takes any number of images',
  async (dtype) => {
    const exported = await exportRun(run, {
      out: join(root, `any-${dtype}.onnx`),
      dtype,
      batchSize: 'any',
      maxDrop: 100,
    });
    expect(exported.input).toEqual(['n', 3, 28, 28]);
    expect(exported.difference).toBeLessThan({ fp32: 1e-5, fp16: 0.01, int8: 0.3 }[dtype]);
    expect(exported.comparison?.rows.map((row) => row.dtype) ?? []).toEqual(dtype === 'fp32' ? [] : rowsOf[dtype]);
  },
);

const rowsOf = { fp16: ['fp32', 'fp16'], int8: ['fp32', 'fp16', 'int8'] };

test('a model that resizes is not opened as a network, and the reason is said', async () => {
  const { path } = await exportRun(run, { preprocessing: 'inside' });
  await expect(openModel({ name: path })).rejects.toThrow(`${path} resizes images itself`);
});

test('a model that resizes takes one image at a time', async () => {
  const refused = exportRun(run, { preprocessing: 'inside', batchSize: 2 });
  await expect(refused).rejects.toThrow('batchSize 2: a model that resizes images takes one at a time');
});

describe('the model card of a folder for the hub', () => {
  test('says how this very folder is opened, and what the run recorded', async () => {
    const out = join(root, 'shapes-hf');
    const { files, comparison } = await exportRun(run, { out, format: 'hf', dtype: ['fp16', 'fp32'], maxDrop: 100 });
    expect(files.at(-1)!.path).toBe(join(out, 'README.md'));
    const card = readFileSync(join(out, 'README.md'), 'utf8');
    expect(card).toContain(
      "// Its dtype can also be 'fp32'.\nconst classify = await pipeline('image-classification', './shapes-hf', { dtype: 'fp16' });",
    );
    expect(card).toContain('onnxruntime.InferenceSession("shapes-hf/onnx/model_fp16.onnx")');
    expect(card).toContain('graft predict shapes-hf/onnx/model_fp16.onnx photo.jpg');
    expect(card).toMatch(/ of \d+ validation images are classified correctly/);
    expect(card).not.toContain(root);
    const facts = { format: 'hf', dtype: ['fp16', 'fp32'], folder: 'shapes-hf', comparison, evaluate: false } as const;
    expect(card).toBe(await modelCard(run, facts));
    expect(card).toMatch(/## Number formats\n[\s\S]*\n\| fp32 \| .* \| 100\.0 % \| [\s\S]*\n\| fp16 \|/);
  });

  test('gives images as they are to a model that resizes them', async () => {
    const out = join(root, 'inside-hf');
    await exportRun(run, { out, format: 'hf', preprocessing: 'inside' });
    const card = readFileSync(join(out, 'README.md'), 'utf8');
    expect(card).toContain('x = np.asarray(image, dtype=np.float32).transpose(2, 0, 1)[None]\nlogits');
    expect(card).toContain('graft predict inside-hf photo.jpg');
    expect(card).not.toContain('image.crop');
  });

  test('is left out where it is not wanted, and in other formats', async () => {
    const { files } = await exportRun(run, { out: join(root, 'no-card'), format: 'hf', card: false });
    const { files: triton } = await exportRun(run, { out: join(root, 'triton'), format: 'triton' });
    expect([...files, ...triton].filter(({ path }) => path.endsWith('README.md'))).toEqual([]);
  });
});
