import { gzipSync } from 'node:zlib';
import { type PackedFile, tarOf, zipOf } from '../../test/archives.ts';
import type { Case, Kind, Stage } from '../case.ts';
import { damaged, nastyTexts, pick } from '../make/damage.ts';
import { classNames, drawImage } from '../stock.ts';

const MEBIBYTE = 2 ** 20;

const sound: readonly PackedFile[] = classNames.flatMap((name, look) =>
  [0, 1, 2].map((i) => ({ name: `${name}/${i}.png`, bytes: drawImage(look, i) })),
);
const bytes = drawImage(0, 9);

const archive = (label: string, name: string, make: (stage: Stage) => Uint8Array, isDrawn = false): Case => ({
  label,
  isDrawn,
  play: async (stage) => void (await stage.graft(['doctor', stage.room.give(name, make(stage)), '--json'])),
});

/** The same entries as ZIP, tar and gzipped tar. */
function inEach(label: string, files: (stage: Stage) => readonly PackedFile[]): Case[] {
  return [
    archive(`zip-${label}`, 'x.zip', (stage) => zipOf([...sound, ...files(stage)])),
    archive(`tar-${label}`, 'x.tar', (stage) => tarOf([...sound, ...files(stage)])),
    archive(`tgz-${label}`, 'x.tar.gz', (stage) => gzipSync(tarOf([...sound, ...files(stage)]))),
  ];
}

const traversals: readonly Case[] = [
  ...inEach('above', () => [{ name: '../canary/crimson/x.png', bytes }]),
  ...inEach('far-above', () => [{ name: `${'../'.repeat(12)}tmp/graft-escaped/x.png`, bytes }]),
  ...inEach('absolute', ({ room }) => [{ name: `${room.canary}/x.png`.slice(0, 99), bytes }]),
  ...inEach('backslashes', () => [{ name: '..\\..\\canary\\x.png', bytes }]),
  ...inEach('drive', () => [{ name: 'C:\\crimson\\x.png', bytes }]),
  ...inEach('nasty-names', () =>
    nastyTexts
      .filter((text) => text !== '')
      .map((text, i) => ({ name: `crimson/${text.slice(0, 60)}${i}.png`, bytes })),
  ),
  ...inEach('nasty-classes', () =>
    nastyTexts
      .filter((text) => text !== '')
      .map((text) => ({ name: `${text.slice(0, 60).replaceAll('\0', '')}/x.png`, bytes })),
  ),
  ...inEach('deep', () => [{ name: `${'a/'.repeat(45)}x.png`, bytes }]),
];

const links: readonly Case[] = [
  archive('zip-link', 'x.zip', ({ room }) =>
    zipOf([...sound, { name: 'crimson/x.png', bytes: Buffer.from(`${room.canary}/thesis.txt`), mode: 0o120777 }]),
  ),
  ...(['SymbolicLink', 'Link', 'FIFO'] as const).map((type) =>
    archive(`tar-${type}`, 'x.tar', () =>
      tarOf([...sound, { name: 'crimson/x.png', bytes: new Uint8Array(0), type, linkpath: '../canary/thesis.txt' }]),
    ),
  ),
  archive('tar-link-then-file', 'x.tar', ({ room }) =>
    tarOf([
      ...sound,
      { name: 'crimson/way', bytes: new Uint8Array(0), type: 'SymbolicLink', linkpath: room.canary.slice(0, 99) },
      { name: 'crimson/way/x.png', bytes },
    ]),
  ),
];

const bombs: readonly Case[] = [
  archive('zip-bomb', 'x.zip', () =>
    zipOf([
      ...sound,
      ...Array.from({ length: 20 }, (_, i) => ({
        name: `crimson/b${i}.png`,
        bytes: Buffer.alloc(60 * MEBIBYTE),
        deflate: true,
      })),
    ]),
  ),
  archive('zip-lying-size', 'x.zip', () =>
    zipOf([...sound, { name: 'crimson/b.png', bytes: Buffer.alloc(300 * MEBIBYTE), deflate: true, size: 1000 }]),
  ),
  archive('zip-overlap', 'x.zip', () => zipOf([...sound, { name: 'crimson/b.png', bytes, header: 0 }])),
  archive('zip-million-names', 'x.zip', () =>
    zipOf(Array.from({ length: 65_000 }, (_, i) => ({ name: `crimson/${i}.png`, bytes: new Uint8Array(0) }))),
  ),
  archive('tgz-bomb', 'x.tar.gz', () =>
    gzipSync(Buffer.concat([tarOf(sound).subarray(0, -1024), Buffer.alloc(600 * MEBIBYTE)])),
  ),
  archive('tgz-of-gzips', 'x.tar.gz', () => gzipSync(gzipSync(gzipSync(Buffer.alloc(200 * MEBIBYTE))))),
  archive('tar-endless-size', 'x.tar', () => {
    const tar = tarOf(sound);
    tar.write('77777777777\0', 124, 'latin1');
    return tar;
  }),
  archive('tar-long-name', 'x.tar', () => {
    const block = Buffer.alloc(512);
    block.write('././@LongLink');
    block.write('00000000000777777777', 116);
    block.write('L', 156);
    return Buffer.concat([block, Buffer.alloc(4096, 0x61), tarOf(sound)]);
  }),
  archive('zip-encrypted', 'x.zip', () => zipOf([...sound, { name: 'crimson/x.png', bytes, flags: 1 }])),
  archive('zip-twice', 'x.zip', () => zipOf([...sound, ...sound])),
  archive('zip-empty', 'x.zip', () => zipOf([])),
  archive('zip-in-zip', 'x.zip', () => zipOf([{ name: 'crimson/x.zip', bytes: zipOf(sound) }])),
];

export const archives: Kind = {
  name: 'archives',
  cases: [
    ...traversals,
    ...links,
    ...bombs,
    archive(
      'damaged-zip',
      'x.zip',
      ({ stream }) => damaged(zipOf(sound.map((file) => ({ ...file, deflate: stream.uniform() < 0.5 }))), stream),
      true,
    ),
    archive('damaged-tar', 'x.tar', ({ stream }) => damaged(tarOf(sound), stream), true),
    archive('damaged-tgz', 'x.tgz', ({ stream }) => damaged(gzipSync(tarOf(sound)), stream), true),
    archive(
      'nasty-entry',
      'x.zip',
      ({ stream }) =>
        zipOf([...sound, { name: pick(stream, nastyTexts) || 'x', bytes, mode: stream.integer(2 ** 16) }]),
      true,
    ),
  ],
};
