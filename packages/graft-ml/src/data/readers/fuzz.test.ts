import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { UserError } from '@graft-ml/core/internal/base/errors';
import { type RandomStream, randomStream } from '@graft-ml/core/internal/base/random';
import { afterAll, describe, expect, it } from 'vitest';
import { ownCache, temporaryFolder } from '../../../../../test/images.ts';
import { type Dataset, openDataset } from '../dataset.ts';
import { createImagePool } from '../image-pool.ts';

/* Whatever happens to a file: an error, a problem, or the images that were in it. Nothing is written but to the cache. */

ownCache();
const home = temporaryFolder();
const pool = createImagePool({ threads: 1 });
afterAll(() => pool.close());
const golden = (name: string) => readFileSync(join('golden/shapes', name));
const imagesOf = ({ train, validation, test }: Dataset) => [...train, ...validation, ...test];

async function open(path: string): Promise<Dataset | undefined> {
  return openDataset(path, { pool }).catch((error: unknown) => {
    expect(error, error instanceof Error ? error.stack : '').toBeInstanceOf(UserError);
    return undefined;
  });
}

/**
 * A copy with what happens to files: cut off, bits flipped, a part overwritten by another, a number replaced by a lie.
 */
function damaged(sound: Uint8Array, random: RandomStream): Uint8Array {
  const kind = random.uniform();
  if (kind < 0.1) return sound.slice(0, random.integer(sound.length));
  const bytes = new Uint8Array(sound);
  // Directories and descriptions stand at the ends, images between them.
  const place = () => {
    const near = random.integer(Math.min(1500, bytes.length));
    return random.uniform() < 0.5 ? bytes.length - 1 - near : random.integer(bytes.length);
  };
  if (kind < 0.5) {
    for (let i = random.integer(4); i >= 0; i--) bytes[place()]! ^= 1 << random.integer(8);
  } else if (kind < 0.8) {
    for (let i = random.integer(3); i >= 0; i--) bytes[place()] = [0, 1, 0x7f, 0x80, 0xff][random.integer(5)]!;
  } else {
    const from = place();
    const part = bytes.slice(from, from + 1 + random.integer(64));
    bytes.set(part, random.integer(bytes.length - part.length));
  }
  return bytes;
}

describe.each([
  ['stored.zip', 60],
  ['deflated.zip', 60],
  ['pax.tar', 60],
  ['gnu.tar.gz', 40],
  ['hub.parquet', 25],
  ['zstd.parquet', 15],
  ['snappy.parquet', 15],
] as const)('%s, damaged', (name, rounds) => {
  it(`${rounds} times`, { timeout: 300_000 }, async () => {
    const sound = golden(name);
    const known = new Set(imagesOf((await open(join('golden/shapes', name)))!).map(({ sha256 }) => sha256));
    let read = 0;
    for (let round = 0; round < rounds; round++) {
      const folder = join(home, `${name}-${round}`);
      mkdirSync(folder);
      const random = randomStream(0, 'damage', name, round);
      // Half of the gzipped ones are damaged inside.
      const inside = name.endsWith('.gz') && round % 2 === 0;
      writeFileSync(join(folder, 'x'), inside ? gzipSync(damaged(gunzipSync(sound), random)) : damaged(sound, random));
      const dataset = await open(join(folder, 'x'));
      if (dataset) {
        read++;
        // A ZIP archive has checksums, others may give an image that is another: then it is a whole one.
        const strangers = imagesOf(dataset).filter(({ sha256 }) => !known.has(sha256));
        if (name.endsWith('.zip')) expect(strangers).toEqual([]);
        expect(imagesOf(dataset).length + dataset.problems.length).toBeGreaterThan(0);
      }
      expect(readdirSync(folder)).toEqual(['x']);
    }
    expect(read).toBeGreaterThan(0);
    expect(existsSync(join(home, 'x'))).toBe(false);
    const left = readdirSync(join(process.env.GRAFT_CACHE!, '..')).concat(readdirSync(home));
    expect(left.filter((entry) => entry.endsWith('.part') || entry.endsWith('.lock'))).toEqual([]);
  });
});

describe('tables, damaged', () => {
  const rows = ['birch/000.png,birch', 'birch/001.png,birch', '"x/0.png","x, y"', 'x/1.png,"x, y"'];
  const texts = {
    csv: `file,label\n${rows.join('\n')}\n`,
    jsonl:
      '{"file": "birch/000.png", "label": "birch"}\n{"file": "birch/001.png", "label": "birch"}\n{"file": "x/0.png", "label": "x"}\n{"file": "x/1.png", "label": "x"}',
  };
  it.each(Object.entries(texts))('%s', { timeout: 120_000 }, async (kind, text) => {
    const archive = imagesOf((await open('golden/shapes/stored.zip'))!);
    const bytes = archive.slice(0, 4).map(({ within }) => golden('stored.zip').subarray(within!.start));
    for (const [i, name] of ['birch/000.png', 'birch/001.png', 'x/0.png', 'x/1.png'].entries()) {
      const data = bytes[i]!;
      mkdirSync(join(home, kind, name, '..'), { recursive: true });
      // Behind its local header.
      writeFileSync(
        join(home, kind, name),
        data.subarray(data.indexOf('\x89PNG', 0, 'latin1'), data.indexOf('IEND', 0, 'latin1') + 8),
      );
    }
    let read = 0;
    for (let round = 0; round < 120; round++) {
      const path = join(home, kind, 'table');
      writeFileSync(path, round === 0 ? text : damaged(Buffer.from(text), randomStream(1, 'damage', kind, round)));
      const dataset = await open(path);
      if (dataset) read++;
      if (dataset) expect(imagesOf(dataset).length).toBeLessThanOrEqual(4);
      if (round === 0) expect(imagesOf(dataset!)).toHaveLength(4);
    }
    expect(read).toBeGreaterThan(5);
  });
});
