import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { UserError } from '@graft-ml/core/internal/base/errors';
import { formatProblems } from '@graft-ml/core/internal/image/problem';
import sharp from 'sharp';
import { afterAll, describe, expect, it } from 'vitest';
import { bmp } from '../../../../test/hostile-images.ts';
import { type Dataset, type DatasetImage, type DatasetOptions, fingerprint, openDataset } from './dataset.ts';
import { createImagePool } from './image-pool.ts';

const home = mkdtempSync(join(tmpdir(), 'graft-folder-'));
const pool = createImagePool({ threads: 2 });
afterAll(async () => {
  await pool.close();
  rmSync(home, { recursive: true });
});
const open = (root: string, options: DatasetOptions = {}) => openDataset(root, { pool, ...options });

let colour = 0;

/** A PNG unlike all others. */
async function image(): Promise<Buffer> {
  const background = { r: colour >> 8, g: colour & 255, b: 90 };
  colour++;
  return sharp({ create: { width: 12, height: 10, channels: 3, background } })
    .png()
    .toBuffer();
}

/** A folder of these files; a file without content given is an image, `x/` an empty folder. */
async function folderOf(name: string, files: readonly string[], contents: Record<string, string | Buffer> = {}) {
  const root = join(home, name);
  mkdirSync(root);
  for (const file of [...files, ...Object.keys(contents)]) {
    mkdirSync(file.endsWith('/') ? join(root, file) : dirname(join(root, file)), { recursive: true });
    if (!file.endsWith('/')) writeFileSync(join(root, file), contents[file] ?? (await image()));
  }
  return root;
}

const numbered = (count: number, pattern: string) =>
  Array.from({ length: count }, (_, i) => pattern.replace('#', `${i}`));
const names = ({ root }: Dataset, images: readonly DatasetImage[]) => images.map(({ path }) => relative(root, path));
const counts = ({ train, validation, test }: Dataset) => [train.length, validation.length, test.length];
const problemsOf = ({ root, problems }: Dataset) =>
  problems.map(({ path, kind, message }) => `${relative(root, path)} ${kind}: ${message}`);

describe('root/class', () => {
  it('labels by sorted class, and counts what it ignores', async () => {
    const files = [
      'b/1.JPG',
      'b/deep/er/2.png',
      'a/1.Png',
      'a/2.webp',
      'B/1.gif',
      'B/2.avif',
      '.cache/x.png',
      'a/.hidden.png',
    ];
    const root = await folderOf('plain', files, { 'a/notes.txt': 'x', 'a/.DS_Store': 'x', 'labels.json': '{}' });
    const folder = await open(root);
    expect(folder.classes).toEqual(['B', 'a', 'b']);
    expect(folder.problems).toEqual([]);
    expect(folder.ignored).toBe(5);
    const all = [...folder.train, ...folder.validation].sort((x, y) => (x.path < y.path ? -1 : 1));
    expect(names(folder, all)).toEqual(['B/1.gif', 'B/2.avif', 'a/1.Png', 'a/2.webp', 'b/1.JPG', 'b/deep/er/2.png']);
    expect(all.map(({ label }) => label)).toEqual([0, 0, 1, 1, 2, 2]);
    expect(all[0]).toMatchObject({ width: 12, height: 10, sha256: expect.stringMatching(/^[0-9a-f]{64}$/) });
  });

  it.each([
    [1, 0.2, [1, 0]],
    [2, 0.2, [1, 1]],
    [10, 0.2, [8, 2]],
    [3, 0.9, [1, 2]],
    [10, 0.01, [9, 1]],
    [5, 0, [5, 0]],
    [5, 1, [0, 5]],
  ])('of %i images with fraction %d: %j', async (count, validationFraction, expected) => {
    const root = await folderOf(`split-${count}-${validationFraction}`, [
      ...numbered(count, 'a/#.png'),
      ...numbered(count, 'b/#.png'),
    ]);
    const { train, validation } = await open(root, { validationFraction });
    for (const label of [0, 1]) {
      expect([train, validation].map((some) => some.filter((p) => p.label === label).length)).toEqual(expected);
    }
  });

  it('splits by seed and content, not by names', async () => {
    const root = await folderOf('seeded', [...numbered(20, 'a/#.png'), ...numbered(20, 'b/#.png')]);
    const hashes = async (seed: number) => (await open(root, { seed })).validation.map(({ sha256 }) => sha256).sort();
    const first = await hashes(1);
    expect(await hashes(1)).toEqual(first);
    expect(await hashes(2)).not.toEqual(first);
    for (let i = 0; i < 20; i++) renameSync(join(root, `a/${i}.png`), join(root, `a/z${(i * 7) % 20}.png`));
    expect(await hashes(1)).toEqual(first);
  });

  it('takes classes of two levels', async () => {
    const files = [
      'Latin/character01/a.png',
      'Latin/character02/a.png',
      'Greek/character01/a.png',
      'Greek/character01/b.png',
    ];
    const folder = await open(await folderOf('omniglot', [...files, 'Latin/stray.png']), { classDepth: 2 });
    expect(folder.classes).toEqual(['Greek/character01', 'Latin/character01', 'Latin/character02']);
    expect(problemsOf(folder)).toEqual(['Latin/stray.png no-class: the image lies in no class folder']);
  });

  it('keeps a seeded choice of maxPerClass', async () => {
    const root = await folderOf('limited', [...numbered(9, 'a/#.png'), ...numbered(3, 'b/#.png')]);
    expect(counts(await open(root, { maxPerClass: 5 }))).toEqual([6, 2, 0]);
    const kept = await open(root, { maxPerClass: 5, seed: 1, validationFraction: 0 });
    expect(names(kept, kept.train)).not.toEqual([...numbered(5, 'a/#.png'), ...numbered(3, 'b/#.png')]);
  });
});

