import { mkdirSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { randomStream } from '@graft-ml/core/internal/base/random';
import { resize } from '@graft-ml/core/internal/image/resize';
import { evaluationView } from '@graft-ml/core/internal/image/transform';
import type { EpisodeSets } from '@graft-ml/core/internal/runs/episode-sets';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type PackedFile, tarOf, zipOf } from '../../../../test/archives.ts';
import { ownCache, temporaryFolder } from '../../../../test/images.ts';
import { folderCache } from '../cache/folder-cache.ts';
import { decodeImage } from '../data/decode.ts';
import { createImagePool, type ImagePool } from '../data/image-pool.ts';
import type { EpisodeOptions } from './episode.ts';
import { openEpisodes } from './open-episodes.ts';

ownCache();

const names = ['A/c1', 'A/c2', 'A/c3', 'A/c4', 'B/c1', 'B/c2', 'B/deep/c3', 'B/deep/c4', 'plain', 'other'];
const side = 8;
const shape = { way: 2, shots: 1, queries: 2 };

/** An image of noise: of one bit, as Omniglot's, or of colours. */
async function noise(name: string, index: number, isColour: boolean): Promise<Buffer> {
  const [width, height, channels] = isColour ? [14, 10, 3 as const] : [11, 11, 1 as const];
  const stream = randomStream(0, 'noise', name, index);
  const data = Buffer.from(Array.from({ length: width * height * channels }, () => stream.integer(256)));
  const image = sharp(data, { raw: { width, height, channels } });
  return (isColour ? image : image.threshold(128)).png().toBuffer();
}

/** Ten classes of four images; those of `plain` and of `other` are in colour. */
let files: PackedFile[];
let folder: string;
let pool: ImagePool;

function write(root: string, packed: readonly PackedFile[]): string {
  for (const { name, bytes } of packed) {
    mkdirSync(dirname(join(root, name)), { recursive: true });
    writeFileSync(join(root, name), bytes);
  }
  return root;
}

function writeFile(name: string, bytes: Uint8Array): string {
  const path = join(temporaryFolderOf, name);
  writeFileSync(path, bytes);
  return path;
}

const temporaryFolderOf = temporaryFolder();

beforeAll(async () => {
  pool = createImagePool({ threads: 1 });
  const images = names.flatMap((name) => [0, 1, 2, 3].map((i) => ({ name, i })));
  files = await Promise.all(
    images.map(async ({ name, i }) => ({
      name: `${name}/${i}.png`,
      bytes: await noise(name, i, name === 'plain' || name === 'other'),
    })),
  );
  folder = write(join(temporaryFolderOf, 'folder'), files);
});
afterAll(() => pool.close());

const open = (path: string, options: Partial<EpisodeOptions> = {}) => openEpisodes(path, { side, pool, ...options });

/** Ten episodes of each side. */
const episodesOf = (sets: EpisodeSets) =>
  (['train', 'validation', 'test'] as const).flatMap((name) =>
    Array.from({ length: 10 }, (_, i) => sets[name].draw(shape, [name, i])),
  );

