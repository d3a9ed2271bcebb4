import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ImageError, UserError } from 'graft-ml/predict';
import sharp from 'sharp';
import { beforeAll, describe, expect, test } from 'vitest';
import { pngAnnouncing, pngTextBomb } from '../../../../test/hostile-images.ts';
import { drawImages, ownCache, temporaryFolder } from '../../../../test/images.ts';
import { modulesLoadedBy } from '../../../../test/modules.ts';
import { runFolder } from '../../../../test/runs.ts';
import { openRun } from '../evaluate/open-run.ts';
import { exportClassifier } from '../export/export-classifier.ts';
import { exportRun } from '../export/export-run.ts';
import { loadPredictor, type Predictor } from './predictor.ts';

ownCache();
const root = temporaryFolder();
const run = join(root, 'run');
const model = join(root, 'model.onnx');
const threads = 1;
let files: string[];
let expected: Map<string, Float32Array>;

beforeAll(async () => {
  const shapes = await drawImages(join(root, 'shapes'), { perClass: 8, side: 40 });
  await runFolder(shapes, run, { epochs: 2 });
  const found = readdirSync(shapes, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.png'));
  files = found.map((name) => join(shapes, name)).sort();
  await using classifier = await openRun(run, { threads });
  await exportClassifier(classifier, model);
  expected = new Map();
  for await (const { path, probabilities } of classifier.predict(files)) expected.set(path, probabilities!);
});

function expectClose(actual: ArrayLike<number>, wanted: ArrayLike<number>): void {
  expect(actual.length).toBe(wanted.length);
  for (let i = 0; i < wanted.length; i++) expect(Math.abs(actual[i]! - wanted[i]!)).toBeLessThan(1e-5);
}

test('an exported model says of every image what the run says, however many are asked at once', async () => {
  await using predictor = await loadPredictor(model, { threads });
  expect(predictor.classes).toEqual(['cross', 'disc', 'square']);
  const answers = await Promise.all(files.map((file) => predictor.probabilities(file)));
  for (const [i, answer] of answers.entries()) expectClose(answer, expected.get(files[i]!)!);
});

test('predict ranks the classes, as many as are asked for', async () => {
  await using predictor = await loadPredictor(model, { threads });
  const probabilities = expected.get(files[0]!)!;
  const ranked = await predictor.predict(files[0]!);
  expect(ranked.map(({ name }) => name).sort()).toEqual(['cross', 'disc', 'square']);
  for (const { name, probability } of ranked)
    expect(probability).toBeCloseTo(probabilities[predictor.classes.indexOf(name)]!, 5);
  expect(ranked.map(({ probability }) => probability)).toEqual(
    ranked.map(({ probability }) => probability).sort((a, b) => b - a),
  );
  expect(await predictor.predict(files[0]!, 1)).toEqual(ranked.slice(0, 1));
});

test('an image is a path, the URL of a file, bytes, a Blob, or pixels', async () => {
  await using predictor = await loadPredictor(pathToFileURL(model), { threads });
  const bytes = readFileSync(files[3]!);
  const { data, info } = await sharp(bytes).raw().toBuffer({ resolveWithObject: true });
  const pixels = { width: info.width, height: info.height, data };
  const content = new Uint8Array(bytes);
  for (const image of [
    files[3]!,
    pathToFileURL(files[3]!),
    bytes,
    content,
    content.buffer,
    new Blob([content]),
    pixels,
  ])
    expectClose(await predictor.probabilities(image), expected.get(files[3]!)!);
});

test('a model is a path, the URL of a file, bytes or a Blob', async () => {
  const bytes = new Uint8Array(readFileSync(model));
  for (const source of [model, pathToFileURL(model), bytes, bytes.buffer, new Blob([bytes])]) {
    await using predictor = await loadPredictor(source, { threads });
    expectClose(await predictor.probabilities(files[0]!), expected.get(files[0]!)!);
  }
});

test('a model that resizes images itself takes them as they are, also from a process of their own', async () => {
  const whole = join(root, 'inside.onnx');
  await exportRun(run, { preprocessing: 'inside', out: whole });
  await using predictor = await loadPredictor(whole, { threads });
  const wide = await sharp(files[7]!).extend({ left: 9, right: 4, background: '#345' }).png().toBuffer();
  const tiff = await sharp(wide).tiff({ compression: 'none' }).toBuffer();
  await using classifier = await openRun(run, { threads });
  const { probabilities } = await classifier.classify(wide);
  for (const image of [wide, tiff])
    for (const [i, probability] of (await predictor.probabilities(image)).entries())
      expect(Math.abs(probability - probabilities[i]!)).toBeLessThan(0.02); // pixels are within one grey level
});

test.each([
  ['fp16', { dtype: 'fp16' }, 'fp16.onnx', 0.02],
  ['int8', { dtype: 'int8', calibration: { count: 6 } }, 'int8.onnx', 0.3],
  ['pixel_values', { format: 'hf' }, 'hf/onnx/model.onnx', 1e-5],
  ['a whole image as pixel_values', { format: 'hf', preprocessing: 'inside' }, 'hf-whole/onnx/model.onnx', 0.02],
] as const)('every form of an export answers as the run does: %s', async (_, options, file, most) => {
  await exportRun(run, { maxDrop: 100, ...options, out: join(root, file.split('/')[0]!) });
  await using predictor = await loadPredictor(join(root, file), { threads });
  for (const image of files.slice(0, 6)) {
    const answer = await predictor.probabilities(image);
    expect(answer.reduce((sum, value) => sum + value, 0)).toBeCloseTo(1, 4);
    for (const [i, value] of expected.get(image)!.entries()) expect(Math.abs(answer[i]! - value)).toBeLessThan(most);
  }
});

test('a format that may cost much is decoded elsewhere, with the same answer', async () => {
  await using predictor = await loadPredictor(model, { threads });
  const tiff = await sharp(files[5]!).tiff({ compression: 'none' }).toBuffer();
  const [apart, again] = await Promise.all([predictor.probabilities(tiff), predictor.probabilities(tiff)]);
  expectClose(apart, expected.get(files[5]!)!);
  expectClose(again, apart);
});

describe('what cannot be used is refused in words, and the next image is answered', () => {
  let predictor: Predictor;
  beforeAll(async () => {
    predictor = await loadPredictor(model, { threads });
    mkdirSync(join(root, 'folder'), { recursive: true });
    writeFileSync(join(root, 'empty.png'), '');
    return () => predictor.close();
  });

  test.each([
    ['nothing', () => Buffer.alloc(0), 'empty-file'],
    ['a text', () => Buffer.from('no image'), 'not-an-image'],
    ['SVG', () => Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"/>'), 'not-an-image'],
    ['half a PNG', () => readFileSync(files[0]!).subarray(0, 700), 'truncated'],
    ['a PNG of 60,000 x 60,000 pixels', () => pngAnnouncing(60_000, 60_000), 'too-large'],
    ['pixels without end', () => ({ width: 60_000, height: 60_000, data: new Uint8Array(3) }), 'too-large'],
    ['a path where nothing is', () => join(root, 'nowhere.png'), 'unreadable'],
    ['a folder', () => join(root, 'folder'), 'unreadable'],
    ['an empty file', () => join(root, 'empty.png'), 'empty-file'],
  ] as const)('%s', async (_, image, kind) => {
    const answer = await predictor.probabilities(image()).catch((error: unknown) => error);
    expect(answer).toBeInstanceOf(ImageError);
    expect(answer).toMatchObject({ problem: { kind } });
    expectClose(await predictor.probabilities(files[1]!), expected.get(files[1]!)!);
  });

  test('a PNG whose texts would inflate to gigabytes is looked at without them', async () => {
    expect(await predictor.predict(pngTextBomb('zTXt'))).toHaveLength(3);
  });
});

test.each([
  ['a text', () => Buffer.from('no model'), /ONNX: the file is damaged|does not say its classes/],
  ['nothing', () => Buffer.alloc(0), /does not say its classes/],
  ['half a model', () => readFileSync(model).subarray(0, 20_000), /ONNX: the file is damaged/],
  ['a path where nothing is', () => join(root, 'nowhere.onnx'), /there is no such file/],
  ['an address of the web', () => new URL('https://example.org/x.onnx'), /fetch it/],
] as const)('%s is no model', async (_, source, words) => {
  const opened = loadPredictor(source(), { threads });
  await expect(opened).rejects.toThrow(UserError);
  await expect(opened).rejects.toThrow(words);
});

test('a file of another batch size, and threads that cannot be, are refused', async () => {
  await using classifier = await openRun(run, { threads });
  await exportClassifier(classifier, join(root, 'three.onnx'), { batchSize: 3 });
  await expect(loadPredictor(join(root, 'three.onnx'), { threads })).rejects.toThrow(
    /no network from pixels of one image/,
  );
  await expect(loadPredictor(model, { threads: 0 })).rejects.toThrow(/threads: expected a whole number/);
});

test('a closed predictor answers what it was asked before, and no more', async () => {
  const predictor = await loadPredictor(model, { threads });
  const asked = predictor.probabilities(files[0]!);
  await Promise.all([predictor.close(), predictor.close()]);
  expectClose(await asked, expected.get(files[0]!)!);
  await expect(predictor.predict(files[0]!)).rejects.toThrow('closed');
});

test('importing and using it loads ONNX Runtime, the image decoder, and nothing else', async () => {
  const script = join(root, 'use.mjs');
  const entry = import.meta.resolve('graft-ml/predict');
  writeFileSync(
    script,
    `import { loadPredictor } from ${JSON.stringify(entry)};
const predictor = await loadPredictor(${JSON.stringify(model)});
await predictor.predict(${JSON.stringify(files[0])});
await predictor.close();
process.stdout.write('done');`,
  );
  const modules = await modulesLoadedBy([script], root);
  const packages = modules.flatMap((url) => /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(url)?.[1] ?? []);
  expect([...new Set(packages)].filter((name) => !name.startsWith('@img/sharp-')).sort()).toEqual([
    '@img/colour', // of sharp
    'detect-libc', // of sharp
    'onnxruntime-common', // of onnxruntime-node
    'onnxruntime-node',
    'semver', // of sharp
    'sharp',
  ]);
  const own = modules.flatMap(
    (url) => /packages\/(core|graft-ml)\/dist\/(.*)\.js$/.exec(url)?.slice(1).join('/') ?? [],
  );
  expect(own).toContain('graft-ml/predict/predictor');
  const rooms = own.map((file) => file.split('/').slice(0, 2).join('/'));
  expect([...new Set(rooms)].sort()).toEqual([
    'core/base',
    'core/entries',
    'core/graph',
    'core/image',
    'core/models',
    'core/predict',
    'core/runtime',
    'graft-ml/data',
    'graft-ml/entries',
    'graft-ml/files',
    'graft-ml/predict',
    'graft-ml/runtime',
  ]);
  expect(own.filter((file) => /^core\/(graph|models|runtime)\//.test(file)).sort()).toEqual([
    'core/graph/onnx-metadata',
    'core/models/preprocessing',
    'core/runtime/out-of-memory',
  ]);
  expect(own.length).toBeLessThan(50);
});