describe('root/{train,val,test}/class', () => {
  const train = [...numbered(5, 'train/a/#.png'), ...numbered(5, 'train/b/#.png')];

  it.each([
    ['val', ['val/a/1.png', 'val/b/1.png'], [10, 2, 0]],
    ['Validation', ['Validation/a/1.png', 'Validation/b/1.png'], [10, 2, 0]],
    ['valid and test', ['valid/a/1.png', 'valid/b/1.png', 'test/a/1.png', 'test/b/1.png'], [10, 2, 2]],
    ['test', ['test/a/1.png', 'test/b/1.png'], [8, 2, 2]],
    ['nothing else', [], [8, 2, 0]],
  ])('with %s', async (name, more, expected) => {
    const folder = await open(await folderOf(`parts ${name}`, [...train, ...more]));
    expect(folder.classes).toEqual(['a', 'b']);
    expect(counts(folder)).toEqual(expected);
    expect(folder.problems).toEqual([]);
  });

  it('reports classes that stand in one split only', async () => {
    const folder = await open(
      await folderOf('uneven', [...train, 'train/c/1.png', 'val/a/1.png', 'val/b/1.png', 'val/d/1.png']),
    );
    expect(folder.classes).toEqual(['a', 'b', 'c']);
    expect(counts(folder)).toEqual([11, 2, 0]);
    expect(problemsOf(folder)).toEqual([
      'train/c class-missing-in-split: the class has no images in val',
      'val/d class-missing-in-split: the class has no images in train; its only image is left out',
    ]);
  });

  it.each([
    ['training and validation', ['training', 'validation']],
    ['Train and Dev', ['Train', 'Dev']],
    ['TRAINING, EVAL and Testing', ['TRAINING', 'EVAL', 'Testing']],
    ['training, validation and evaluation, which is for testing', ['training', 'validation', 'evaluation']],
    ['train and test', ['train', '', 'test']],
  ])('%s', async (name, [training = '', validation = '', testing = '']) => {
    const at = (part: string, count: number) =>
      part === '' ? [] : [...numbered(count, `${part}/a/#.png`), ...numbered(count, `${part}/b/#.png`)];
    const folder = await open(
      await folderOf(`named ${name}`, [...at(training, 10), ...at(validation, 3), ...at(testing, 2)]),
    );
    expect(folder.classes).toEqual(['a', 'b']);
    expect(counts(folder)).toEqual(validation ? [20, 6, testing ? 4 : 0] : [16, 4, 4]);
    expect(folder.problems).toEqual([]);
  });

  it('a folder called like a part beside others: an error that shows both readings, and a flag for each', async () => {
    const root = await folderOf('vehicles', [
      ...numbered(5, 'test/#.png'),
      ...numbered(5, 'car/#.png'),
      ...numbered(5, 'bus/#.png'),
    ]);
    await expect(open(root)).rejects.toThrow(
      `In ${root} some folders are splits (test) and some are not (bus, car), which can be read in two ways. ` +
        'As parts: bus, car are classes to train on, and test is kept for test: `parts: "named"`. ' +
        'As classes: bus, car, test are 3 classes: `parts: "none"`.',
    );
    expect((await open(root, { parts: 'none' })).classes).toEqual(['bus', 'car', 'test']);
    const inParts = await folderOf('kept', [
      ...numbered(5, 'car/#.png'),
      ...numbered(5, 'bus/#.png'),
      'test/car/1.png',
      'test/bus/1.png',
    ]);
    const kept = await open(inParts, { parts: 'named' });
    expect([kept.classes, counts(kept)]).toEqual([
      ['bus', 'car'],
      [8, 2, 2],
    ]);
    const beside = await open(await folderOf('beside', [...train, 'val/a/1.png', 'val/b/1.png', 'docs/1.png']), {
      parts: 'named',
    });
    expect([beside.classes, counts(beside)]).toEqual([
      ['a', 'b'],
      [10, 2, 0],
    ]);
  });

  it.each([
    ['images/ around classes', 'images/', []],
    ['images/ around parts, labels/ beside it', 'Images/training/', ['labels/training/1.txt']],
  ])('%s', async (name, prefix, more) => {
    const files = [...numbered(5, `${prefix}a/#.png`), ...numbered(5, `${prefix}b/#.png`)];
    const root = await folderOf(
      `around ${name.replaceAll('/', '')}`,
      files,
      Object.fromEntries(more.map((file) => [file, '0 0.5 0.5 1 1'])),
    );
    const folder = await open(root);
    expect(folder.classes).toEqual(['a', 'b']);
    expect(counts(folder)).toEqual([8, 2, 0]);
    expect(names(folder, folder.validation).every((path) => path.startsWith(prefix))).toBe(true);
  });

  it.each([
    ['yolo', ['images/train/1.png', 'images/val/2.png'], ['labels/train/1.txt', 'labels/val/2.txt']],
    ['roboflow', ['train/images/1.png', 'valid/images/2.png'], ['train/labels/1.txt', 'valid/labels/2.txt']],
    ['flat', ['images/1.png', 'images/2.png'], ['annotations/1.xml', 'annotations/2.xml']],
  ])('an object detection dataset is refused as one: %s', async (name, files, labels) => {
    const root = await folderOf(name, files, Object.fromEntries(labels.map((file) => [file, 'x'])));
    await expect(open(root)).rejects.toThrow(/is laid out as for object detection/);
  });

  it('images and labels that are both classes', async () => {
    const root = await folderOf('scans', [...numbered(5, 'images/#.png'), ...numbered(5, 'labels/#.png')]);
    await expect(open(root)).rejects.toThrow(
      /which can be read in two ways\. As classes: images, labels .*`parts: "none"`/,
    );
    expect((await open(root, { parts: 'none' })).classes).toEqual(['images', 'labels']);
  });
});