describe('a nested folder', () => {
  it('has its deepest folders as classes, each on one side', async () => {
    const { train, validation, test, header, problems } = await open(folder);
    expect([...train.classes, ...validation.classes, ...test.classes].sort()).toEqual([...names].sort());
    expect([train, validation, test].map(({ classes }) => classes.length)).toEqual([6, 2, 2]);
    expect(problems).toEqual([]);
    expect(header).toMatchObject({
      root: folder,
      side,
      split: '6/2/2',
      seed: 0,
      rotations: false,
    });
    expect(header).toMatchObject({ train: { classes: 6, images: 24 }, test: { classes: 2, images: 8 } });
    // 32 grey images in one plane, 8 in colour in three.
    expect(header.bytes).toBe((32 + 3 * 8) * side * side);
    expect(header.lines).toEqual([
      'classes: train 6 (24 images), validation 2 (8 images), test 2 (8 images)',
      'split 6/2/2, seed 0; rotation classes: none',
      `images of 8 x 8 pixels, 1 MiB; fingerprint ${header.fingerprint.slice(0, 12)}`,
    ]);
  });

  it('gives the images as evaluation sees them', async () => {
    const { train, validation, test } = await open(folder, { interpolation: 'bicubic', resize: 9 });
    const views = new Map<string, string>();
    for (const { name, bytes } of files) {
      const image = await decodeImage(bytes, name);
      const framing = { resize: 9, crop: side, interpolation: 'bicubic' } as const;
      const { box } = evaluationView(image, framing);
      const pixels = new Uint8Array(3 * side * side);
      resize(image, box, { width: side, height: side, interpolation: 'bicubic' }, pixels);
      views.set(pixels.join(), dirname(name));
    }
    expect(views.size).toBe(40);
    for (const source of [train, validation, test]) {
      const { support, classes } = source.draw({ way: 2, shots: 2, queries: 2 }, [1]);
      for (let row = 0; row < 4; row++) {
        const pixels = support.data.subarray(row * 3 * side * side, (row + 1) * 3 * side * side);
        expect(views.get(pixels.join())).toBe(classes[Math.floor(row / 2)]);
      }
    }
  });

  it('in an archive gives the same episodes, under another seed others', async () => {
    const expected = await open(folder);
    const zipped = await open(writeFile('nested.zip', zipOf(files)), { cache: null });
    const packed = await open(writeFile('nested.tar', tarOf(files)), { cache: null });
    for (const sets of [zipped, packed]) {
      expect(sets.header.fingerprint).toBe(expected.header.fingerprint);
      expect(episodesOf(sets)).toEqual(episodesOf(expected));
    }
    const other = await open(folder, { seed: 1 });
    expect(other.header.fingerprint).toBe(expected.header.fingerprint);
    expect(episodesOf(other)).not.toEqual(episodesOf(expected));
  });

  it('can be used in part: the classes below one folder', async () => {
    const { train, validation, test, header } = await open(folder, {
      split: { folder: 'B', classes: { train: 2, validation: 1, test: 1 } },
    });
    expect([...train.classes, ...validation.classes, ...test.classes].sort()).toEqual(names.slice(4, 8));
    expect(header.split).toBe('B:2/1/1');
    expect(header.bytes).toBe(16 * side * side);
    await expect(
      open(folder, { split: { folder: 'B/deeep', classes: { train: 2, validation: 1, test: 1 } } }),
    ).rejects.toThrow(
      'split "B/deeep" is no folder with classes in it. Did you mean "B/deep"? Expected one of: A, B, B/deep.',
    );
  });

  it('of a table, too', async () => {
    const rows = files.map(({ name }) => `${name},${dirname(name).replaceAll('/', ' ')}`);
    const table = join(folder, 'labels.csv');
    writeFileSync(table, `path,label\n${rows.join('\n')}\n`);
    const { train, validation, test } = await open(table);
    rmSync(table);
    const classes = [...train.classes, ...validation.classes, ...test.classes];
    expect(classes.sort()).toEqual(names.map((name) => name.replaceAll('/', ' ')).sort());
  });
});

it('Parquet files have classes, too', async () => {
  const { train, validation, test, header } = await open('golden/shapes/snappy.parquet', {
    split: { classes: { train: 1, validation: 1, test: 1 } },
  });
  const classes = [...train.classes, ...validation.classes, ...test.classes];
  expect(classes.sort()).toEqual(['birch', 'groß', '猫']);
  expect([header.train.images, header.validation.images, header.test.images]).toEqual([5, 5, 5]);
});

