import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type PackedFile, tarOf, zipOf } from '../../../../../test/archives.ts';
import { drawImages, ownCache, temporaryFolder } from '../../../../../test/images.ts';
import { type Dataset, type DatasetOptions, fingerprint, openDataset } from '../dataset.ts';
import { createImagePool } from '../image-pool.ts';
import { batches } from '../loader.ts';

ownCache();
const home = temporaryFolder();
const folder = join(home, 'photos');
const pool = createImagePool({ threads: 1 });
afterAll(() => pool.close());

const names = ['cross', 'disc', 'square'].flatMap((look) => Array.from({ length: 6 }, (_, i) => `${look}/00${i}.png`));
const classOf = (name: string) => name.split('/')[0]!;
const bytesOf = (name: string) => readFileSync(join(folder, name));
const open = (path: string, options: DatasetOptions = {}) => openDataset(path, { seed: 5, pool, ...options });

function write(name: string, content: string | Uint8Array): string {
  const path = join(home, name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content);
  return path;
}

const packed = (prefix = '', more: Partial<PackedFile> = {}): PackedFile[] =>
  names.map((name) => ({ name: prefix + name, bytes: bytesOf(name), ...more }));

/** What training sees of a dataset. */
async function seen(dataset: Dataset) {
  const views = [];
  for (const images of [dataset.train, dataset.validation]) {
    const order = images.map((_, i) => i);
    const view = { kind: 'evaluation', preprocessing: { resize: 24, crop: 24 } } as const;
    for await (const batch of batches(pool, images, {
      batchSize: order.length,
      size: 24,
      view,
      order,
      lastBatch: 'pad',
    }))
      views.push({ pixels: batch.pixels, labels: batch.labels });
  }
  return views;
}

beforeAll(async () => {
  await drawImages(folder, { perClass: 6 });
});

/** The same images under the same names, in every shape that keeps names. */
const shapes: readonly [name: string, make: () => string, options?: DatasetOptions][] = [
  ['a CSV', () => write('photos/labels.csv', `file,label\n${names.map((n) => `${n},${classOf(n)}`).join('\n')}\n`)],
  [
    'a CSV as spreadsheets write it',
    () =>
      write(
        'photos/excel.csv',
        `\ufeffImage Path;Remark;Class\r\n${names.map((n) => `"${n.replace('/', '\\')}";"a; b";${classOf(n)}`).join('\r\n')}`,
      ),
  ],
  [
    'a TSV with columns that are named',
    () => write('photos/t.tsv', `what\twhere\n${names.map((n) => `${classOf(n)}\t./${n}`).join('\n')}`),
    { pathColumn: 'where', labelColumn: 'what' },
  ],
  [
    'JSON Lines',
    () =>
      write('photos/labels.jsonl', names.map((n) => JSON.stringify({ file_name: n, label: classOf(n) })).join('\n')),
  ],
  ['a stored zip', () => write('stored.zip', zipOf(packed()))],
  ['a deflated zip', () => write('deflated.zip', zipOf(packed('', { deflate: true })))],
  ['a zip with a folder around it', () => write('wrapped.zip', zipOf(packed('some/photos/')))],
  [
    'a zip of a Mac',
    () =>
      write(
        'mac.zip',
        zipOf([
          ...packed('photos/'),
          ...packed('__MACOSX/photos/._').slice(0, 3),
          { name: 'photos/.DS_Store', bytes: Buffer.from('x') },
        ]),
      ),
  ],
  ['a tar', () => write('photos.tar', tarOf(packed()))],
  [
    'a tar of ./',
    () => write('dot.tar', tarOf([{ name: './', bytes: Buffer.alloc(0), type: 'Directory' }, ...packed('./')])),
  ],
  ['a gzipped tar', () => write('photos.tgz', gzipSync(tarOf(packed('photos/'))))],
  [
    'a zip with a metadata.csv',
    () =>
      write(
        'described.zip',
        zipOf([
          ...packed('x/'),
          {
            name: 'x/metadata.csv',
            bytes: Buffer.from(`file_name,label\n${names.map((n) => `${n},${classOf(n)}`).join('\n')}`),
          },
        ]),
      ),
  ],
];

describe('the same images are the same dataset', () => {
  it.each(shapes)('%s', async (_name, make, options = {}) => {
    const expected = await open(folder);
    const dataset = await open(make(), options);
    expect(dataset.classes).toEqual(['cross', 'disc', 'square']);
    expect(dataset.problems).toEqual([]);
    expect([dataset.train.length, dataset.validation.length]).toEqual([15, 3]);
    expect(await seen(dataset)).toEqual(await seen(expected));
    expect(fingerprint(dataset)).toBe(fingerprint(expected));
    const limited = await open(make(), { ...options, maxPerClass: 4 });
    expect(fingerprint(limited)).toBe(fingerprint(await open(folder, { maxPerClass: 4 })));
  });

  it('parts by other names: folders, archives and columns', async () => {
    const named = (part: string, from: string[]) =>
      from.map((name) => ({ name: `${part}/${name}`, bytes: bytesOf(name) }));
    const files = [
      ...named(
        'Training',
        names.filter((_, i) => i % 6 < 4),
      ),
      ...named(
        'dev',
        names.filter((_, i) => i % 6 === 4),
      ),
      ...named(
        'Testing',
        names.filter((_, i) => i % 6 === 5),
      ),
    ];
    for (const { name, bytes } of files) write(`parts/${name}`, bytes);
    const rows = files.map(({ name }) => `${name},${name.split('/')[1]},${name.split('/')[0]!.toUpperCase()}`);
    const table = write('parts/labels.csv', `path,class,split\n${rows.join('\n')}\n`);
    for (const path of [
      join(home, 'parts'),
      write('parts.zip', zipOf(files)),
      write('parts.tar', tarOf(files)),
      table,
    ]) {
      const dataset = await open(path);
      expect([dataset.train, dataset.validation, dataset.test].map(({ length }) => length)).toEqual([12, 3, 3]);
      expect(dataset.classes).toEqual(['cross', 'disc', 'square']);
    }
    expect((await open(table, { parts: 'none' })).test).toEqual([]);
    const twice = write(
      'parts/twice.csv',
      `path,class,split\n${rows.join('\n').replaceAll('TESTING', 'evaluation')}\n`,
    );
    await expect(open(twice)).rejects.toThrow('rows are in the splits "evaluation" and "dev"');
  });

  it('names with the class in them, by an expression: other names, the same split and pixels', async () => {
    const flat = join(home, 'flat');
    for (const name of names) write(join('flat', name.replace('/', '_')), bytesOf(name));
    const expected = await seen(await open(folder));
    for (const labelRegex of ['^(.+)_\\d+\\.png$', '^(?<label>[a-z]+)_', '_?(?<n>x)?(?<label>cross|disc|square)']) {
      const dataset = await open(flat, { labelRegex });
      expect(dataset.classes).toEqual(['cross', 'disc', 'square']);
      expect(await seen(dataset)).toEqual(expected);
    }
    const zipped = write(
      'flat.zip',
      zipOf(names.map((name) => ({ name: name.replace('/', '_'), bytes: bytesOf(name) }))),
    );
    expect(fingerprint(await open(zipped, { labelRegex: '^(.+)_' }))).toBe(
      fingerprint(await open(flat, { labelRegex: '^(.+)_' })),
    );
  });
});