describe('words', () => {
  it.each([
    ['ants_1.png', '^(.+)_\\d+\\.\\w+$', (name: string, i: number) => `${name}_${i}.png`],
    ['ants-1.png', '^(.+)-\\d+\\.\\w+$', (name: string, i: number) => `${name}-${i}.png`],
    ['cat.0.png', '^(.+)\\.\\d+\\.\\w+$', (name: string, i: number) => `${name}.${i}.png`],
    ['cat (1).png', '^(.+) \\(\\d+\\)\\.\\w+$', (name: string, i: number) => `${name} (${i}).png`],
    ['cat001.png', '^([A-Za-z_-]+?)[_-]?\\d+\\.\\w+$', (name: string, i: number) => `${name}00${i}.png`],
    ['1_cat.png', '^\\d+[_-](.+)\\.\\w+$', (name: string, i: number) => `${i}_${name}.png`],
    ['cat_front.png', '^([A-Za-z]+)[_-].+\\.\\w+$', (name: string, i: number) => `${name}_${'abcd'[i]}.png`],
  ])('a flat folder of names like %s: the expression that finds the classes', async (name, regex, named) => {
    const files = ['ants', 'bees'].flatMap((label) => [0, 1, 2, 3].map((i) => named(label, i)));
    const root = await folderOf(`flat ${name}`, files);
    const error = await open(root).catch((e: Error) => e);
    expect((error as Error).message).toContain(`pass \`labelRegex: ${JSON.stringify(regex)}\`.`);
    expect((await open(root, { labelRegex: regex })).classes).toEqual(['ants', 'bees']);
  });

  it('names that tell nothing give no advice', async () => {
    const error = await open(await folderOf('told', numbered(6, 'IMG_#.png'))).catch((e: Error) => e);
    expect((error as Error).message).not.toContain('labelRegex');
    expect((error as Error).message).not.toMatch(/openDataset|classDepth/);
  });

  it('class names that differ in case only', async () => {
    const root = await folderOf('cases', ['train/Ants/1.png', 'train/bees/1.png', 'val/ants/1.png', 'val/bees/1.png']);
    expect(problemsOf(await open(root))).toContainEqual(
      'val/ants class-missing-in-split: the class has no images in train; its only image is left out; did you mean Ants? Upper and lower case count',
    );
    const own = await folderOf('own cases', ['Ants/1.png', 'ants/1.png', 'bees/1.png']);
    expect((await open(own)).notes).toEqual(['The classes Ants and ants differ in upper and lower case only.']);
    await expect(open(root, { classes: ['ants', 'bees'] })).rejects.toThrow('Did you mean "ants" for "Ants"?');
  });
});

