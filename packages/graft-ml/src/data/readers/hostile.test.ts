import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { UserError } from '@graft-ml/core/internal/base/errors';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type PackedFile, tarOf, zipOf } from '../../../../../test/archives.ts';
import { ownCache, temporaryFolder } from '../../../../../test/images.ts';
import { type DatasetOptions, openDataset } from '../dataset.ts';
import { createImagePool } from '../image-pool.ts';

ownCache();
const home = temporaryFolder();
const pool = createImagePool({ threads: 1 });
afterAll(() => pool.close());

const good: PackedFile[] = [];
beforeAll(async () => {
  for (const [i, name] of ['a/1.png', 'a/2.png', 'b/1.png', 'b/2.png'].entries()) {
    const background = { r: 60 * i, g: 90, b: 20 };
    const bytes = await sharp({ create: { width: 9, height: 8, channels: 3, background } })
      .png()
      .toBuffer();
    good.push({ name, bytes });
  }
});

let written = 0;
function write(content: string | Uint8Array, name = `${written++}`): string {
  const path = join(home, name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content);
  return path;
}

const open = (path: string, options: DatasetOptions = {}) => openDataset(path, { pool, ...options });
async function problems(path: string, options: DatasetOptions = {}) {
  const dataset = await open(path, options);
  expect(dataset.train.length + dataset.validation.length).toBe(4);
  return dataset.problems.map(({ path: at, kind, message }) => `${at.slice(path.length + 1)} ${kind}: ${message}`);
}
async function refusal(path: string, options: DatasetOptions = {}): Promise<string> {
  const error = await open(path, options).catch((e: unknown) => e);
  expect(error).toBeInstanceOf(UserError);
  return (error as Error).message;
}
const first = () => good[0]!.bytes;

describe('ZIP archives', () => {
  it.each<[string, () => Partial<PackedFile> & { name: string }, string]>([
    ['an encrypted entry', () => ({ name: 'a/x.png', deflate: true, flags: 1 }), 'a/x.png encrypted: it is encrypted'],
    [
      'a symbolic link',
      () => ({ name: 'a/x.png', bytes: Buffer.from('/etc/passwd'), mode: 0o120777 }),
      'a/x.png link-not-followed: links in archives are not followed',
    ],
    [
      'another compression',
      () => ({ name: 'a/x.png', method: 12 }),
      'a/x.png unreadable: its compression (method 12) is not read, only stored and deflated entries',
    ],
    [
      'a bomb',
      () => ({ name: 'a/x.png', bytes: Buffer.alloc(20e6), deflate: true }),
      expect.stringMatching(/^a\/x.png too-large: \d{5} bytes would unpack to 20000000$/) as unknown as string,
    ],
    ['a name twice', () => ({ name: 'a/1.png' }), 'a/1.png listed-twice: the archive has two of this name'],
    [
      'a control character',
      () => ({ name: 'a/\u001b[2J.png', flags: 0x800 }),
      'a/\\u001b[2J.png unsafe-name: its name has a backslash or control characters',
    ],
    [
      'a deep name',
      () => ({ name: `${'a/'.repeat(40)}x.png` }),
      `${'a/'.repeat(40)}x.png unsafe-name: its name is too long`,
    ],
    [
      'a false checksum',
      () => ({ name: 'a/x.png', checksum: 1 }),
      'a/x.png unreadable: the file cannot be read: its checksum in the archive is another',
    ],
    [
      'a size that is too small',
      () => ({ name: 'a/x.png', deflate: true, size: 5 }),
      expect.stringMatching(/^a\/x.png unreadable: the file cannot be read: /) as unknown as string,
    ],
    [
      'a size that is too large',
      () => ({ name: 'a/x.png', bytes: Buffer.from('abc'), deflate: true, size: 300 }),
      'a/x.png unreadable: the file cannot be read: the archive says 300 bytes, it has 3',
    ],
    [
      'an empty entry',
      () => ({ name: 'a/x.png', bytes: Buffer.alloc(0), deflate: true }),
      'a/x.png empty-file: the file has 0 bytes',
    ],
  ])('%s is a problem, and the others are read', async (_name, make, message) => {
    const path = write(zipOf([...good, { bytes: first(), ...make() }]));
    expect(await problems(path)).toEqual([message]);
  });

  it.each([
    ['../out.png', /invalid relative path: \.\.\/out\.png/],
    ['/etc/x.png', /absolute path: \/etc\/x\.png/],
    ['C:/x.png', /absolute path: C:\/x\.png/],
  ])('the name %s is an error', async (name, message) => {
    expect(await refusal(write(zipOf([...good, { name, bytes: first() }])))).toMatch(message);
  });

  it('backslashes, as some tools on Windows write them, are slashes', async () => {
    const path = write(zipOf(good.map((file) => ({ ...file, name: file.name.replace('/', '\\') }))));
    expect(await problems(path)).toEqual([]);
  });

  it('entries over each other are an error, and so is a directory that is cut short', async () => {
    const overlap = zipOf([...good, { name: 'b/3.png', bytes: first(), header: 0 }]);
    expect(await refusal(write(overlap))).toMatch(/reaches beyond byte 0, where it must end/);
    expect(await refusal(write(zipOf(good).subarray(0, -10)))).toMatch(
      /ZIP directory is damaged, or the file is cut short/,
    );
    expect(await refusal(write(zipOf([])))).toMatch(/holds no usable images/);
  });

  it('a header that is somewhere else is a problem of its image', async () => {
    const bytes = zipOf(good);
    bytes[0] = 0x51;
    const path = write(Buffer.concat([Buffer.from('PK\x03\x04'), bytes]).subarray(4));
    expect(await refusal(path)).toMatch(/neither an archive nor text/);
    const moved = zipOf([{ name: 'z', bytes: Buffer.from('x') }, ...good, { name: 'b/x.png', bytes: first() }]);
    moved[moved.lastIndexOf(Buffer.from('b/x.png'), moved.indexOf(Buffer.from('PK\x01\x02'))) - 30] = 0;
    expect(await problems(write(moved, 'moved.zip'))).toEqual([
      'b/x.png unreadable: the file cannot be read: it is not where the archive says',
    ]);
  });
});

