import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { type PackedFile, tarOf, zipOf } from '../../../../../test/archives.ts';
import { sendFile, startFileServer } from '../../../../../test/file-server.ts';
import { temporaryFolder } from '../../../../../test/images.ts';
import { folderCache } from '../../cache/folder-cache.ts';
import { decodeImage } from '../decode.ts';
import { getPublicSet, type PublicSet, publicFilePath, publicSets } from './index.ts';

const root = temporaryFolder();
const server = await startFileServer();

const file = (name: string, content: string | Uint8Array = `image ${name}`): PackedFile => ({
  name,
  bytes: typeof content === 'string' ? Buffer.from(content) : content,
});
const tgz = (files: readonly PackedFile[]) => gzipSync(tarOf(files));

/** A MATLAB file with rows of 16-bit numbers, not compressed. */
function matlab(arrays: Readonly<Record<string, readonly number[]>>): Buffer {
  const element = (type: number, data: Uint8Array) => {
    const bytes = Buffer.alloc(8 + Math.ceil(data.length / 8) * 8);
    bytes.writeUInt32LE(type, 0);
    bytes.writeUInt32LE(data.length, 4);
    bytes.set(data, 8);
    return bytes;
  };
  const matrices = Object.entries(arrays).map(([name, values]) =>
    element(
      14,
      Buffer.concat([
        element(6, Buffer.from([11, 0, 0, 0, 0, 0, 0, 0])),
        element(5, Buffer.from(Int32Array.of(1, values.length).buffer)),
        element(1, Buffer.from(name)),
        element(4, Buffer.from(Uint16Array.from(values).buffer)),
      ]),
    ),
  );
  const header = Buffer.alloc(128, ' ');
  header.write('\0\x01IM', 124, 'latin1');
  return Buffer.concat([header, ...matrices]);
}

const record = (label: number, level: number) =>
  Buffer.concat([Buffer.from([label]), ...[level, 0, 255].map((grey) => Buffer.alloc(1024, grey))]);

const jpg = (number: number) => file(`jpg/image_0000${number}.jpg`);

/** The archives of each set, with a few files where its publisher has thousands, and what becomes of them. */
const made: Record<string, { files: Buffer[]; expected: string[] }> = {
  omniglot: {
    files: ['background', 'evaluation'].map((half) =>
      zipOf([
        file(`images_${half}/`, ''),
        file(`images_${half}/Latin/character01/0001_01.png`),
        file(`__MACOSX/images_${half}/Latin/character01/._0001_01.png`),
      ]),
    ),
    expected: ['background', 'evaluation'].map((half) => `images_${half}/Latin/character01/0001_01.png`),
  },
  flowers102: {
    files: [
      tgz([jpg(1), jpg(2), jpg(3), jpg(4)]),
      matlab({ labels: [1, 102, 1, 12] }),
      matlab({ trnid: [3, 4], valid: [2], tstid: [1] }),
    ],
    expected: [
      'test/pink primrose/image_00001.jpg',
      "train/colt's foot/image_00004.jpg",
      'train/pink primrose/image_00003.jpg',
      'val/blackberry lily/image_00002.jpg',
    ],
  },
  pets: {
    files: [
      tgz(['Abyssinian_1.jpg', 'great_pyrenees_12.jpg', 'Abyssinian_9.mat'].map((name) => file(`images/${name}`))),
      tgz([
        file('annotations/trainval.txt', '# a comment\nAbyssinian_1 1 1 1\n'),
        file('annotations/test.txt', 'great_pyrenees_12 16 2 10\n'),
      ]),
    ],
    expected: ['test/great_pyrenees/great_pyrenees_12.jpg', 'train/Abyssinian/Abyssinian_1.jpg'],
  },
  food101: {
    files: [
      tgz([
        file('food-101/images/apple_pie/1.jpg'),
        file('food-101/images/apple_pie/2.jpg'),
        file('food-101/meta/train.txt', 'apple_pie/2\n'),
        file('food-101/meta/test.txt', 'apple_pie/1\n'),
      ]),
    ],
    expected: ['test/apple_pie/1.jpg', 'train/apple_pie/2.jpg'],
  },
  cifar10: {
    files: [
      tgz([
        file('cifar-10-batches-bin/batches.meta.txt', 'airplane\nautomobile\n\n'),
        file('cifar-10-batches-bin/data_batch_1.bin', Buffer.concat([record(1, 9), record(0, 200)])),
        file('cifar-10-batches-bin/test_batch.bin', record(1, 50)),
      ]),
    ],
    expected: [
      'test/automobile/test_batch-00000.png',
      'train/airplane/data_batch_1-00001.png',
      'train/automobile/data_batch_1-00000.png',
    ],
  },
  caltech101: {
    files: [
      zipOf([
        file(
          'caltech-101/101_ObjectCategories.tar.gz',
          tgz(
            ['ant/image_0001.jpg', 'BACKGROUND_Google/image_0001.jpg'].map((name) =>
              file(`101_ObjectCategories/${name}`),
            ),
          ),
        ),
      ]),
    ],
    expected: ['ant/image_0001.jpg'],
  },
  hymenoptera: {
    files: [
      zipOf([
        file('hymenoptera_data/train/ants/0.jpg'),
        file('hymenoptera_data/val/bees/1.jpg'),
        file('hymenoptera_data/train/ants/.DS_Store'),
      ]),
    ],
    expected: ['train/ants/0.jpg', 'val/bees/1.jpg'],
  },
};