describe('links to folders', () => {
  it('are left out and listed; followed on request, each folder once', async () => {
    const elsewhere = await folderOf('linked to', [...numbered(5, 'bees/#.png'), ...numbered(5, 'more/deep/#.png')]);
    const root = await folderOf('linking', numbered(5, 'ants/#.png'));
    symlinkSync(join(elsewhere, 'bees'), join(root, 'bees'));
    symlinkSync(join(elsewhere, 'bees'), join(root, 'bees again'));
    symlinkSync(join(elsewhere, 'more'), join(root, 'more'));
    symlinkSync(root, join(elsewhere, 'more', 'loop'));
    symlinkSync(join(elsewhere, 'more'), join(elsewhere, 'more', 'deep', 'own loop'));
    symlinkSync(home, join(root, 'ants', 'up'));
    symlinkSync(join(root, 'ants'), join(root, 'inside'));
    symlinkSync(join(elsewhere, 'bees', '0.png'), join(root, 'ants', 'x.png'));
    await expect(open(root)).rejects.toThrow(/bees: the link leads out of the folder/);
    const folder = await open(root, { followLinks: true });
    expect(folder.classes).toEqual(['ants', 'bees', 'more']);
    expect(folder.train.length + folder.validation.length).toBe(16);
    expect(problemsOf(folder).filter((line) => line.includes('link-not-followed'))).toEqual([
      'ants/up link-not-followed: the link leads to a folder that the dataset is in',
      'bees again link-not-followed: the link leads to a folder that is in the dataset already',
      'inside link-not-followed: the link leads to a folder that is in the dataset already',
      'more/deep/own loop link-not-followed: the link leads to a folder that is in the dataset already',
      'more/loop link-not-followed: the link leads to a folder that is in the dataset already',
    ]);
  });
});

