import { spawn } from 'node:child_process';
import { copyFileSync, cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { graft, outcomeOf, program } from '../../../../test/graft.ts';
import { drawImages, ownCache, temporaryFolder } from '../../../../test/images.ts';
import { readyModel } from '../checkpoint/ready-model.ts';
import { readSafetensorsFile, writeSafetensorsFile } from '../checkpoint/safetensors-file.ts';
import { Classifier } from '../evaluate/classifier.ts';
import { openRun } from '../evaluate/open-run.ts';
import { readRun } from '../runs/read-run.ts';

ownCache();
const root = temporaryFolder();
const shapes = join(root, 'shapes');
const run = join(root, 'run');
const deep = join(root, 'deep');
const images = ['cross', 'disc', 'square'].flatMap((name) =>
  Array.from({ length: 6 }, (_, i) => join(shapes, name, `00${i}.png`)),
);

beforeAll(async () => {
  await drawImages(shapes, { perClass: 6 });
  writeFileSync(join(shapes, 'notes.txt'), 'no image');
  const flags = ['--model', 'conv4', '--epochs', '2', '--threads', '1'];
  expect((await graft(['train', shapes, ...flags, '--out', run])).status).toBe(0);
  expect((await graft(['train', shapes, ...flags, '--head', '12,relu', '--out', deep])).status).toBe(0);
});

/** The command with something on its stdin. */
function fed(args: readonly string[], input: string | Uint8Array) {
  const child = spawn(process.execPath, [program, ...args]);
  child.stdin.end(input);
  return outcomeOf(child);
}

const pathsIn = (json: string): string[] => JSON.parse(json).map(({ path }: { path: string }) => path);

describe('graft predict', () => {
  test('takes folders, patterns and files, in the order they were named', async () => {
    const [folder, pattern, both] = await Promise.all([
      graft(['predict', run, shapes, '--json']),
      graft(['predict', run, join(shapes, '*', '00[01].png'), '--json']),
      graft(['predict', run, images[17]!, join(shapes, 'cross'), '--json']),
    ]);
    expect(folder.status).toBe(0);
    expect(pathsIn(folder.stdout)).toEqual(images);
    expect(folder.stderr).toContain('1 other file passed over.');
    expect(pattern.stderr).not.toContain('passed over');
    expect(pathsIn(pattern.stdout)).toEqual(images.filter((path) => /00[01]\.png$/.test(path)));
    expect(pathsIn(both.stdout)).toEqual([images[17], ...images.slice(0, 6)]);
  });

  test('takes a list of paths on stdin, by lines or by zero bytes, and says what else is there', async () => {
    const some = [images[0]!, images[9]!];
    for (const text of [`${some.join('\n')}\n`, `${some.join('\r\n')}`, `${some.join('\0')}\0`]) {
      const { status, stdout } = await fed(['predict', run, '-', '--json'], text);
      expect([status, pathsIn(stdout)]).toEqual([0, some]);
    }
    const image = await fed(['predict', run, '-'], readFileSync(images[0]!));
    expect([image.status, image.stderr]).toEqual([1, expect.stringContaining('stdin holds an image')]);
    const nothing = await fed(['predict', run, '-'], '');
    expect([nothing.status, nothing.stderr]).toEqual([1, 'graft: stdin holds no paths.\n']);
  });

  test('goes on after an image that cannot be used, and its status says so', async () => {
    const mixed = join(root, 'mixed');
    mkdirSync(mixed);
    copyFileSync(images[0]!, join(mixed, 'a.png'));
    writeFileSync(join(mixed, 'b.png'), 'no image');
    copyFileSync(images[1]!, join(mixed, 'c.png'));
    const file = join(root, 'results.csv');
    const { status, stdout, stderr } = await graft([
      'predict',
      run,
      mixed,
      join(mixed, 'gone.png'),
      '-o',
      file,
      '--top',
      '2',
    ]);
    expect(status).toBe(1);
    expect(stdout).toBe(`${file}: 4 images, 2 of which could not be looked at.\n`);
    expect(stderr).toContain('b.png: the content is neither');
    const lines = readFileSync(file, 'utf8').split('\n');
    expect(lines[0]).toBe('path,class,probability,class_2,probability_2,problem');
    expect(lines[1]).toMatch(/a\.png,(cross|disc|square),0\.\d+,(cross|disc|square),0\.\d+,$/);
    expect(lines[2]).toMatch(/b\.png,,,,,.*neither/);
    expect(lines[4]).toMatch(/gone\.png,,,,,.*there is no such file/);
    expect(lines).toHaveLength(6);
  });

  test('writes JSON lines that are what --json says', async () => {
    const file = join(root, 'results.jsonl');
    const [written, said] = await Promise.all([
      graft(['predict', run, shapes, '--output', file, '--json']),
      graft(['predict', run, shapes, '--json']),
    ]);
    expect(JSON.parse(written.stdout)).toEqual({ output: file, images: 18, failed: 0 });
    const rows = readFileSync(file, 'utf8').trimEnd().split('\n');
    expect(rows.map((row) => JSON.parse(row))).toEqual(JSON.parse(said.stdout));
  });

  test.each([
    [['shapes/nothing-*.png'], 'No image matches shapes/nothing-*.png.'],
    [['a'.repeat(5000)], 'ENAMETOOLONG'],
    [['*'.repeat(5000)], 'ENAMETOOLONG'],
    [['nowhere/*.png'], 'Nothing matches nowhere/*.png: there is no folder nowhere.'],
    [['empty'], 'empty holds no images.'],
    [['shapes', '--output', 'x.txt'], '--output x.txt: predictions are written as .csv or .jsonl.'],
    [['shapes', '--output', 'gone/x.csv'], 'Cannot write gone/x.csv: ENOENT'],
  ])('%j: %s', async (args, message) => {
    mkdirSync(join(root, 'empty'), { recursive: true });
    const { status, stdout, stderr } = await graft(['predict', run, ...args], root);
    expect(status).toBeGreaterThan(0);
    expect([stdout, stderr]).toEqual(['', expect.stringContaining(message)]);
    expect(readdirSync(root).filter((name) => name.endsWith('.tmp'))).toEqual([]);
  });
});

test.each([
  ['classes', '[not json'],
  ['preprocessing', '{"resize": '],
  ['seen', '{'],
])('a checkpoint whose %s are no JSON is damaged, and no bug', async (key, text) => {
  const damaged = join(root, `no-${key}`);
  cpSync(run, damaged, { recursive: true });
  const file = join(damaged, 'best.safetensors');
  const { tensors, metadata } = await readSafetensorsFile(file);
  await writeSafetensorsFile(file, tensors, { ...metadata, [key]: text });
  const { status, stderr } = await graft(['predict', damaged, images[0]!]);
  expect([status, stderr]).toEqual([1, expect.stringContaining('best.safetensors: its description is damaged')]);
  expect(stderr).not.toContain('bug');
});

describe('graft features', () => {
  test.each([
    ['run', run, 'fc', 64],
    ['deep', deep, 'fc.2', 12],
  ])('of %s: what its last layer makes into what it predicts', async (_, from, layer, width) => {
    const file = join(root, 'features.safetensors');
    const { status, stdout } = await graft(['features', from, shapes, '--output', file]);
    expect([status, stdout]).toEqual([0, `${file}: 18 vectors of ${width} numbers.\n`]);
    const { tensors, metadata } = await readSafetensorsFile(file);
    const { features, labels } = tensors;
    expect(features!.shape).toEqual([18, width]);
    expect(JSON.parse(metadata.paths!)).toEqual(images);
    expect(JSON.parse(metadata.classes!)).toEqual(['cross', 'disc', 'square']);
    expect([...labels!.data].map(Number)).toEqual(images.map((_path, i) => Math.floor(i / 6)));
    // Its last layer by hand: softmax(features · Wᵀ + b).
    const weights = (await readSafetensorsFile(join(from, 'best.safetensors'))).tensors;
    const [w, b] = [weights[`${layer}.weight`]!.data, weights[`${layer}.bias`]!.data].map((data) =>
      Array.from(data, Number),
    );
    const classifier = await openRun(from);
    const { classes } = await readRun(from);
    let row = 0;
    for await (const { probabilities } of classifier.predict(images)) {
      const vector = Array.from(features!.data.slice(row * width, (row + 1) * width), Number);
      const logits = classes.map((_name, c) => vector.reduce((sum, x, i) => sum + x * w![c * width + i]!, b![c]!));
      const total = logits.reduce((sum, logit) => sum + Math.exp(logit), 0);
      logits.forEach((logit, c) => {
        expect(Math.exp(logit) / total).toBeCloseTo(probabilities![c]!, 4);
      });
      row++;
    }
    await classifier.close();
    expect(row).toBe(18);
  });

  test('as NumPy’s array with a table beside it, and as CSV: the same numbers', async () => {
    const [npy, csv] = [join(root, 'x.npy'), join(root, 'x.csv')];
    for (const file of [npy, csv]) expect((await graft(['features', run, shapes, '-o', file])).status).toBe(0);
    const bytes = readFileSync(npy);
    expect(bytes.toString('latin1', 0, 8)).toBe('\x93NUMPY\x01\x00');
    const start = 10 + bytes.readUInt16LE(8);
    expect(start % 64).toBe(0);
    expect(bytes.toString('latin1', 10, start)).toBe(
      `${"{'descr': '<f4', 'fortran_order': False, 'shape': (18, 64), }".padEnd(start - 11)}\n`,
    );
    const numbers = new Float32Array(bytes.buffer.slice(bytes.byteOffset + start, bytes.byteOffset + bytes.length));
    const rows = readFileSync(csv, 'utf8')
      .trimEnd()
      .split('\n')
      .slice(1)
      .map((line) => line.split(','));
    expect(Float32Array.from(rows.flatMap((row) => row.slice(3).map(Number)))).toEqual(numbers);
    const beside = readFileSync(`${npy}.csv`, 'utf8').trimEnd().split('\n');
    expect(beside).toEqual(['path,label,split', ...rows.map((row) => row.slice(0, 3).join(','))]);
    expect(rows.map(([path]) => path)).toEqual(images);
  });

  test('a folder without classes, and what cannot be used: the others, status 1', async () => {
    const flat = join(root, 'flat');
    mkdirSync(flat);
    copyFileSync(images[0]!, join(flat, 'a.png'));
    writeFileSync(join(flat, 'b.png'), 'no image');
    const file = join(root, 'flat.csv');
    const { status, stdout } = await graft(['features', run, flat, '-o', file]);
    expect([status, stdout]).toEqual([1, `${file}: 1 vector of 64 numbers, without 1 that could not be looked at.\n`]);
    expect(readFileSync(file, 'utf8').split('\n')[1]).toMatch(/a\.png,,,[-\d]/);
  });
});

test('a network without a head gives vectors, and says that it has no classes', async () => {
  const classifier = new Classifier(await readyModel('conv4', { numClasses: 0 }), { threads: 1 });
  try {
    for await (const { features } of classifier.features(images.slice(0, 2))) {
      expect(features).toHaveLength(64);
      expect(features!.some((value) => value !== 0)).toBe(true);
    }
    await expect(classifier.predict(images).next()).rejects.toThrow('This network has no head: it gives features');
  } finally {
    await classifier.close();
  }
});
