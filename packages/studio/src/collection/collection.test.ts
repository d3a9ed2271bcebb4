import { describe, expect, test } from 'vitest';
import { createCollection } from './collection.ts';
import { layoutOf } from './layout.ts';
import { classNameFrom, classNameProblem, imageFileName, isImageName } from './names.ts';
import { packCollection, unpackArchive } from './zip.ts';

const png = (text: string) => new Blob([text], { type: 'image/png' });
const images = (...names: string[]) => names.map((name) => ({ name, file: png(name) }));

/** Two classes: a of three images, b of one that has the name of one of a. */
function filled() {
  const collection = createCollection();
  const a = collection.addClass('a').id;
  const b = collection.addClass('b').id;
  collection.addImages(a, images('1.png', '2.png', '3.png'));
  collection.addImages(b, images('2.png'));
  const idOf = (name: string) =>
    collection.classes.flatMap((each) => each.images).find((each) => each.name === name)!.id;
  const names = () => collection.classes.map((each) => [each.name, ...each.images.map(({ name }) => name)].join(' '));
  return { collection, a, b, idOf, names };
}

describe('a collection', () => {
  test('images get names of their own, in whatever case', () => {
    const { collection, a, names } = filled();
    collection.addImages(a, images('1.PNG', '1.png', 'x/../../evil', ''));
    expect(names()[0]).toBe('a 1.png 2.png 3.png 1-2.PNG 1-3.png evil.png image.png');
  });

  test('a deletion is undone where it was, whatever came after it', () => {
    const { collection, a, idOf, names } = filled();
    collection.removeImages(new Set([idOf('1.png'), idOf('3.png')]));
    expect([names(), collection.lastDeletion]).toEqual([['a 2.png', 'b 2.png'], '2 images']);
    collection.addImages(a, images('3.png'));
    collection.removeClass(a);
    expect(names()).toEqual(['b 2.png']);
    collection.addClass('A');
    collection.undo();
    expect(names()).toEqual(['a-2 2.png 3.png', 'b 2.png', 'A']);
    collection.undo();
    expect(names()).toEqual(['a-2 1.png 2.png 3-2.png 3.png', 'b 2.png', 'A']);
    expect(collection.lastDeletion).toBeNull();
    collection.removeAll();
    expect(names()).toEqual([]);
    collection.undo();
    expect(names()).toHaveLength(3);
  });

  test('images move to another class, and keep their files', () => {
    const { collection, b, idOf, names } = filled();
    const moved = collection.classes[0]!.images[1]!;
    collection.moveImages(new Set([moved.id, idOf('3.png')]), b);
    expect(names()).toEqual(['a 1.png', 'b 2.png 2-2.png 3.png']);
    expect(collection.classes[1]!.images[1]).toMatchObject({ id: moved.id, file: moved.file });
  });

  test('too many images are refused as a whole', () => {
    const { collection, a, names } = filled();
    const many = Array.from({ length: 20_000 }, () => ({ name: 'x.png', file: png('') }));
    expect(() => collection.addImages(a, many)).toThrow('at most 20000 images');
    expect(names()[0]).toBe('a 1.png 2.png 3.png');
  });

  test.each([
    ['', 'needs a name'],
    ['B', 'There is a class b already'],
    ['a/b', 'leave out /'],
    ['..', 'begin or end with a dot'],
    ['val', 'for a part of the dataset'],
    ['COM1', 'Windows'],
    ['x'.repeat(61), 'at most 60 characters'],
    ['a\u202eb', 'leave out'],
  ])('%j is no name of a class', (name, problem) => {
    const { collection, a } = filled();
    expect(() => collection.renameClass(a, name)).toThrow(problem);
    expect(() => collection.renameClass(a, ' ü 1 ')).not.toThrow();
    expect(collection.classes[0]!.name).toBe('ü 1');
  });
});

