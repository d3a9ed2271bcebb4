import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readOnnxModel, writeOnnx } from '@graft-ml/core/internal/export/index';
import sharp from 'sharp';
import { beforeAll, describe, expect, test } from 'vitest';
import { hasBrowser } from '../../../../test/browser/chromium.ts';
import { graft } from '../../../../test/graft.ts';
import { drawImages, ownCache, temporaryFolder } from '../../../../test/images.ts';
import { runFolder } from '../../../../test/runs.ts';
import { buildStudio } from '../../../../test/studio.ts';
import { exportRun } from './export-run.ts';
import { verifyExport } from './verify-export.ts';

ownCache();
const root = temporaryFolder();
const run = join(root, 'run');
const shapes = join(root, 'shapes');
const model = join(root, 'model.onnx');
const threads = 1;

beforeAll(async () => {
  await drawImages(shapes, { perClass: 6, side: 40 });
  await runFolder(shapes, run, { epochs: 1 });
  await exportRun(run, { out: model });
});

/** The exported model with another bias for the first class. */
function changed(name: string, by: number): string {
  const read = readOnnxModel(readFileSync(model));
  const [bias] = [...read.initializers].filter(([each, { shape }]) => /bias$/.test(each) && shape[0] === 3);
  const values = new Float32Array(bias![1].bytes.slice().buffer);
  values[0]! += by;
  const bytes = new Uint8Array(values.buffer);
  const initializers = new Map([...read.initializers, [bias![0], { ...bias![1], bytes }]]);
  const path = join(root, name);
  writeFileSync(path, writeOnnx({ ...read, initializers }));
  return path;
}

test('a model agrees with its run on every image', async () => {
  const seen: number[] = [];
  const verification = await verifyExport(run, model, shapes, { threads, onProgress: (done) => seen.push(done) });
  expect(verification).toMatchObject({
    form: 'pixels',
    dtype: 'fp32',
    images: 18,
    problems: [],
    agrees: true,
    isRequired: true,
    checks: [{ pixels: 'same', images: 18, sameClass: 18, within: 18, differences: [], problems: [] }],
  });
  expect(verification.checks[0]!.largest).toBeLessThan(1e-5);
  expect(seen).toEqual(Array.from({ length: 18 }, (_, i) => i + 1));
});

test('one that says something else does not: each image with both answers, the worst first', async () => {
  const verification = await verifyExport(run, changed('other.onnx', 20), shapes, { threads });
  expect(verification.agrees).toBe(false);
  const [{ sameClass, differences, largest }] = verification.checks as [(typeof verification.checks)[0]];
  expect(sameClass).toBeLessThan(18);
  expect(differences.length).toBeGreaterThanOrEqual(18 - sameClass);
  expect(differences[0]).toMatchObject({ exported: { name: 'cross' }, cause: 'model' });
  expect(differences[0]!.run.name).not.toBe('cross');
  const flipped = differences.slice(0, 18 - sameClass).map(({ difference }) => difference);
  expect(flipped).toEqual([...flipped].sort((a, b) => b - a));
  expect(Math.max(...differences.map(({ difference }) => difference))).toBe(largest);
});

test('a probability beyond the tolerance is a difference, with the same class, too', async () => {
  const { agrees, checks } = await verifyExport(run, changed('near.onnx', 0.01), shapes, { threads });
  expect(agrees).toBe(false);
  expect(checks[0]!.within).toBeLessThan(18);
  expect(checks[0]!.largest).toBeLessThan(0.01);
});

test('a folder is verified by the ONNX model in it, as Hugging Face’s readers feed it, too', async () => {
  for (const format of ['triton', 'hf'] as const) {
    const out = join(root, format);
    await exportRun(run, { format, out });
    const { agrees, form, checks } = await verifyExport(run, out, shapes, { threads });
    expect([agrees, form]).toEqual([true, format === 'hf' ? 'pixelValues' : 'pixels']);
    expect(checks[0]!.images).toBe(18);
  }
});

/** The exported model as one of `image`, whose resize, on images of the model's own size, would be none. */
async function imageModel(): Promise<readonly [model: string, images: string]> {
  const images = await drawImages(join(root, 'small'), { perClass: 2, side: 28 });
  const { nodes, inputs, metadata, ...read } = readOnnxModel(readFileSync(model));
  expect(JSON.parse(metadata.preprocessing!)).toMatchObject({ resize: 28, crop: 28 });
  const renamed = nodes.map((node) => ({ ...node, inputs: node.inputs.map((n) => (n === 'pixels' ? 'image' : n)) }));
  const slot = { ...inputs[0]!, name: 'image', shape: [1, 3, 'height', 'width'] };
  const path = join(root, 'image.onnx');
  const changes = { nodes: renamed, inputs: [slot], metadata: { ...metadata, input: 'image' } };
  writeFileSync(path, writeOnnx({ ...read, ...changes }));
  return [path, images];
}

test('models that resize are within one grey level of the run: theirs is another tolerance', async () => {
  for (const format of ['onnx', 'hf'] as const) {
    const out = join(root, `inside-${format}`);
    await exportRun(run, { format, preprocessing: 'inside', out });
    const { agrees, form, tolerance, checks } = await verifyExport(run, out, shapes, { threads });
    expect([agrees, form, tolerance]).toEqual([true, format === 'hf' ? 'rawPixelValues' : 'image', 0.01]);
    expect(checks[0]!.images).toBe(18);
  }
});