describe('rotation classes', () => {
  it('stay on the side of their class and are its images, turned', async () => {
    const upright = await open(folder);
    const { train, validation, test, header } = await open(folder, { rotations: true });
    expect([train, validation, test].map(({ classes }) => classes.length)).toEqual([24, 8, 8]);
    expect(test.classes).toEqual(
      upright.test.classes.flatMap((name) => [name, `${name}@90`, `${name}@180`, `${name}@270`]),
    );
    expect(header.test).toEqual({ classes: 8, images: 8 });
    const { support, query, classes } = test.draw({ way: 8, shots: 1, queries: 3 }, [0]);
    const size = 3 * side * side;
    const planesOf = (index: number) => {
      const label = classes.indexOf(test.classes[index]!);
      return [
        support.data.subarray(label * size, (label + 1) * size),
        query.data.subarray(label * 3 * size, (label + 1) * 3 * size),
      ].flatMap((data) =>
        Array.from({ length: data.length / size }, (_, i) => data.subarray(i * size, (i + 1) * size)),
      );
    };
    const turnOnce = (image: Uint8Array) =>
      Uint8Array.from(image, (_, i) => {
        const [c, y, x] = [Math.floor(i / side / side), Math.floor(i / side) % side, i % side];
        return image[(c * side + x) * side + side - 1 - y]!;
      });
    for (const index of [0, 1, 2, 4, 5, 6]) {
      const turned = planesOf(index).map((image) => turnOnce(image).join());
      expect(turned.sort()).toEqual(
        planesOf(index + 1)
          .map((image) => image.join())
          .sort(),
      );
    }
  });

  it('of the training side alone', async () => {
    const { train, validation, test, header } = await open(folder, { rotations: 'train' });
    expect([train, validation, test].map(({ classes }) => classes.length)).toEqual([24, 2, 2]);
    expect(header.lines[1]).toBe('split 6/2/2, seed 0; rotation classes: of the classes that train');
  });
});

describe('the folder’s own parts', () => {
  it('are the sides', async () => {
    const part = (name: string) => (name.startsWith('A/') ? 'train' : name.startsWith('B/') ? 'val' : 'test');
    const root = write(
      join(temporaryFolderOf, 'parts'),
      files.map((file) => ({ ...file, name: `${part(file.name)}/${file.name}` })),
    );
    const { train, validation, test, header } = await open(root);
    expect(train.classes).toEqual(names.slice(0, 4));
    expect(validation.classes).toEqual(names.slice(4, 8));
    expect(test.classes).toEqual(['other', 'plain']);
    expect(header.split).toBe('auto');
    expect((await open(root, { split: { classes: { train: 6, validation: 2, test: 2 } } })).train.classes.length).toBe(
      6,
    );
  });
});

describe('the cache', () => {
  const kept = () => join(process.env.GRAFT_CACHE!, 'episodes');
  /** Opens, and says how many images were decoded for it. */
  async function openCounted(path: string, options: Partial<EpisodeOptions> = {}) {
    let decoded = 0;
    const sets = await open(path, {
      ...options,
      onProgress: (done) => {
        decoded = done;
      },
    });
    return { decoded, sets };
  }

  it('spares the second run the decoding, and gives the same bytes', async () => {
    rmSync(kept(), { recursive: true, force: true });
    const first = await openCounted(folder);
    const second = await openCounted(folder);
    expect([first.decoded, second.decoded]).toEqual([40, 0]);
    expect(second.sets.header).toEqual(first.sets.header);
    expect(episodesOf(second.sets)).toEqual(episodesOf(first.sets));
    expect(readdirSync(kept()).length).toBe(2);
    expect((await openCounted(folder, { side: 9 })).decoded).toBe(40);
    expect((await openCounted(folder, { cache: null })).decoded).toBe(40);
  });

  it('keeps problems, too', async () => {
    const root = write(join(temporaryFolderOf, 'spoiled'), [
      ...files,
      { name: 'A/c1/bad.png', bytes: Buffer.from('bad') },
    ]);
    const first = await openCounted(root);
    const second = await openCounted(root);
    expect([first.decoded, second.decoded]).toEqual([41, 0]);
    expect(first.sets.problems).toMatchObject([{ path: join(root, 'A/c1/bad.png'), kind: 'not-an-image' }]);
    expect(second.sets.problems).toEqual(first.sets.problems);
    expect(episodesOf(second.sets)).toEqual(episodesOf(await open(folder)));
  });

  it.each<[string, (bytes: Buffer) => Buffer | undefined, RegExp]>([
    ['a byte', (bytes) => bytes.fill(bytes[9]! ^ 1, 9, 10), /u8$/],
    ['a cut', (bytes) => bytes.subarray(0, -1), /u8$/],
    ['no pixels', () => undefined, /u8$/],
    ['another note', (bytes) => Buffer.from(bytes.toString().replace('"planes": "1', '"planes": "3')), /json$/],
    ['a note that is none', () => Buffer.from('{'), /json$/],
    ['a note of nonsense', () => Buffer.from('{"side":1e99}'), /json$/],
    ['no note', () => undefined, /json$/],
  ])('damaged (%s) is made again', async (_name, damage, which) => {
    rmSync(kept(), { recursive: true, force: true });
    const { sets } = await openCounted(folder);
    const path = join(kept(), readdirSync(kept()).find((name) => which.test(name))!);
    const bytes = damage(readFileSync(path));
    if (bytes) writeFileSync(path, bytes);
    else rmSync(path);
    const again = await openCounted(folder);
    expect(again.decoded).toBe(40);
    expect(episodesOf(again.sets)).toEqual(episodesOf(sets));
    expect((await openCounted(folder)).decoded).toBe(0);
  });

  it('knows files that changed, and archives by what is in them', async () => {
    const root = write(join(temporaryFolderOf, 'changing'), files);
    const before = await openCounted(root);
    const path = join(root, files[0]!.name);
    writeFileSync(path, files[1]!.bytes);
    utimesSync(path, 1e9, 1e9);
    const after = await openCounted(root);
    expect(after.decoded).toBe(40);
    expect(after.sets.header.fingerprint).not.toBe(before.sets.header.fingerprint);

    const archive = writeFile('changing.zip', zipOf(files));
    expect((await openCounted(archive)).decoded).toBe(40);
    utimesSync(archive, 1e9, 1e9);
    expect((await openCounted(archive)).decoded).toBe(0);
    writeFile(basename(archive), zipOf([{ ...files[0]!, bytes: files[1]!.bytes }, ...files.slice(1)]));
    expect((await openCounted(archive)).decoded).toBe(40);
  });

  it('that cannot be written costs nothing but time', async () => {
    const file = writeFile('no-folder', Buffer.of(0));
    expect((await openCounted(folder, { cache: folderCache(join(file, 'below')) })).decoded).toBe(40);
  });
});