test.each(['../..', 'C:\\x', 'train', 'nul', '.x.', 'a\nb', '', '日本', 'x'.repeat(500), ' a. '])(
  'a folder of the name %j becomes a class that may have that name',
  (name) => {
    expect(classNameProblem(classNameFrom(name), [])).toBeNull();
    const file = imageFileName(`${name}.JPG`, 'image/png');
    expect(file).toMatch(/^[^/\\:\n]{1,70}\.(JPG|png)$/);
    expect([isImageName(file), file.startsWith('.')]).toEqual([true, false]);
    expect(imageFileName(`${name}.exe`, 'image/png')).toMatch(/exe\.png$/);
  },
);

test('the folder of an image is its class, at any depth; what systems leave about is not seen', () => {
  const paths = ['all/train/cat/1.jpg', 'all/val/Cat/2.jpg', 'dog\\3.png', 'loose.png', 'train/4.png', 'cat/notes.txt'];
  const clutter = ['__MACOSX/cat/._1.jpg', 'cat/.DS_Store', 'cat/Thumbs.db', '.git/x/1.png'];
  const { classes, loose, others } = layoutOf([...paths, ...clutter].map((path) => ({ path })));
  expect([...classes].map(([name, files]) => [name, ...files.map(({ path }) => path)])).toEqual([
    ['cat', 'all/train/cat/1.jpg', 'all/val/Cat/2.jpg'],
    ['dog', 'dog\\3.png'],
  ]);
  expect([loose.map(({ path }) => path), others.map(({ path }) => path)]).toEqual([
    ['loose.png', 'train/4.png'],
    ['cat/notes.txt'],
  ]);
});

describe('a collection as a ZIP', () => {
  test('comes back as it was', async () => {
    const { collection } = filled();
    collection.addClass('empty');
    const packed = await packCollection(collection.classes);
    const files = await unpackArchive(packed, 'x.zip');
    expect(files.map(({ path }) => path)).toEqual(['a/1.png', 'a/2.png', 'a/3.png', 'b/2.png']);
    expect(await (await files[3]!.read()).text()).toBe('2.png');
  });

  test('what is no ZIP, or a damaged one, is said in words', async () => {
    await expect(unpackArchive(png('no zip at all'), 'x.zip')).rejects.toThrow(/^x\.zip cannot be opened as a ZIP/);
    const bytes = new Uint8Array(await (await packCollection(filled().collection.classes)).arrayBuffer());
    bytes[bytes.indexOf(0x31, 30 + 'a/1.png'.length)] = 0x39; // the content of the first file
    const [first] = await unpackArchive(new Blob([bytes]), 'x.zip');
    await expect(first!.read()).rejects.toThrow(/^it cannot be unpacked/);
    await expect(unpackArchive(new Blob([bytes.subarray(0, 90)]), 'x.zip')).rejects.toThrow('cannot be opened');
  });

  test('an archive that unpacks to more than it says, or to gigabytes, is not unpacked', async () => {
    const { BlobReader, BlobWriter, ZipWriter } = await import('@zip.js/zip.js/lib/zip-core-native.js');
    const zeros = new Blob([new Uint8Array(4 * 2 ** 20)]);
    const writer = new ZipWriter(new BlobWriter(), { useWebWorkers: false });
    await writer.add('a/1.png', new BlobReader(zeros));
    const bytes = new Uint8Array(await (await writer.close()).arrayBuffer());
    const view = new DataView(bytes.buffer);
    const directory = bytes.findLastIndex((_, i) => i + 4 < bytes.length && view.getUint32(i, true) === 0x02014b50);
    const claim = (size: number) => {
      view.setUint32(directory + 24, size, true); // uncompressed size in the central directory
      return unpackArchive(new Blob([bytes]), 'x.zip');
    };
    const [small] = await claim(1000);
    await expect(small!.read()).rejects.toThrow(/^it cannot be unpacked/);
    await expect(claim(0xfffffff0)).rejects.toThrow('unpacks to more than 2 GB');
  });
});
