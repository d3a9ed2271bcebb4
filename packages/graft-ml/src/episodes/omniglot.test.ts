import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { randomStream } from '@graft-ml/core/internal/base/random';
import type { Episode } from '@graft-ml/core/internal/meta/episode';
import sharp from 'sharp';
import { beforeAll, describe, expect, it } from 'vitest';
import { type PackedFile, zipOf } from '../../../../test/archives.ts';
import { ownCache, temporaryFolder } from '../../../../test/images.ts';
import { split as splitText } from '../text/split.ts';
import { oneShotTrials } from './one-shot-trials.ts';
import { openEpisodes } from './open-episodes.ts';

ownCache();

const folder = temporaryFolder();
const two = (i: number) => String(i).padStart(2, '0');

const made = new Map<number, Buffer>();

/** An image of one grey level and nothing else. */
async function flat(level: number): Promise<Buffer> {
  const background = { r: level, g: level, b: level };
  const bytes =
    made.get(level) ??
    (await sharp({ create: { width: 7, height: 7, channels: 3, background } })
      .png()
      .toBuffer());
  made.set(level, bytes);
  return bytes;
}

/** A set of Omniglot with these alphabets of so many characters by two drawers. */
async function filesOf(part: string, alphabets: Readonly<Record<string, number>>): Promise<PackedFile[]> {
  const files: PackedFile[] = [];
  for (const [alphabet, characters] of Object.entries(alphabets)) {
    for (let c = 1; c <= characters; c++) {
      for (const drawer of [1, 2]) {
        const name = `images_${part}/${alphabet}/character${two(c)}/0000_${two(drawer)}.png`;
        files.push({ name, bytes: await flat(files.length % 256) });
      }
    }
  }
  return files;
}

function mkdir(path: string): string {
  mkdirSync(path, { recursive: true });
  return path;
}

/** The order in which the queries of a trial come: query i is of class order[i]. */
const orderOf = (run: number) => randomStream(0, 'order', run).shuffle(Array.from({ length: 20 }, (_, i) => i));

/** Trials whose classes are grey levels: class i of every run has level 10 i, its query 10 i + 3. */
async function trialsOf(change: (lines: string[], run: number) => string[] = (lines) => lines): Promise<Buffer> {
  const files: PackedFile[] = [];
  for (let run = 1; run <= 20; run++) {
    const name = `run${two(run)}`;
    const order = orderOf(run);
    for (let i = 0; i < 20; i++) {
      files.push({ name: `${name}/training/class${two(i + 1)}.png`, bytes: await flat(10 * i) });
      files.push({ name: `${name}/test/item${two(i + 1)}.png`, bytes: await flat(10 * order[i]! + 3) });
    }
    const lines = order.map((c, i) => `${name}/test/item${two(i + 1)}.png ${name}/training/class${two(c + 1)}.png`);
    files.push({ name: `${name}/class_labels.txt`, bytes: Buffer.from(`${change(lines, run).join('\n')}\n`) });
  }
  return zipOf(files);
}

beforeAll(async () => {
  writeFileSync(join(folder, 'images_background.zip'), zipOf(await filesOf('background', { Futurama: 26, Greek: 22 })));
  writeFileSync(join(folder, 'images_evaluation.zip'), zipOf(await filesOf('evaluation', { Angelic: 12, Oriya: 8 })));
  writeFileSync(join(folder, 'all_runs.zip'), await trialsOf());
});

