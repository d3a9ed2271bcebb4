import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import sharp from 'sharp';
import { afterAll, describe, expect, test } from 'vitest';
import { drawImages, temporaryFolder } from '../../../../../test/images.ts';
import { createImagePool } from '../image-pool.ts';
import { planCleanCopy } from './clean-plan.ts';
import { diagnose, type Finding, formatDiagnosis, writeCleanCopy } from './index.ts';

const home = temporaryFolder();
const pool = createImagePool({ threads: 2 });
afterAll(() => pool.close());

let folders = 0;
const newPlace = () => join(home, `folder-${++folders}`);
const examine = (root: string) => diagnose(root, { pool });
const found = async (root: string, ...kinds: Finding['kind'][]) =>
  (await examine(root)).findings.filter(({ kind }) => kinds.includes(kind));
const filesOf = (root: string) =>
  readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name))
    .sort();

/** Names, times and content of everything below a folder. */
function treeHash(root: string): string {
  const hash = createHash('sha256');
  for (const path of filesOf(root)) {
    const { mtimeMs, size } = statSync(path);
    hash.update(JSON.stringify([path, mtimeMs, size])).update(readFileSync(path));
  }
  return hash.digest('hex');
}

const copy = (root: string, from: string, to: string) => {
  mkdirSync(dirname(join(root, to)), { recursive: true });
  cpSync(join(root, from), join(root, to));
};

/** Eight images of each of three classes, and everything that can be wrong with them. */
async function spoiledFolder(): Promise<string> {
  const root = await drawImages(newPlace(), { perClass: 8, side: 48 });
  const disc = readFileSync(join(root, 'disc/000.png'));
  writeFileSync(join(root, 'disc/cut.png'), disc.subarray(0, disc.length / 2));
  writeFileSync(join(root, 'disc/empty.jpg'), '');
  writeFileSync(join(root, 'disc/text.jpg'), 'a text');
  writeFileSync(join(root, 'disc/old.jpg'), Buffer.concat([Buffer.from('II+\0'), Buffer.alloc(100)]));
  writeFileSync(join(root, 'disc/notes.txt'), 'no image, and no harm');
  renameSync(join(root, 'disc/001.png'), join(root, 'disc/001.jpg'));
  renameSync(join(root, 'disc/002.png'), join(root, 'disc/IMG.0002'));
  copy(root, 'disc/003.png', 'disc/copy.png');
  copy(root, 'disc/004.png', 'square/other.png');
  await sharp(join(root, 'cross/000.png'))
    .resize(100, 80, { fit: 'fill' })
    .jpeg()
    .toFile(join(root, 'cross/alike.jpg'));
  await sharp(join(root, 'cross/001.png')).modulate({ brightness: 1.1 }).toFile(join(root, 'square/alike.png'));
  await sharp(join(root, 'square/000.png')).resize(400, 30, { fit: 'fill' }).toFile(join(root, 'square/long.png'));
  await sharp({ create: { width: 500, height: 500, channels: 3, background: '#123' } }).toFile(
    join(root, 'square/big.png'),
  );
  mkdirSync(join(root, 'nothing'));
  mkdirSync(join(root, 'bad'));
  writeFileSync(join(root, 'bad/1.png'), disc.subarray(0, 60));
  return root;
}