describe('tar archives', () => {
  const outside = 'unsafe-name: its name leads out of the archive';
  it.each<[string, Partial<PackedFile> & { name: string }, string]>([
    ['..', { name: 'a/../../out.png' }, `a/../../out.png ${outside}`],
    ['an absolute name', { name: '/tmp/out.png' }, '/tmp/out.png unsafe-name: its name is absolute'],
    ['a backslash', { name: 'a\\x.png' }, 'a\\\\x.png unsafe-name: its name has a backslash or control characters'],
    [
      'a symbolic link',
      { name: 'a/x.png', type: 'SymbolicLink', linkpath: '/etc/passwd' },
      'a/x.png link-not-followed: links in archives are not followed',
    ],
    [
      'a hard link',
      { name: 'a/x.png', type: 'Link', linkpath: 'a/1.png' },
      'a/x.png link-not-followed: links in archives are not followed',
    ],
    ['a pipe', { name: 'a/x.png', type: 'FIFO' }, 'a/x.png unreadable: it is no plain file, but a FIFO'],
    ['a name twice', { name: './a//1.png' }, './a//1.png listed-twice: the archive has two of this name'],
  ])('%s is a problem, and the others are read', async (_name, file, message) => {
    const isEmpty = file.type !== undefined;
    const path = write(tarOf([...good, { bytes: isEmpty ? Buffer.alloc(0) : first(), ...file }]));
    expect(await problems(path)).toEqual([message]);
    expect(
      await problems(write(gzipSync(tarOf([...good, { bytes: isEmpty ? Buffer.alloc(0) : first(), ...file }])))),
    ).toHaveLength(1);
  });

  it('a last entry that is cut short is a problem; a damaged header is an error', async () => {
    const whole = tarOf([...good, { name: 'b/x.png', bytes: Buffer.alloc(5000) }]);
    expect(await problems(write(whole.subarray(0, -3000)))).toEqual([
      'b/x.png truncated: the archive ends before it does',
    ]);
    whole[1030] = 1;
    expect(await refusal(write(whole))).toMatch(/Its header at byte 1024 is damaged/);
  });

  it('a long name that would fill the memory is an error', async () => {
    const bytes = tarOf([{ name: 'x', bytes: Buffer.alloc(2 ** 21) }, ...good]);
    bytes[156] = 'L'.charCodeAt(0);
    let sum = 8 * 32;
    for (let i = 0; i < 512; i++) if (i < 148 || i >= 156) sum += bytes[i]!;
    bytes.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
    expect(await refusal(write(bytes))).toMatch(/names 2097152 bytes more of header/);
  });
});