describe('the two archives in their folder', () => {
  it.each([
    ['30/5/20', [30, 5, 20], '30/5/20', ['Angelic', 'Futurama', 'Greek', 'Oriya']],
    ['48/20', [44, 4, 20], '44/4/20', ['Angelic', 'Futurama', 'Greek', 'Oriya']],
    ['background/evaluation', [44, 4, 20], 'background/evaluation', ['Angelic', 'Futurama', 'Greek', 'Oriya']],
    ['Futurama', [16, 5, 5], 'Futurama:16/5/5', ['Futurama']],
    ['Angelic:6/3/3', [6, 3, 3], 'Angelic:6/3/3', ['Angelic']],
  ] as const)('split %s', async (split, expected, resolved, used) => {
    const { train, validation, test, header } = await openEpisodes(folder, { side: 7, split: splitText.parse(split) });
    expect([train, validation, test].map(({ classes }) => classes.length)).toEqual(expected);
    expect(header.split).toBe(resolved);
    const all = [...train.classes, ...validation.classes, ...test.classes];
    expect(new Set(all).size).toBe(all.length);
    const alphabets = new Set(all.map((name) => name.slice(0, name.indexOf('/'))));
    expect([...alphabets].sort()).toEqual(used);
    if (split === 'background/evaluation')
      expect(test.classes.every((name) => /^(Angelic|Oriya)\//.test(name))).toBe(true);
  });

  it('unpacked, are the same', async () => {
    const unpacked = join(folder, 'unpacked');
    for (const [part, alphabets] of [
      ['background', { Futurama: 3, Greek: 2 }],
      ['evaluation', { Angelic: 2, Oriya: 2 }],
    ] as const) {
      const packed = await filesOf(part, alphabets);
      writeFileSync(join(mkdir(join(folder, 'packed')), `images_${part}.zip`), zipOf(packed));
      for (const { name, bytes } of packed)
        writeFileSync(join(mkdir(join(unpacked, dirname(name))), basename(name)), bytes);
    }
    const [inside, outside] = await Promise.all(
      ['packed', 'unpacked'].map((name) =>
        openEpisodes(join(folder, name), { side: 7, split: 'background/evaluation' }),
      ),
    );
    expect(inside!.header.train.classes).toBe(4);
    expect({ ...inside!.header, root: '' }).toEqual({ ...outside!.header, root: '' });
  });

  it('are 1200/423 without a word, which this small one has not', async () => {
    await expect(openEpisodes(folder, { side: 7 })).rejects.toThrow(
      'split 1100/100/423 (train/validation/test) is not possible with 68',
    );
  });
});

describe('the one-shot trials', () => {
  /** The level of each row. */
  const levels = (images: Episode['support'], side: number) =>
    Array.from({ length: 20 }, (_, i) => images.data[i * 3 * side * side]);

  it('pair each class with its query, in the order of the classes', async () => {
    for (const path of [folder, join(folder, 'all_runs.zip')]) {
      const trials = await oneShotTrials(path, 7);
      expect(trials.length).toBe(20);
      for (const [i, { support, supportLabels, query, queryLabels, classes }] of trials.entries()) {
        expect(support.shape).toEqual([20, 3, 7, 7]);
        expect(levels(support, 7)).toEqual(Array.from({ length: 20 }, (_, c) => 10 * c));
        expect(levels(query, 7)).toEqual(Array.from({ length: 20 }, (_, c) => 10 * c + 3));
        expect([...supportLabels.data].map(Number)).toEqual(Array.from({ length: 20 }, (_, c) => c));
        expect(queryLabels).toEqual(supportLabels);
        expect(classes).toEqual(Array.from({ length: 20 }, (_, c) => `run${two(i + 1)}/class${two(c + 1)}`));
      }
    }
  });

  it.each<[string, (lines: string[]) => string[], string]>([
    ['a line is missing', (lines) => lines.slice(1), 'run07 does not pair 20 images with 20 others'],
    ['a class comes twice', (lines) => [...lines.slice(1), lines[1]!], 'run07 does not pair'],
    [
      'a file is missing',
      (lines) => lines.map((line) => line.replace('item03', 'item33')),
      'test/item33.png", which is not there',
    ],
    [
      'a path leads elsewhere',
      (lines) => lines.map((line) => line.replace('run07/test', 'run08/test')),
      'which is not there',
    ],
    [
      'a path leads out',
      (lines) => lines.map((line) => line.replace('run07/test/item03', 'run07/../../x')),
      'which is not there',
    ],
  ])('%s', async (name, change, message) => {
    const path = join(folder, `${name.replaceAll(' ', '-')}.zip`);
    writeFileSync(path, await trialsOf((lines, run) => (run === 7 ? change(lines) : lines)));
    await expect(oneShotTrials(path, 7)).rejects.toThrow(message);
  });

  it('are not there', async () => {
    const empty = mkdir(join(folder, 'empty'));
    await expect(oneShotTrials(empty, 7)).rejects.toThrow(
      "run01 has no class_labels.txt. Expected Omniglot's all_runs.zip",
    );
  });
});

const omniglot = '../shared/data/omniglot';
describe.skipIf(!existsSync(omniglot))('Omniglot in ../shared/data/omniglot (skipped where that is absent)', () => {
  it('has 1623 characters of 20 images', { timeout: 180_000 }, async () => {
    const { train, validation, test, header, problems } = await openEpisodes(omniglot, {
      side: 28,
      rotations: true,
      perClass: 20,
    });
    expect(header).toMatchObject({
      split: '1100/100/423',
      train: { classes: 4400, images: 22_000 },
      validation: { classes: 400, images: 2000 },
      test: { classes: 1692, images: 8460 },
      bytes: 32_460 * 28 * 28,
      fingerprint: expect.stringMatching(/^132fee5ac937/),
    });
    expect(problems).toEqual([]);
    const sideOf = new Map<string, string>();
    for (const [side, { classes }] of Object.entries({ train, validation, test })) {
      for (const name of classes) {
        const character = name.replace(/@\d+$/, '');
        expect(sideOf.get(character) ?? side).toBe(side);
        sideOf.set(character, side);
      }
    }
    expect(sideOf.size).toBe(1623);
    const { support } = train.draw({ way: 20, shots: 5, queries: 15 }, [0]);
    // Ink is black on white paper, and a twentieth of it.
    const mean = support.data.reduce((sum, level) => sum + level, 0) / support.data.length;
    expect(mean).toBeGreaterThan(225);
    expect(mean).toBeLessThan(245);

    const again = await openEpisodes(omniglot, { side: 28, split: 'background/evaluation' });
    expect([again.train, again.validation, again.test].map(({ classes }) => classes.length)).toEqual([884, 80, 659]);
    expect(again.header.fingerprint).toBe(header.fingerprint);
    const { train: some } = await openEpisodes(omniglot, {
      side: 28,
      split: { folder: 'Futurama', classes: { train: 16, validation: 5, test: 5 } },
    });
    expect(some.classes.length).toBe(16);
    expect(some.classes.every((name) => name.startsWith('Futurama/character'))).toBe(true);
  });

  it('its trials are hard for the nearest image: right 22.75 % of the time', async () => {
    const trials = await oneShotTrials(omniglot, 28);
    let right = 0;
    for (const { support, query } of trials) {
      const pixels = (all: Episode['query'], i: number) => all.data.subarray(i * 3 * 784, i * 3 * 784 + 784);
      for (let q = 0; q < 20; q++) {
        const distances = Array.from({ length: 20 }, (_, s) => {
          const other = pixels(support, s);
          return pixels(query, q).reduce((sum, level, i) => sum + (level - other[i]!) ** 2, 0);
        });
        if (distances.indexOf(Math.min(...distances)) === q) right++;
      }
    }
    // Koch et al. 2015 report 21.7 % for the pixels at 105 x 105.
    expect(right / 400).toBe(0.2275);
  });
});