describe('a folder with everything wrong', async () => {
  const root = await spoiledFolder();
  const before = treeHash(root);
  const diagnosis = await examine(root);

  test('every flaw is found, once, and nothing else', () => {
    expect(diagnosis.findings.map(({ kind, paths, message }) => [kind, paths.join(' = '), message])).toEqual([
      ['conflicting-labels', 'disc/004.png = square/other.png', '2 files in disc, square'],
      ['empty-class', 'bad', 'its only image cannot be used'],
      ['empty-class', 'nothing', 'the class folder holds no images'],
      ['truncated', 'bad/1.png', 'the file ends before the image does'],
      ['truncated', 'disc/cut.png', 'the file ends before the image does'],
      ['empty-file', 'disc/empty.jpg', 'the file has 0 bytes'],
      ['not-an-image', 'disc/text.jpg', 'the content is neither JPEG, PNG, WebP, GIF, AVIF, TIFF nor BMP'],
      ['foreign-format', 'disc/old.jpg', 'the content is BigTIFF, which is not read'],
      ['passed-over', 'disc/IMG.0002', 'the content is png'],
      ['wrong-extension', 'disc/001.jpg', 'the content is png'],
      ['alike-labels', 'cross/001.png = square/alike.png', '2 files in cross, square'],
      ['duplicate', 'disc/003.png = disc/copy.png', '2 files in disc'],
      ['alike', 'cross/000.png = cross/alike.jpg', '2 files in cross'],
      ['size-outlier', 'square/big.png', '500 x 500 pixels; the median is 48 x 48'],
      ['size-outlier', 'square/long.png', '400 x 30 pixels; the median is 48 x 48'],
      ['shape-outlier', 'square/long.png', '400 x 30 pixels; the median is 1.0 to 1'],
    ]);
  });

  test('the report begins with what is serious and says what to do', () => {
    const text = formatDiagnosis(diagnosis);
    expect(text).toContain(`${root}: 30 usable images, 3 classes of 9 to 12, not divided into splits.\n\nSERIOUS\n`);
    expect(text).toContain('one image under several labels: 1 (conflicting-labels)\n  At most one label is right');
    expect(text).toContain('    disc/004.png = square/other.png: 2 files in disc, square');
    expect(text.indexOf('SERIOUS')).toBeLessThan(text.indexOf('WARNINGS'));
    expect(text).toContain('16 findings: 8 serious, 5 warnings, 3 notes.');
  });

  test('a clean copy is written; the folder itself stays as it is', async () => {
    const target = newPlace();
    const plan = await writeCleanCopy(diagnosis, target);
    expect(plan.leftOut.map(({ path, kind }) => `${path} ${kind}`)).toEqual([
      'bad/1.png truncated',
      'disc/004.png conflicting-labels',
      'disc/copy.png duplicate',
      'disc/cut.png truncated',
      'disc/empty.jpg empty-file',
      'disc/old.jpg foreign-format',
      'disc/text.jpg not-an-image',
      'square/other.png conflicting-labels',
    ]);
    const names = filesOf(join(target, 'disc')).map((path) => basename(path));
    expect(names).toEqual(['000.png', '001.png', '003.png', '005.png', '006.png', '007.png', 'IMG.0002.png']);
    expect(readFileSync(join(target, 'disc/001.png')).equals(readFileSync(join(root, 'disc/001.jpg')))).toBe(true);
    const left = (await examine(target)).findings.map(({ kind }) => kind);
    expect(left).toEqual(['alike-labels', 'alike', 'size-outlier', 'size-outlier', 'shape-outlier']);
    expect(treeHash(root)).toBe(before);
    expect(readdirSync(home).filter((name) => name.startsWith('.'))).toEqual([]);
  });

  test('near: what looks the same counts as copies', async () => {
    const target = newPlace();
    const { leftOut } = await writeCleanCopy(diagnosis, target, { near: true });
    expect(leftOut.filter(({ kind }) => kind.startsWith('alike'))).toEqual([
      { path: 'cross/001.png', kind: 'alike-labels' },
      { path: 'cross/alike.jpg', kind: 'alike', copyOf: 'cross/000.png' },
      { path: 'square/alike.png', kind: 'alike-labels' },
    ]);
    const left = (await examine(target)).findings.map(({ kind }) => kind);
    expect(left).toEqual(['size-outlier', 'size-outlier', 'shape-outlier']);
  });

  test('a target that is not empty, or in the folder, is refused; a file that changed, too, and nothing is left', async () => {
    await expect(writeCleanCopy(diagnosis, root)).rejects.toThrow('is not empty');
    await expect(writeCleanCopy(diagnosis, join(root, 'new/clean'))).rejects.toThrow('is not to be touched');
    const changing = await drawImages(newPlace(), { perClass: 2 });
    const early = await examine(changing);
    writeFileSync(join(changing, 'disc/001.png'), 'other');
    const target = newPlace();
    await expect(writeCleanCopy(early, target)).rejects.toThrow('was changed while it was looked at');
    expect(existsSync(target)).toBe(false);
    expect(readdirSync(home).filter((name) => name.startsWith('.'))).toEqual([]);
    expect(treeHash(root)).toBe(before);
  });
});