describe('gzipped archives', () => {
  const cached = () =>
    existsSync(join(process.env.GRAFT_CACHE!, 'datasets'))
      ? readdirSync(join(process.env.GRAFT_CACHE!, 'datasets'))
      : [];

  it.each<[string, () => Buffer, RegExp]>([
    ['cut short', () => gzipSync(tarOf(good)).subarray(0, -20), /is damaged: unexpected end of file/],
    ['damaged', () => Buffer.concat([gzipSync(tarOf(good)).subarray(0, 200), Buffer.alloc(300, 7)]), /is damaged: /],
    ['a bomb', () => gzipSync(Buffer.alloc(80e6)), /would unpack to more than 67108864 bytes/],
    ['no tar', () => gzipSync(Buffer.from('file,label\na/1.png,a\n')), /is gzipped, and not a tar archive/],
  ])('%s: an error', async (name, make, message) => {
    const before = cached();
    expect(await refusal(write(make()))).toMatch(message);
    expect(cached().filter((file) => !before.includes(file))).toHaveLength(name === 'no tar' ? 2 : 0);
  });
});

describe('tables', () => {
  const table = (text: string, name = 'labels.csv') => {
    const folder = `table-${written++}`;
    for (const { name, bytes } of good) write(bytes, `${folder}/${name}`);
    return write(text, `${folder}/${name}`);
  };
  const rows = 'file,label\na/1.png,a\na/2.png,a\nb/1.png,b\nb/2.png,b\n';

  it.each([
    ['/etc/passwd,a', /^\/etc\/passwd outside: it is not below .*, says .*labels\.csv:6$/],
    ['../../x.png,a', /outside: it is not below .*, says .*labels\.csv:6$/],
    ['a/9.png,a', /a\/9.png missing-file: there is no such file, says .*labels\.csv:6$/],
    ['a/1.png,b', /a\/1.png listed-twice: it is left out: .*:2 says a, .*:6 says b$/],
    ['a/1.png,a', /a\/1.png listed-twice: .*:6 names it again$/],
    ['a/2.png', /labels.csv:6 no-label: the row names no class$/],
    [',b', /labels.csv:6 missing-file: the row names no file$/],
    [`a/1.png,${'x'.repeat(300)}`, /labels.csv:6 no-label: its class has 300 characters/],
    ['a/1.png,\u001b[31mred', /labels.csv:6 no-label: its class has control characters$/],
  ])('the row %j is a problem', async (row, message) => {
    const { problems } = await open(table(`${rows}${row}\n`));
    expect(problems.map(({ path, kind, message }) => `${path} ${kind}: ${message}`)).toEqual([
      expect.stringMatching(message),
    ]);
  });

  it('a path with a zero in it is a problem', async () => {
    const lines = good.map(({ name }) => JSON.stringify({ file: name, label: name[0] }));
    const { problems } = await open(table([...lines, '{"file": "a\\u0000.png", "label": "a"}'].join('\n')));
    expect(problems.map(({ kind }) => kind)).toEqual(['missing-file']);
  });

  it('a link that leads out of the folder is a problem', async () => {
    const path = table(`${rows}a/out.png,a\n`);
    symlinkSync(write(first()), join(dirname(path), 'a/out.png'));
    expect((await open(path)).problems.map(({ kind }) => kind)).toEqual(['link-not-followed']);
  });

  it.each<[string, string, RegExp]>([
    ['no columns', 'a/1.png,a\nb/1.png,b\n', /has the columns "a\/1.png", "a". Which is the path\?/],
    ['no label', 'file,colour\na/1.png,red\n', /Which is the label\? .*`labelColumn` says which/],
    ['an open quote', 'file,label\n"a/1.png,a\n', /is not sound CSV: Quote Not Closed/],
    ['an endless record', `file,label\n"${'x'.repeat(2 ** 20 + 10)}`, /is longer than a row can be/],
    [
      'another split',
      'file,label,split\na/1.png,a,holdout\n',
      /:2 has the split "holdout"\. Expected train, val or test/,
    ],
    [
      'nothing to train on',
      'file,label,split\na/1.png,a,test\nb/1.png,b,val\n',
      /has images for test, validation, but none to train on/,
    ],
    ['a JSON array', '[{"file": "a/1.png", "label": "a"}]', /is one JSON array. Write it as JSON Lines/],
    ['broken JSON', '{"file": "a/1.png", "label": "a"}\n{"file": \n', /Line 2 of .* is not JSON/],
    ['deep JSON', `{"file": ${'['.repeat(1e5)}`, /Line 1 of .* is not JSON/],
    ['a header alone', 'file,label\n', /holds no usable images/],
  ])('%s: an error', async (_name, text, message) => {
    expect(await refusal(table(text))).toMatch(message);
  });

  it('a split column divides, and a column that is not there is named', async () => {
    const split = table('file,label,split\na/1.png,a,train\na/2.png,a,val\nb/1.png,b,Train\nb/2.png,b,test\n');
    const { train, validation, test } = await open(split);
    expect([train.length, validation.length, test.length]).toEqual([2, 1, 1]);
    expect(await refusal(split, { labelColumn: 'labell' })).toMatch(/and no "labell"\. Did you mean "label"\?/);
  });

  it('metadata.csv in the folders of the splits; in one alone it is an error', async () => {
    const root = join(home, 'imagefolder');
    for (const [part, lines] of [
      ['train', 'x1.png,a\nx2.png,b'],
      ['test', 'x1.png,b'],
    ] as const) {
      for (const [i, { bytes }] of good.slice(0, 2).entries()) write(bytes, `imagefolder/${part}/x${i + 1}.png`);
      write(`file_name,label\n${lines}\n`, `imagefolder/${part}/metadata.csv`);
    }
    const { classes, train, validation, test } = await open(root);
    expect([classes, train.length, validation.length, test.length]).toEqual([['a', 'b'], 2, 0, 1]);
    write(first(), 'imagefolder/val/a/1.png');
    expect(await refusal(root)).toMatch(/test, train say what their images are .* and val do not/);
  });
});