describe('a test part without a folder', () => {
  it('is taken before the rest is divided; without it the split is what it was', async () => {
    const root = await folderOf('tested', [
      ...numbered(20, 'a/#.png'),
      ...numbered(10, 'b/#.png'),
      'c/1.png',
      'c/2.png',
    ]);
    const plain = await open(root, { seed: 3 });
    expect(counts(plain)).toEqual([25, 7, 0]);
    const dataset = await open(root, { seed: 3, testFraction: 0.2 });
    expect(counts(dataset)).toEqual([20, 6, 6]);
    expect(counts(await open(root, { seed: 3, testFraction: 0 }))).toEqual([25, 7, 0]);
    const contents = (some: readonly DatasetImage[]) => some.map(({ sha256 }) => sha256).sort();
    expect(contents([...dataset.train, ...dataset.validation, ...dataset.test])).toEqual(
      contents([...plain.train, ...plain.validation]),
    );
    expect(fingerprint(dataset)).toBe(fingerprint(plain));
    // The test images are the same in every fold, and validate in none.
    for (const index of [1, 2, 3]) {
      const fold = await open(root, { seed: 3, testFraction: 0.2, fold: { index, of: 3 } });
      expect(contents(fold.test)).toEqual(contents(dataset.test));
      expect(fold.train.length + fold.validation.length).toBe(26);
    }
    expect(contents((await open(root, { seed: 4, testFraction: 0.2 })).test)).not.toEqual(contents(dataset.test));
  });

  it('has no copy in training or validation, whatever its class and name', async () => {
    const copy = await image();
    const copies = [...numbered(6, 'a/copy#.png'), ...numbered(2, 'b/copy#.png')];
    const root = await folderOf(
      'copied',
      [...numbered(6, 'a/#.png'), ...numbered(6, 'b/#.png')],
      Object.fromEntries(copies.map((file) => [file, copy])),
    );
    for (let seed = 0; seed < 8; seed++) {
      const { train, validation, test } = await open(root, { seed, testFraction: 0.3 });
      const tested = new Set(test.map(({ sha256 }) => sha256));
      expect(test.length).toBeGreaterThan(0);
      expect([...train, ...validation].filter(({ sha256 }) => tested.has(sha256))).toEqual([]);
    }
  });

  it('is taken from train beside a val folder, and refused beside a test folder', async () => {
    const files = [...numbered(10, 'train/a/#.png'), ...numbered(10, 'train/b/#.png'), 'val/a/1.png', 'val/b/1.png'];
    const root = await folderOf('beside val', files);
    expect(counts(await open(root, { testFraction: 0.1 }))).toEqual([18, 2, 2]);
    const both = await folderOf('beside test', [...files, 'test/a/1.png', 'test/b/1.png']);
    await expect(open(both, { testFraction: 0.1 })).rejects.toThrow('has a test part of its own (test)');
  });
});