describe('splits', () => {
  test('an image in several is a leak; it stays in test, else in val', async () => {
    const root = newPlace();
    for (const [split, first] of [
      ['train', 0],
      ['val', 10],
      ['test', 20],
    ] as const) {
      await drawImages(join(root, split), { perClass: 6, first, side: 48 });
    }
    copy(root, 'val/disc/010.png', 'train/disc/a.png');
    copy(root, 'test/disc/020.png', 'train/disc/b.png');
    copy(root, 'test/disc/021.png', 'val/disc/c.png');
    copy(root, 'test/disc/022.png', 'train/cross/d.png');
    await sharp(join(root, 'val/disc/011.png')).jpeg({ quality: 60 }).toFile(join(root, 'train/disc/e.jpg'));
    const before = treeHash(root);
    const diagnosis = await examine(root);
    expect(diagnosis.splits).toEqual(['test', 'train', 'validation']);
    expect(diagnosis.findings.map(({ kind, paths, message }) => `${kind} ${paths.join(' = ')}: ${message}`)).toEqual([
      'conflicting-labels test/disc/022.png = train/cross/d.png: 2 files in disc, cross',
      'leak test/disc/020.png = train/disc/b.png: 2 files in test, train',
      'leak test/disc/021.png = val/disc/c.png: 2 files in test, val',
      'leak train/disc/a.png = val/disc/010.png: 2 files in train, val',
      'alike-leak train/disc/e.jpg = val/disc/011.png: 2 files in train, val',
    ]);
    const target = newPlace();
    const { leftOut, kept } = await writeCleanCopy(diagnosis, target, { near: true });
    expect(kept).toHaveLength(53);
    expect(leftOut.map(({ path }) => path)).toEqual([
      'test/disc/022.png',
      'train/cross/d.png',
      'train/disc/a.png',
      'train/disc/b.png',
      'train/disc/e.jpg',
      'val/disc/c.png',
    ]);
    expect((await examine(target)).findings).toEqual([]);
    expect(treeHash(root)).toBe(before);
  });

  test('classes that a split lacks, small ones, and ones of very different sizes', async () => {
    const root = newPlace();
    await drawImages(join(root, 'train'), { classes: ['disc', 'ring'], perClass: 20 });
    await drawImages(join(root, 'train'), { classes: ['cross'], perClass: 3 });
    await drawImages(join(root, 'val'), { classes: ['disc', 'cross', 'bar'], perClass: 2, first: 50 });
    const findings = await found(root, 'class-missing-in-split', 'few-images', 'imbalance');
    expect(findings.map(({ kind, paths, message }) => [kind, ...paths, message])).toEqual([
      ['class-missing-in-split', 'train/ring', 'no images in val'],
      ['class-missing-in-split', 'val/bar', 'no images in train'],
      ['few-images', 'train/cross', '3 to train on; 5 are the least that make sense'],
      ['imbalance', 'disc has 20 images, cross 3: 6.7 to 1'],
    ]);
  });
});

test('names that are taken get a number, and a table becomes class folders', async () => {
  const root = newPlace();
  await drawImages(join(root, 'all'), { classes: ['disc', 'ring'], perClass: 3 });
  copy(root, 'all/ring/000.png', 'all/disc/000.jpg');
  writeFileSync(
    join(root, 'table.csv'),
    [
      'path,label',
      ...['000.jpg', '000.png', '001.png', '002.png'].map((name) => `all/disc/${name},one`),
      ...['001.png', '002.png'].map((name) => `all/ring/${name},two`),
    ].join('\n'),
  );
  const diagnosis = await examine(join(root, 'table.csv'));
  const { kept } = planCleanCopy(diagnosis, { near: false });
  expect(kept.map(({ to }) => to)).toEqual([
    'one/000-2.png',
    'one/000.png',
    'one/001.png',
    'one/002.png',
    'two/001.png',
    'two/002.png',
  ]);
  writeFileSync(join(root, 'trick.csv'), 'path,label\nall/disc/000.png,../../up\nall/disc/001.png,b\n');
  const trick = await examine(join(root, 'trick.csv'));
  expect(() => planCleanCopy(trick, { near: false })).toThrow('cannot be the name of a folder');
});