describe('expressions on names', () => {
  const folder = () => {
    const name = `named-${written++}`;
    for (const { name: file, bytes } of good) write(bytes, `${name}/${file.replace('/', '_')}`);
    write(first(), `${name}/${'a'.repeat(60)}!.png`);
    return join(home, name);
  };

  it('what does not match is a problem', async () => {
    expect(await problems(folder(), { labelRegex: '^(a|b)_' })).toEqual([
      `${'a'.repeat(60)}!.png no-label: its name does not match /^(a|b)_/`,
    ]);
  });

  it('one that would go on for years is an error', async () => {
    expect(await refusal(folder(), { labelRegex: '^((a+)+)+_' })).toMatch(/takes too long on names like/);
    // V8 has no room for the states of it: a RangeError.
    const overflowing = `${'(?:'.repeat(120)}a|${'){2}'.repeat(120)}(x)`;
    expect(await refusal(folder(), { labelRegex: overflowing })).toMatch(
      /cannot be run \(Maximum call stack size exceeded\)/,
    );
    // This one ends the process, and takes 120,000 characters.
    const endless = `${'(?=(?:a|b'.repeat(20_000)}${')'.repeat(40_000)}`;
    expect(await refusal(folder(), { labelRegex: endless })).toMatch(/has 220000 characters, at most 1000 are read/);
  });

  it.each([
    ['^a_', /has no group/],
    ['(', /is no regular expression/],
  ])('%s is an error', async (labelRegex, message) => {
    expect(await refusal(folder(), { labelRegex })).toMatch(message);
  });
});

describe('Parquet files', () => {
  it('a run of two billion values in six bytes is an error', async () => {
    const bytes = new Uint8Array(readFileSync('golden/shapes/none.parquet'));
    const [run, lie] = [
      [0x0c, 1],
      [0xfe, 0xff, 0xff, 0xff, 0x0f, 1],
    ];
    // The first six definition levels, which are 1: the number comes as a varint, times two.
    bytes.set(lie!, Buffer.from(bytes).indexOf(Buffer.from(run!)));
    expect(await refusal(write(bytes))).toMatch(/is no sound Parquet file: its rows cannot be held in memory/);
  });
});

describe('other files', () => {
  it.each<[string, () => string | Buffer, RegExp]>([
    ['7-Zip', () => Buffer.from('7z\xbc\xaf\x27\x1c....', 'latin1'), /is a 7-Zip archive/],
    ['xz', () => Buffer.from('\xfd7zXZ\0', 'latin1'), /is compressed with xz/],
    ['an image', () => Buffer.from(first()), /is a single image\. Expected <folder>/],
    ['binary', () => Buffer.from([1, 0, 2, 0]), /is neither an archive nor text/],
    ['Latin-1', () => Buffer.from('file,label\na/1.png,gro\xdf\n', 'latin1'), /is not UTF-8 text/],
    ['a Parquet file cut short', () => Buffer.from('PAR1....'), /is no sound Parquet file/],
  ])('%s', async (_name, make, message) => {
    expect(await refusal(write(make()))).toMatch(message);
  });
});