let places = 0;
const setNamed = (name: string) => publicSets.find((set) => set.name === name)!;

/** The set as if its publisher had these files, on a server or in a folder. */
function published(name: string, contents: readonly Buffer[]): PublicSet {
  const set = setNamed(name);
  const digest = (content: Buffer) => createHash('md5').update(content).digest('hex');
  const files = set.files.map((one, i) => ({
    ...one,
    checksum: one.checksum && { ...one.checksum, digest: digest(contents[i]!) },
  }));
  server.answer((request, response) => {
    const at = set.files.findIndex(({ url }) => new URL(url).pathname === request.url);
    if (at < 0) response.writeHead(404).end();
    else sendFile(request, response, contents[at]!);
  });
  return { ...set, files };
}

function newPlaces() {
  const place = join(root, `place-${++places}`);
  const patience = { attempts: 2, pause: 1, stall: 10_000 };
  return {
    folder: join(place, 'set'),
    options: { cache: folderCache(join(place, 'cache')), mirror: server.address, patience },
  };
}

const filesIn = (folder: string) =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
    .sort();
const around = (folder: string) =>
  existsSync(dirname(folder)) ? readdirSync(dirname(folder)).filter((name) => name !== 'cache') : [];

describe.each(Object.entries(made))('%s', (name, { files, expected }) => {
  test('becomes class folders, and its archives stay', async () => {
    const { folder, options } = newPlaces();
    const set = published(name, files);
    const got = await getPublicSet(set, folder, options);
    expect(filesIn(folder)).toEqual(expected);
    expect([got.images, around(folder)]).toEqual([expected.length, ['set']]);
    expect(got.files).toEqual(set.files.map((one) => publicFilePath(set, one, options.cache)));
    if (name !== 'cifar10') expect(readFileSync(join(folder, expected[0]!), 'utf8')).toMatch(/^image /);

    server.answer((_, response) => response.writeHead(500).end());
    const again = await getPublicSet(set, `${folder}-2`, { ...options, offline: true });
    expect([again.images, server.requests.length]).toEqual([expected.length, 0]);
    await expect(getPublicSet(set, folder, options)).rejects.toThrow('is not empty');
  });
});

test('CIFAR-10 as PNG, to the bit', async () => {
  const { folder, options } = newPlaces();
  await getPublicSet(published('cifar10', made.cifar10!.files), folder, options);
  const path = join(folder, 'train/airplane/data_batch_1-00001.png');
  const { width, height, data } = await decodeImage(readFileSync(path), path);
  expect([width, height, ...data.subarray(0, 6)]).toEqual([32, 32, 200, 0, 255, 200, 0, 255]);
});