test('a model that takes whole images is given them', async () => {
  const [path, images] = await imageModel();
  const { agrees, form, tolerance, checks, notes } = await verifyExport(run, path, images, { threads });
  expect([agrees, form, tolerance, checks[0]!.images]).toEqual([true, 'image', 0.01, 6]);
  expect(notes).toEqual([expect.stringMatching(/resizes images itself/)]);
});

test.each([
  ['a file of weights', () => join(root, 'weights.safetensors'), /has no ONNX model/],
  ['a folder without a model', () => shapes, /has no ONNX model/],
  ['a folder of several models', () => root, /several ONNX models/],
  [
    'no export',
    () => join(shapes, 'disc', '000.png'),
    /000.png: ONNX: the file is damaged|000.png is no model that `graft export` wrote/,
  ],
] as const)('%s cannot be verified', async (_, place, words) => {
  await expect(verifyExport(run, place(), shapes, { threads })).rejects.toThrow(words);
});

test('without an image that can be used there is no agreement', async () => {
  const verified = verifyExport(run, model, join(root, 'nowhere'), { threads });
  await expect(verified).rejects.toThrow(/nowhere has no image that could be compared[\s\S]*there is no such file/);
});

describe('graft export --verify', () => {
  test('prints what was compared, and exits with 0', async () => {
    const { status, stdout } = await graft(['export', run, '--out', join(root, 'a.onnx'), '--verify', shapes]);
    expect([status, stdout]).toEqual([
      0,
      expect.stringMatching(/agrees with the run on 18 images[\s\S]*onnxruntime-node/),
    ]);
  });

  test('compares each network of a folder that has several', async () => {
    const out = join(root, 'several');
    const several = ['--format', 'hf', '--dtype', 'fp32,fp16', '--max-drop', '100', '--out', out, '--verify', shapes];
    const { status, stdout } = await graft(['export', run, ...several]);
    expect(status).toBe(0);
    expect(stdout).toContain(`${join(out, 'onnx', 'model.onnx')} agrees with the run on 18 images`);
    expect(stdout).toContain(`${join(out, 'onnx', 'model_fp16.onnx')} `);
  });

  test.each([
    [['--format', 'safetensors', '--verify', shapes], /--verify compares ONNX models; safetensors has weights alone/],
    [['--verify', join(root, 'none')], /--verify .*none: there is no such folder/],
  ])('%j is refused before anything is written', async (options, message) => {
    const out = join(root, 'refused');
    const { status, stderr } = await graft(['export', run, '--out', out, ...options]);
    expect([status, stderr, existsSync(out)]).toEqual([2, expect.stringMatching(message), false]);
  });

  test('says it as JSON, with the images that cannot be used', async () => {
    const some = await drawImages(join(root, 'some'), { perClass: 1, side: 40 });
    writeFileSync(join(some, 'disc', 'broken.png'), 'no image');
    const { status, stdout } = await graft(['export', run, '--out', join(root, 'b.onnx'), '--verify', some, '--json']);
    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      format: 'onnx',
      verifications: [{ agrees: true, images: 3, problems: [{ kind: 'not-an-image' }] }],
    });
  });
});

describe.skipIf(!hasBrowser('the tests of exports in a browser'))('in Chromium', () => {
  beforeAll(() => buildStudio(), 120_000);

  test('the model agrees on the run’s pixels and on its own; what only the decoder changes is told apart', async () => {
    const images = join(root, 'page');
    mkdirSync(images);
    const disc = sharp(join(shapes, 'disc', '001.png'));
    await disc.clone().jpeg().toFile(join(images, 'a.jpg'));
    await disc.clone().png().toFile(join(images, 'b.png'));
    await disc.clone().tiff().toFile(join(images, 'c.tif'));
    const { agrees, checks, images: compared } = await verifyExport(run, model, images, { threads, browser: true });
    expect(agrees).toBe(true);
    expect(compared).toBe(3);
    expect(checks.map(({ pixels, images, sameClass }) => [pixels, images, sameClass])).toEqual([
      ['same', 3, 3],
      ['same', 3, 3],
      ['own', 2, 2],
    ]);
    expect(checks[1]!.engine).toMatch(/^chromium \d/);
    expect(checks[1]!.largest).toBeLessThan(1e-4);
    expect(checks[2]!.problems).toMatchObject([{ path: join(images, 'c.tif'), kind: 'not-an-image' }]);
  }, 120_000);

  test('a model that takes whole images is given them', async () => {
    const [path, images] = await imageModel();
    const { agrees, checks } = await verifyExport(run, path, images, { threads, browser: true });
    expect([agrees, checks.map((check) => check.images)]).toEqual([true, [6, 6, 6]]);
  }, 120_000);

  test('a browser that is not there is said so', async () => {
    const verified = verifyExport(run, model, shapes, { threads, browser: join(root, 'no-browser') });
    await expect(verified).rejects.toThrow(/No browser can be started/);
  });
});