describe('says what is wrong', () => {
  it('small classes are left out', async () => {
    const root = write(join(temporaryFolderOf, 'small'), files.slice(0, -1));
    const { train, validation, test, problems } = await open(root, { perClass: 4 });
    expect([...train.classes, ...validation.classes, ...test.classes].sort()).toEqual(
      names.filter((n) => n !== 'other').sort(),
    );
    expect(problems).toEqual([
      {
        path: join(root, 'other'),
        kind: 'few-images',
        message: 'the class has 3 usable images, episodes need 4; it is left out',
      },
    ]);
  });

  it('images that take too much memory, also where they turn out to be in colour', async () => {
    const memory = (40 * side * side - 1) / 2 ** 20;
    await expect(open(folder, { memory, cache: null })).rejects.toThrow(
      '40 images of 8 x 8 pixels take at least 1 MiB, more than `memory: 1`. Lower `side`, use fewer classes',
    );
    await expect(open(folder, { memory: ((32 + 3 * 8) * side * side - 1) / 2 ** 20, cache: null })).rejects.toThrow(
      'take at least',
    );
    const enough = { memory: ((32 + 3 * 8) * side * side) / 2 ** 20 };
    expect((await open(folder, { ...enough, cache: null })).header.bytes).toBe(56 * 64);
  });

  it.each([
    [{ side: 3 }, 'side: expected a whole number of pixels, 4 to 1024, received 3'],
    [{ perClass: 0 }, 'perClass: expected a whole number of at least 1, received 0'],
    [{ memory: 0 }, 'memory: expected more than 0 MiB, received 0'],
    [{ resize: 1e6 }, 'resize: expected a whole number of pixels, 4 to 2048, received 1000000'],
    [
      { split: { classes: { train: 9, validation: 1, test: 1 } } },
      'split 9/1/1 (train/validation/test) is not possible with 10 classes',
    ],
    [{ perClass: 5 }, 'has no class with 5 usable images, as an episode needs'],
    [{ perClass: 5 }, 'usable images, episodes need 5; it is left out (few-images)'],
  ])('%j', async (options, message) => {
    await expect(open(folder, options)).rejects.toThrow(message);
  });

  it('no images, no such place, given up', async () => {
    const empty = join(temporaryFolderOf, 'empty');
    mkdirSync(empty);
    await expect(open(empty)).rejects.toThrow('holds no images in class folders');
    await expect(open(join(empty, 'nowhere'))).rejects.toThrow('does not exist');
    const signal = AbortSignal.abort(new Error('enough'));
    await expect(open(folder, { signal, cache: null })).rejects.toThrow('enough');
  });
});