describe('what goes wrong leaves nothing under the name', () => {
  const [zip] = made.hymenoptera!.files;

  test('no network, no file, another checksum: what failed, and where the file belongs', async () => {
    const { folder, options } = newPlaces();
    const set = setNamed('pets');
    const offline = getPublicSet(set, folder, { ...options, offline: true });
    await expect(offline).rejects.toThrow(
      /^pets cannot be had: it is not in the cache.*\n.*published at {2}https:.*images\.tar\.gz\n/,
    );
    published('pets', made.pets!.files);
    await expect(getPublicSet(set, folder, options)).rejects.toThrow(
      /has the md5 \w+, expected 5c4f3ee8e5d25df40f4fd59a7f44e54c/,
    );
    server.answer((_, response) => response.writeHead(404).end());
    await expect(getPublicSet(set, folder, options)).rejects.toThrow('answers 404');
    const mirror = join(root, 'no-mirror');
    await expect(getPublicSet(set, folder, { ...options, mirror })).rejects.toThrow('the mirror has no file');
    expect(existsSync(folder)).toBe(false);
  });

  test('a damaged file in the cache is brought again', async () => {
    const { folder, options } = newPlaces();
    const set = published('caltech101', made.caltech101!.files);
    const path = publicFilePath(set, set.files[0]!, options.cache);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, 'half of it');
    expect((await getPublicSet(set, folder, options)).images).toBe(1);
  });

  test.each([
    [
      'a member that leads out',
      zipOf([...'ab'].map((name) => file(`hymenoptera_data/train/ants/../../../../${name}.jpg`))),
    ],
    ['a damaged member', zipOf([{ ...file('hymenoptera_data/train/ants/0.jpg'), checksum: 1 }])],
    ['a link', zipOf([{ ...file('hymenoptera_data/train/ants/0.jpg', '/etc/passwd'), mode: 0o120777 }])],
    ['two of one name', zipOf([file('hymenoptera_data/train/ants/0.jpg'), file('hymenoptera_data/train/ants/0.jpg')])],
    ['an archive of something else', zipOf([file('cats/1.jpg')])],
    ['half an archive', zip!.subarray(0, zip!.length / 2)],
    ['a web page', Buffer.from('<!doctype html><p>Please log in</p>'.repeat(40))],
  ])('%s', async (_, archive) => {
    const { folder, options } = newPlaces();
    await expect(getPublicSet(published('hymenoptera', [archive]), folder, options)).rejects.toThrow(
      /no images where they should be|cannot be unpacked|cannot write|archive|damaged|header/i,
    );
    expect(around(folder)).toEqual([]);
  });

  test('labels that are missing, a list that is missing, a batch that is cut', async () => {
    const [images, labels, splits] = made.flowers102!.files;
    const cases: [string, Buffer[], string][] = [
      [
        'flowers102',
        [images!, labels!, matlab({ trnid: [1], valid: [2], tstid: [3] })],
        'image_00004.jpg has no label',
      ],
      ['flowers102', [images!, matlab({ other: [1] }), splits!], 'no array labels'],
      ['flowers102', [images!, Buffer.from('no'), splits!], 'not a little-endian MATLAB 5 file'],
      ['food101', [tgz([file('food-101/images/apple_pie/1.jpg')])], 'no food-101/meta/train.txt'],
      [
        'cifar10',
        [tgz([file('cifar-10-batches-bin/batches.meta.txt', 'a'), file('cifar-10-batches-bin/test_batch.bin', 'cut')])],
        'no multiple of 3073',
      ],
    ];
    for (const [name, files, message] of cases) {
      const { folder, options } = newPlaces();
      await expect(getPublicSet(published(name, files), folder, options)).rejects.toThrow(message);
      expect(around(folder)).toEqual([]);
    }
  });
});

test('every set says where it is from, and has a checksum but one', () => {
  expect(publicSets.map(({ name }) => name)).toEqual(Object.keys(made));
  const unchecked = publicSets.filter(({ files }) => files.some(({ checksum }) => !checksum));
  expect(unchecked.map(({ name }) => name)).toEqual(['hymenoptera']);
});
