import { cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { ownCache, temporaryFolder } from '../../../../../test/images.ts';
import { readWithin } from '../../files/within.ts';
import { type Dataset, type DatasetOptions, fingerprint, openDataset } from '../dataset.ts';
import { createImagePool } from '../image-pool.ts';

/* What Python's zipfile and tarfile, PyArrow and Hugging Face's datasets write: golden/shapes.py. */

ownCache();
const home = temporaryFolder();
const pool = createImagePool({ threads: 1 });
afterAll(() => pool.close());
const golden = 'golden/shapes';
const classes = ['birch', 'groß', '猫'];
const open = (path: string, options: DatasetOptions = {}) => openDataset(path, { pool, ...options });
const contents = ({ classes, train, validation }: Dataset) =>
  [...train, ...validation].map(({ label, sha256 }) => `${classes[label]} ${sha256}`).sort();

/** The images of the stored archive as a folder. */
const folder = join(home, 'photos');
async function unpacked(): Promise<Dataset> {
  const archive = await open(join(golden, 'stored.zip'));
  for (const { path, within } of [...archive.train, ...archive.validation]) {
    const file = join(folder, path.slice(archive.base.length));
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, await readWithin(within!));
  }
  return open(folder);
}

describe('what other tools write', () => {
  const byPath = { pathColumn: 'picture' };
  it.each<[string, DatasetOptions]>([
    ['stored.zip', {}],
    ['deflated.zip', {}],
    ['pax.tar', {}],
    ['gnu.tar.gz', {}],
    ['hub.parquet', {}],
    ['none.parquet', {}],
    ['snappy.parquet', {}],
    ['gzip.parquet', byPath],
    ['brotli.parquet', {}],
    ['zstd.parquet', { labelColumn: 'class' }],
    ['lz4.parquet', {}],
  ])('%s is the folder that was packed', async (name, options) => {
    const expected = await unpacked();
    const dataset = await open(join(golden, name), options);
    expect(dataset.classes).toEqual(classes);
    expect(dataset.problems).toEqual([]);
    expect([dataset.train.length, dataset.validation.length]).toEqual([12, 3]);
    expect(contents(dataset)).toEqual(contents(expected));
    expect(dataset.validation.map(({ sha256 }) => sha256)).toEqual(expected.validation.map(({ sha256 }) => sha256));
    expect(fingerprint(dataset)).toBe(fingerprint(expected));
  });

  it('a dataset of the hub: the files say the splits', async () => {
    const dataset = await open(join(golden, 'hub'));
    expect(dataset.classes).toEqual(classes);
    expect([dataset.train.length, dataset.validation.length]).toEqual([9, 6]);
    expect(contents(dataset)).toEqual(contents(await unpacked()));
    expect(dataset.notes).toHaveLength(2);
    expect(dataset.notes[0]).toMatch(
      /train-00000-of-00001\.parquet: images from column "image", classes from "label", unpacked into/,
    );
  });

  it('is unpacked once, by content, and not where the columns are others', async () => {
    const cache = join(process.env.GRAFT_CACHE!, 'datasets');
    const copy = join(home, 'copy.parquet');
    cpSync(join(golden, 'snappy.parquet'), copy);
    const before = readdirSync(cache).length;
    const first = readFileSync(copy);
    expect(contents(await open(copy))).toEqual(contents(await open(join(golden, 'snappy.parquet'))));
    expect(readdirSync(cache)).toHaveLength(before);
    expect(
      readdirSync(cache).filter((name) => !/^[0-9a-f]{64}\.(tar|[0-9a-f]{8}\.images)(\.json)?$/.test(name)),
    ).toEqual([]);
    await open(copy, byPath);
    expect(readdirSync(cache)).toHaveLength(before + 2);
    expect(readFileSync(copy)).toEqual(first);
  });
});
