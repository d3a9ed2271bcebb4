import { existsSync, readdirSync, readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Case, Kind, Stage } from '../case.ts';
import { damaged, nastyTexts, pick } from '../make/damage.ts';
import { makePipe } from '../make/special.ts';
import { classNames, drawImages } from '../stock.ts';

const rows = classNames.flatMap((name) => [0, 1, 2].map((i) => [`images/${name}/${i}.png`, name] as const));
const soundCsv = `file,label\n${rows.map((row) => row.join(',')).join('\n')}\n`;
const soundLines = `${rows.map(([file, label]) => JSON.stringify({ file, label })).join('\n')}\n`;

const table = (label: string, name: string, make: (stage: Stage) => string | Uint8Array, isDrawn = false): Case => ({
  label,
  isDrawn,
  seconds: 30,
  play: async (stage) => {
    drawImages(join(stage.room.given, 'images'), 3);
    await stage.graft(['doctor', stage.room.give(name, make(stage)), '--json']);
  },
});

const csvs: readonly Case[] = [
  table('csv-above', 'x.csv', () => `${soundCsv}../canary/thesis.txt,crimson\n`),
  table('csv-absolute', 'x.csv', ({ room }) => `${soundCsv}${room.canary}/thesis.txt,crimson\n/etc/passwd,emerald\n`),
  table('csv-device', 'x.csv', () => `${soundCsv}/dev/zero,crimson\n/dev/stdin,crimson\nfile:///dev/zero,crimson\n`),
  table('csv-link', 'x.csv', ({ room }) => {
    symlinkSync(join(room.canary, 'thesis.txt'), join(room.given, 'images', 'link.png'));
    return `${soundCsv}images/link.png,crimson\n`;
  }),
  table('csv-pipe', 'x.csv', ({ room }) => {
    makePipe(join(room.given, 'images', 'pipe.png'));
    return `${soundCsv}images/pipe.png,crimson\n`;
  }),
  table(
    'csv-nasty',
    'x.csv',
    () => `${soundCsv}${nastyTexts.map((text) => `"${text.replaceAll('"', '""')}","${text}"`).join('\n')}\n`,
  ),
  table('csv-nasty-columns', 'x.csv', () => `"${nastyTexts[0]}",${nastyTexts[3]},label\na,b,c\n`),
  table('csv-open-quote', 'x.csv', () => `${soundCsv}"${'a'.repeat(20e6)}`),
  table(
    'csv-wide',
    'x.csv',
    () => `${Array.from({ length: 200_000 }, (_, i) => `c${i}`).join(',')}\n${','.repeat(200_000)}\n`,
  ),
  table('csv-commas', 'x.csv', () => `file,label\n${','.repeat(20e6)}`),
  table(
    'csv-hundred-thousand-rows',
    'x.csv',
    () => `file,label\n${'images/crimson/none.png,crimson\n'.repeat(100_000)}`,
  ),
  table('csv-same-row', 'x.csv', () => `file,label\n${'images/crimson/0.png,crimson\n'.repeat(50_000)}`),
  table('csv-utf-16', 'x.csv', () => Buffer.from(`\ufeff${soundCsv}`, 'utf16le')),
  table('csv-zeros', 'x.csv', () => Buffer.alloc(5e6)),
  table('csv-formula', 'x.csv', () => `${soundCsv}"=cmd|' /C calc'!A0",crimson\n`),
];

const lines: readonly Case[] = [
  table('jsonl-brackets', 'x.jsonl', () => `${soundLines}${'['.repeat(5e6)}\n`),
  table('jsonl-deep', 'x.jsonl', () => `${soundLines}${'{"a":'.repeat(1e5)}1${'}'.repeat(1e5)}\n`),
  table(
    'jsonl-prototype',
    'x.jsonl',
    () => `${soundLines}{"__proto__": {"file": "x"}, "file": "images/crimson/0.png", "label": "__proto__"}\n`,
  ),
  table('jsonl-long-line', 'x.jsonl', () => `${soundLines}{"file": "${'a'.repeat(30e6)}", "label": "x"}\n`),
  table(
    'jsonl-types',
    'x.jsonl',
    () => `${soundLines}{"file": [1], "label": {"a": 1}}\n{"file": 1e999, "label": null}\nnull\n1\n"x"\n`,
  ),
  table(
    'jsonl-nasty',
    'x.jsonl',
    () => `${soundLines}${nastyTexts.map((text) => JSON.stringify({ file: text, label: text })).join('\n')}\n`,
  ),
];

const besides: readonly Case[] = ['metadata.csv', 'metadata.jsonl'].flatMap((name) => [
  {
    label: `${name}-pipe`,
    seconds: 20,
    play: async ({ room, graft }) => {
      const folder = drawImages(join(room.given, 'images'), 3);
      makePipe(join(folder, name));
      await graft(['doctor', folder, '--json']);
    },
  } satisfies Case,
  {
    label: `${name}-device`,
    seconds: 20,
    play: async ({ room, graft }) => {
      const folder = drawImages(join(room.given, 'images'), 3);
      symlinkSync('/dev/zero', join(folder, name));
      await graft(['doctor', folder, '--json']);
    },
  } satisfies Case,
]);

const golden = fileURLToPath(new URL('../../../golden/shapes/', import.meta.url));
const parquets = existsSync(golden)
  ? readdirSync(golden)
      .filter((name) => name.endsWith('.parquet'))
      .sort()
  : [];

const parquet: readonly Case[] = [
  table('parquet-not', 'x.parquet', () => 'PAR1 but not really PAR1'),
  table('parquet-footer', 'x.parquet', () =>
    Buffer.concat([
      Buffer.from('PAR1'),
      Buffer.alloc(64, 0xff),
      Buffer.from([0xff, 0xff, 0xff, 0x7f]),
      Buffer.from('PAR1'),
    ]),
  ),
  ...(parquets.length > 0
    ? [
        table(
          'parquet-damaged',
          'x.parquet',
          ({ stream }) => damagedParquet(readFileSync(join(golden, pick(stream, parquets))), stream),
          true,
        ),
      ]
    : []),
];

/** Half of the accidents in the footer, where the lengths are. */
function damagedParquet(bytes: Buffer, stream: Stage['stream']): Buffer {
  if (stream.uniform() < 0.3) return damaged(bytes, stream);
  const footer = bytes.readUInt32LE(bytes.length - 8);
  const start = bytes.length - 8 - footer;
  const copy = Buffer.from(bytes);
  for (let i = stream.integer(6); i >= 0; i--) copy[start + stream.integer(footer)] = stream.integer(256);
  return copy;
}

export const tables: Kind = {
  name: 'tables',
  cases: [
    ...csvs,
    ...lines,
    ...besides,
    ...parquet,
    table('csv-damaged', 'x.csv', ({ stream }) => damaged(Buffer.from(soundCsv), stream), true),
    table('jsonl-damaged', 'x.jsonl', ({ stream }) => damaged(Buffer.from(soundLines), stream), true),
  ],
};
