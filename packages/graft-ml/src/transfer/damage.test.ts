import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { crc32 } from 'node:zlib';
import type { DamageEvent } from '@graft-ml/core/internal/runs/run-events';
import { beforeAll, describe, expect, test } from 'vitest';
import { drawImages, ownCache, temporaryFolder } from '../../../../test/images.ts';
import { expectSameRun, runFolder } from '../../../../test/runs.ts';
import { openDataset } from '../data/dataset.ts';
import { createImagePool } from '../data/image-pool.ts';
import { readRun } from '../runs/read-run.ts';

ownCache();
const home = temporaryFolder();
const sound = join(home, 'sound');
const expected = join(home, 'expected');
let count = 0;

/** A PNG that is whole by all that its structure says, and whose pixels cannot be inflated. */
function damagedPng(good: string): Buffer {
  const bytes = readFileSync(good);
  const at = bytes.indexOf('IDAT', 0, 'latin1');
  const end = at + 4 + bytes.readUInt32BE(at - 4);
  bytes.fill(0x55, at + 10, end);
  bytes.writeUInt32BE(crc32(bytes.subarray(at, end)), end);
  return bytes;
}

/** The sound images and this damaged one, under a name that nothing was cached of. */
function withDamage(name: string): { folder: string; damaged: string } {
  const folder = join(home, `shapes${count++}`);
  cpSync(sound, folder, { recursive: true });
  const damaged = join(folder, name);
  mkdirSync(dirname(damaged), { recursive: true });
  writeFileSync(damaged, damagedPng(join(sound, 'train/cross/000.png')));
  return { folder, damaged };
}

const fresh = () => join(home, `run${count++}`);
const forgetDecoded = () => rmSync(join(process.env.GRAFT_CACHE!, 'images'), { recursive: true, force: true });

beforeAll(async () => {
  for (const [part, first, perClass] of [
    ['train', 0, 8],
    ['val', 100, 2],
    ['test', 200, 1],
  ] as const) {
    await drawImages(join(sound, part), { first, perClass });
  }
  await runFolder(sound, expected);
});

describe('an image that decoding alone shows to be damaged', () => {
  test.each(['train/cross/x.png', 'val/disc/x.png', 'test/square/x.png'])('in %s is left out', async (name) => {
    forgetDecoded();
    const { folder, damaged } = withDamage(name);
    const out = fresh();
    const events = await runFolder(folder, out);
    const found = events.filter((event): event is DamageEvent => event.kind === 'damage');
    expect(found.map(({ problem }) => [problem.path, problem.kind])).toEqual([[damaged, 'unreadable']]);
    expect(events.at(-1)?.kind).toBe('end');
    const { dataset, status } = await readRun(out);
    expect(status).toBe('done');
    expect(dataset).toMatchObject({
      train: 24,
      validation: 6,
      test: 3,
      leftOut: [{ path: damaged, kind: 'unreadable' }],
    });
    // As if it had been known from the beginning.
    expectSameRun(expected, out);
    expect(dataset.fingerprint).toBe((await readRun(expected)).dataset.fingerprint);
  });

  test('is left out, too, where the run was interrupted before it was found', async () => {
    forgetDecoded();
    const { folder, damaged } = withDamage('test/square/x.png');
    const out = fresh();
    expect((await runFolder(folder, out, { stopAfter: 1 })).at(-1)?.kind).toBe('interrupted');
    expect((await readRun(out)).dataset.leftOut).toEqual([]);
    const events = await runFolder(folder, out);
    expect(events.map(({ kind }) => kind).filter((kind) => kind === 'damage')).toHaveLength(1);
    expect((await readRun(out)).dataset.leftOut).toEqual([{ path: damaged, kind: 'unreadable' }]);
    expectSameRun(expected, out);
  });

  test('is an error at once with strict', async () => {
    const { folder, damaged } = withDamage('train/cross/x.png');
    await expect(runFolder(folder, fresh(), { strict: true })).rejects.toThrow(`${damaged}: damaged png`);
  });
});

test('what was decoded once is not decoded again, and only that is taken on trust', async () => {
  forgetDecoded();
  const { folder, damaged } = withDamage('train/cross/x.png');
  const later = await openDataset(folder, { decode: 'later' });
  expect(later.problems).toEqual([]);
  expect(later.train.filter(({ isUnproven }) => isUnproven)).toHaveLength(25);
  const now = await openDataset(folder);
  expect(now.problems).toMatchObject([{ path: damaged, kind: 'unreadable' }]);
  expect([...now.train, ...now.validation, ...now.test].filter(({ isUnproven }) => isUnproven)).toEqual([]);
  const again = await openDataset(folder, { decode: 'later' });
  expect(again.train.filter(({ isUnproven }) => isUnproven).map(({ path }) => path)).toEqual([damaged]);
});

test('the number of threads changes nothing of what is found', async () => {
  const { folder } = withDamage('train/cross/x.png');
  writeFileSync(join(folder, 'train/disc/cut.png'), readFileSync(join(sound, 'train/disc/000.png')).subarray(0, 200));
  const found = [];
  for (const threads of [1, 3]) {
    forgetDecoded();
    const pool = createImagePool({ threads });
    for (const decode of ['later', 'now'] as const) found.push(await openDataset(folder, { pool, decode, seed: 2 }));
    await pool.close();
  }
  expect(found[2]).toEqual(found[0]);
  expect(found[3]).toEqual(found[1]);
  expect(found.map(({ problems }) => problems.length)).toEqual([1, 2, 1, 2]);
});

test('a damaged record of what was decoded costs a look, no more', async () => {
  forgetDecoded();
  await openDataset(sound);
  const folder = join(process.env.GRAFT_CACHE!, 'images');
  const [name] = readdirSync(folder);
  const bytes = readFileSync(join(folder, name!));
  bytes[5]! ^= 1;
  writeFileSync(join(folder, name!), bytes.subarray(0, bytes.length - 7));
  const { train, validation, test: tested } = await openDataset(sound, { decode: 'later' });
  const unproven = [...train, ...validation, ...tested].filter(({ isUnproven }) => isUnproven);
  expect(unproven).toHaveLength(2);
  await openDataset(sound);
  const mended = await openDataset(sound, { decode: 'later' });
  expect([...mended.train, ...mended.validation].filter(({ isUnproven }) => isUnproven)).toEqual([]);
});