describe('problems', () => {
  const broken = async () =>
    folderOf('broken', [...numbered(4, 'a/#.png'), ...numbered(4, 'b/#.png'), 'c/', 'stray.png'], {
      'a/text.jpg': 'a text file',
      'a/empty.jpg': '',
      'b/cut.png': (await image()).subarray(0, 60),
      'd/1.jpg': 'text',
      'd/2.jpg': 'text',
      'b/dot.png': await sharp({ create: { width: 1, height: 1, channels: 3, background: 'red' } })
        .png()
        .toBuffer(),
    });

  it('are left out, listed by path, counted, and an error with strict', async () => {
    const root = await broken();
    const outside = await folderOf('elsewhere', ['1.png']);
    symlinkSync(join(outside, '1.png'), join(root, 'a', 'out.png'));
    symlinkSync(join(root, 'nowhere.png'), join(root, 'a', 'dangling.png'));
    symlinkSync(join(root, 'b'), join(root, 'a', 'loop'));
    symlinkSync(join(root, 'a', '0.png'), join(root, 'b', 'fine.png'));
    const folder = await open(root);
    expect(folder.classes).toEqual(['a', 'b']);
    expect(counts(folder)).toEqual([7, 2, 0]);
    expect(problemsOf(folder)).toEqual([
      'a/dangling.png link-not-followed: the link leads nowhere',
      'a/empty.jpg empty-file: the file has 0 bytes',
      'a/loop link-not-followed: links to folders are not followed; with `followLinks` they are',
      `a/out.png link-not-followed: the link leads out of the folder, to ${join(outside, '1.png')}`,
      'a/text.jpg not-an-image: the content is neither JPEG, PNG, WebP, GIF, AVIF, TIFF nor BMP',
      expect.stringMatching(/^b\/cut.png truncated: /),
      'b/dot.png too-small: 1 x 1 pixels, at least 4 on each side are needed',
      'c empty-class: the class folder holds no images',
      'd empty-class: none of its 2 images can be used',
      expect.stringMatching(/^d\/1.jpg not-an-image/),
      expect.stringMatching(/^d\/2.jpg not-an-image/),
      'stray.png no-class: the image lies in no class folder',
    ]);
    const summary = formatProblems(folder.problems).split('\n');
    expect(summary[0]).toBe(
      '12 problems: 3 link-not-followed, 3 not-an-image, 2 empty-class, 1 empty-file, 1 no-class, 1 too-small, 1 truncated.',
    );
    expect(summary).toHaveLength(13);
    await expect(open(root, { strict: true })).rejects.toThrow(/as strict demands: 12 problems: /);
  });

  it('a summary names twenty and counts the rest', () => {
    const many = numbered(25, 'p#.jpg').map((path) => ({ path, kind: 'truncated', message: 'cut' }) as const);
    expect(formatProblems(many).split('\n').slice(-2)).toEqual(['  p19.jpg: cut (truncated)', '  and 5 more']);
    expect(formatProblems([])).toBe('No problems.');
  });
});

describe('errors', () => {
  const cases: readonly [string, readonly string[], Record<string, string>, DatasetOptions, RegExp][] = [
    ['nothing', [], {}, {}, /nothing holds no usable images\. Expected <folder>/],
    [
      'documents',
      [],
      { 'a/1.txt': 'x', 'a/2.TXT': 'x', 'b/1.log': 'x' },
      {},
      /Other entries there: 2 \.txt, 1 \.log\./,
    ],
    [
      'all broken',
      [],
      { 'a/1.jpg': 'x', 'b/1.jpg': 'x' },
      {},
      /no usable images.*\n4 problems: 2 empty-class, 2 not-an-image/,
    ],
    [
      'one class',
      ['a/1.png', 'b/'],
      {},
      {},
      /one class \(a\) with usable training images, at least 2.*\n1 problem: 1 empty-class/,
    ],
    ['loose', ['1.png'], {}, {}, /holds no usable images.*\n1 problem: 1 no-class/],
    [
      'half',
      ['train/a/1.png', 'val/a/1.png', 'cat/1.png'],
      {},
      {},
      /some folders are splits \(train, val\) and some are not \(cat\)/,
    ],
    [
      'twice',
      ['train/a/1.png', 'val/a/1.png', 'valid/a/1.png'],
      {},
      {},
      /the same split \(train, val, valid\)\. Merge them; .*`parts: "none"`/,
    ],
    ['no train', ['val/a/1.png', 'test/b/1.png'], {}, {}, /there is test, val, but no train/],
    [
      'new class',
      ['a/1.png', 'b/1.png', 'x/1.png'],
      {},
      { classes: ['a', 'b', 'c'] },
      /^1 class .*\+ x \(dataset\), the run has a, b, c\./,
    ],
  ];
  it.each(cases)('%s', async (name, files, contents, options, message) => {
    const error = await open(await folderOf(name, files, contents), options).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(UserError);
    expect((error as Error).message).toMatch(message);
  });

  it.each([
    [{ validationFraction: 1.5 }, 'validationFraction: expected 0 to 1, received 1.5'],
    [{ classDepth: 0 }, 'classDepth: expected a whole number of at least 1, received 0'],
    [{ testFraction: 1 }, 'testFraction: expected 0 or more, and less than 1, received 1'],
    [{ maxPerClass: 0 }, 'maxPerClass: expected at least 1, received 0'],
  ])('%j', async (options, message) => {
    await expect(open(home, options)).rejects.toThrow(message);
  });

  it('no such folder, and a file', async () => {
    await expect(open(join(home, 'missing'))).rejects.toThrow(/missing does not exist\. Expected <folder>/);
    mkdirSync(join(home, 'photographs'));
    await expect(open(join(home, 'photograph'))).rejects.toThrow(
      'does not exist. Did you mean "photographs"? Expected',
    );
    writeFileSync(join(home, 'file'), '');
    await expect(open(join(home, 'file'))).rejects.toThrow(/file is empty\. Expected/);
  });
});

describe('the classes of an existing run', () => {
  it('keep their labels; missing folders are fine, and so is a test split alone', async () => {
    const root = await folderOf('evaluated', ['test/b/1.png', 'test/d/1.png']);
    const folder = await open(root, { classes: ['d', 'c', 'b', 'a'] });
    expect(counts(folder)).toEqual([0, 0, 2]);
    expect(folder.classes).toEqual(['d', 'c', 'b', 'a']);
    expect(folder.test.map(({ label }) => label)).toEqual([2, 0]);
    expect(folder.problems).toEqual([]);
  });
});

describe('fingerprint', () => {
  it('is of names, labels and contents, not of the split', async () => {
    const root = await folderOf('printed', [...numbered(6, 'a/#.png'), ...numbered(6, 'b/#.png')]);
    const print = async (options: DatasetOptions = {}) => fingerprint(await open(root, options));
    const first = await print();
    expect(first).toMatch(/^[0-9a-f]{64}$/);
    expect(await print({ seed: 9, validationFraction: 0.5 })).toBe(first);
    expect(await print({ classes: ['b', 'a'] })).not.toBe(first);
    writeFileSync(join(root, 'a/0.png'), await image());
    expect(await print()).not.toBe(first);
  });
});

describe.each([
  ['trashnet_600', 6, [480, 120, 0]],
  ['caltech101_10x60', 10, [480, 120, 0]],
] as const)('../shared/data/%s', (name, classes, expected) => {
  const root = `../shared/data/${name}`;
  const missing = !existsSync(root);
  it.skipIf(missing)(missing ? `skipped: ${root} is not there` : 'is checked without problems', async () => {
    const progress: number[] = [];
    const folder = await openDataset(root, { onProgress: (done, total) => progress.push(done / total) });
    expect(folder.classes).toHaveLength(classes);
    expect(folder.problems).toEqual([]);
    expect(counts(folder)).toEqual(expected);
    for (let label = 0; label < classes; label++) {
      expect(folder.validation.filter((p) => p.label === label)).toHaveLength(120 / classes);
    }
    expect(progress).toHaveLength(600);
    expect(progress.at(-1)).toBe(1);
  });
});

describe('formats', () => {
  it('TIFF and BMP are read; what is not is listed, in folders and by an expression', async () => {
    const bitmap = bmp({ width: 8, height: 8, bits: 24, pixels: Buffer.alloc(8 * 24, 77) });
    const tiff = await sharp(bitmap.subarray(54), { raw: { width: 8, height: 8, channels: 3 } })
      .tiff()
      .toBuffer();
    const files = {
      'a/1.tif': tiff,
      'a/2.TIFF': tiff,
      'a/3.heic': 'x',
      'b/1.bmp': bitmap,
      'b/2.svg': '<svg/>',
      'b/notes.txt': '',
    };
    const root = await folderOf('formats', [], files);
    const { train, problems } = await open(root, { validationFraction: 0 });
    expect(train.map(({ path }) => relative(root, path))).toEqual(['a/1.tif', 'a/2.TIFF', 'b/1.bmp']);
    const unread = [
      [join(root, 'a/3.heic'), 'foreign-format', 'HEIC is not read; save the image as JPEG, PNG or TIFF'],
      [join(root, 'b/2.svg'), 'foreign-format', 'SVG is not read; save the image as JPEG, PNG or TIFF'],
    ];
    expect(problems.map(({ path, kind, message }) => [path, kind, message])).toEqual(unread);
    const named = await open(root, { labelRegex: '^(\\d)', validationFraction: 0 });
    expect(named.problems.map(({ path, kind, message }) => [path, kind, message])).toEqual(unread);
  });
});
