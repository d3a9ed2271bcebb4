import { readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import {
  dict,
  global,
  legacyCheckpoint,
  program,
  tensorProgram,
  text,
  tuple,
  zipCheckpoint,
} from '../../test/checkpoint.ts';
import { zip } from '../../test/zip.ts';
import type { Case, Kind, Stage } from '../case.ts';
import { damaged, nastyTexts } from '../make/damage.ts';
import { makePipe } from '../make/special.ts';

type Make = (stage: Stage) => Uint8Array;

/** Reads weights in the shortest way that there is. */
function read({ graft, stock }: Stage, path: string) {
  return graft(['predict', '--model', 'conv4', '--weights', path, '--classes', stock.classes, stock.image]);
}

const file = (label: string, name: string, make: Make, isDrawn = false): Case => ({
  label,
  isDrawn,
  play: async (stage) => void (await read(stage, stage.room.give(name, make(stage)))),
});

/** A safetensors file of this header. */
export function safetensors(header: string | object, data: Uint8Array = new Uint8Array(0)): Buffer {
  const text = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  return Buffer.concat([length, text, data]);
}

const tensor = (shape: readonly number[], begin: number, end: number, dtype = 'F32') => ({
  dtype,
  shape,
  data_offsets: [begin, end],
});
const floats = new Uint8Array(Float32Array.of(1.5, 2.5).buffer);
const best = ({ stock }: Stage) => readFileSync(join(stock.run, 'best.safetensors'));
const many = 200_000;

const headers: readonly Case[] = [
  file('safetensors-length-2^63', 'x.safetensors', () => Buffer.from([0, 0, 0, 0, 0, 0, 0, 0x80, 0x7b, 0x7d])),
  file('safetensors-no-header', 'x.safetensors', () => Buffer.alloc(8)),
  file('safetensors-brackets', 'x.safetensors', () => safetensors('['.repeat(20e6))),
  file('safetensors-nested-keys', 'x.safetensors', () => safetensors('{"a":'.repeat(5e5))),
  file('safetensors-shape-of-exabytes', 'x.safetensors', () =>
    safetensors({ a: tensor([2 ** 40, 2 ** 40], 0, 8) }, floats),
  ),
  file('safetensors-overlap', 'x.safetensors', () =>
    safetensors({ a: tensor([2], 0, 8), b: tensor([2], 0, 8) }, floats),
  ),
  file('safetensors-negative', 'x.safetensors', () => safetensors({ a: tensor([-2], 8, 0) }, floats)),
  file('safetensors-many-tensors', 'x.safetensors', () =>
    safetensors(Object.fromEntries(Array.from({ length: many }, (_, i) => [`t${i}`, tensor([0], 0, 0)]))),
  ),
  file('safetensors-same-key', 'x.safetensors', () =>
    safetensors(
      '{"a":{"dtype":"F32","shape":[0],"data_offsets":[0,0]},"a":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}}',
    ),
  ),
  file('safetensors-nasty-names', 'x.safetensors', ({ stream }) =>
    safetensors(Object.fromEntries(nastyTexts.map((name) => [name + stream.integer(9), tensor([2], 0, 8)])), floats),
  ),
  file('safetensors-nasty-dtype', 'x.safetensors', () => safetensors({ a: tensor([2], 0, 8, nastyTexts[0]) }, floats)),
  file('safetensors-metadata', 'x.safetensors', () =>
    safetensors({ __metadata__: { format: nastyTexts[1], epoch: '1e999' }, 'conv1.weight': tensor([2], 0, 8) }, floats),
  ),
];

const spread = (pickle: string) => zipCheckpoint(program(pickle), { 0: floats });
const deep = 300_000;

const pickles: readonly Case[] = [
  file('pickle-system', 'x.pth', () => spread(`${global('posix.system')}${tuple(text('touch pwned'))}R`)),
  file('pickle-system-legacy', 'x.th', () =>
    legacyCheckpoint(program(`${global('os.system')}${tuple(text('touch pwned'))}R`), { 0: [2, floats] }),
  ),
  file('pickle-bare', 'x.pkl', () => program(`${global('builtins.eval')}${tuple(text('1'))}R`)),
  file('pickle-deep', 'x.pth', () => spread(`${'('.repeat(deep)}${'t'.repeat(deep)}`)),
  file('pickle-deep-lists', 'x.th', () =>
    legacyCheckpoint(program(`${']'.repeat(deep)}${'a'.repeat(deep - 1)}`), { 0: [2, floats] }),
  ),
  file('pickle-doubling', 'x.pth', () => spread(`]q\0${doubling(60)}`)),
  file('pickle-millions', 'x.pth', () => spread('}'.repeat(3e6))),
  file('pickle-huge-integer', 'x.pth', () => spread('\x8b\xff\xff\xff\x7f')),
  file('pickle-itself', 'x.pth', () => spread(']q\0h\0a')),
  file('pickle-stride-0', 'x.pth', () => spread(dict({ x: tensorProgram({ shape: [1e9], strides: [0] }) }))),
  file('pickle-nasty-name', 'x.pth', () => spread(dict({ [nastyTexts[0]!]: tensorProgram(), [nastyTexts[3]!]: 'N' }))),
  file('pickle-nasty-global', 'x.pth', () => spread(`c\u001b]0;x\u0007\n\u009b31m\n)R`)),
  file('zip-two-pickles', 'x.pth', () =>
    zip([
      { name: 'a/data.pkl', data: program('N') },
      { name: 'b/data.pkl', data: program('N') },
    ]),
  ),
  file('zip-nasty-name', 'x.pth', () => zip([{ name: '\u001b[2J/data.pkl', data: program('N') }])),
  file('zip-overlap', 'x.pth', () =>
    zip([
      { name: 'a/data.pkl', data: program(dict({ x: tensorProgram() })) },
      { name: 'a/data/0', data: floats, header: 0 },
    ]),
  ),
];

function doubling(times: number): string {
  const memo = (i: number) => String.fromCharCode(i);
  return Array.from({ length: times }, (_, i) => `h${memo(i)}h${memo(i)}\x86q${memo(i + 1)}`).join('');
}

const index = (map: Readonly<Record<string, string>>) => JSON.stringify({ metadata: {}, weight_map: map });

const shards: readonly Case[] = [
  ['shard-above', '../canary/thesis.txt'],
  ['shard-absolute', '/etc/passwd'],
  ['shard-nasty', '\u001b[2J.safetensors'],
  ['shard-of-index', 'x.index.json'],
  ['shard-pipe', 'pipe.safetensors'],
  ['shard-link', 'link.safetensors'],
  ['shard-device', 'device.safetensors'],
].map(([label, name]) => ({
  label: label!,
  seconds: 20,
  play: async (stage) => {
    const { room } = stage;
    const path = room.give('x.index.json', index({ 'conv1.weight': name! }));
    makePipe(join(room.given, 'pipe.safetensors'));
    symlinkSync(join(room.canary, 'thesis.txt'), join(room.given, 'link.safetensors'));
    symlinkSync('/dev/zero', join(room.given, 'device.safetensors'));
    await read(stage, path);
  },
}));

const specials: readonly Case[] = ['/dev/zero', '/dev/stdin', '/proc/self/mem', '/proc/kmsg', '/', '/dev/tty'].map(
  (path) => ({
    label: `weights${path.replaceAll('/', '-')}`,
    seconds: 20,
    play: async (stage) => void (await read(stage, path)),
  }),
);

const pipe: Case = {
  label: 'weights-pipe',
  seconds: 20,
  play: async (stage) => void (await read(stage, makePipe(join(stage.room.given, 'x.safetensors')))),
};

const strangers = [
  '<!doctype html><title>404</title>',
  'version https://git-lfs.github.com/spec/v1\n',
  '\x89HDF\r\n\x1a\n',
  '',
];

export const weights: Kind = {
  name: 'weights',
  cases: [
    ...headers,
    ...pickles,
    ...shards,
    ...specials,
    pipe,
    ...strangers.map((content, i) => file(`stranger-${i}`, 'x.pth', () => Buffer.from(content, 'latin1'))),
    file('safetensors-damaged', 'x.safetensors', (stage) => damaged(best(stage), stage.stream), true),
    file('name-of-the-sender', `${'n'.repeat(180)}\u001b[31m.pth`, () => Buffer.from('<html>')),
  ],
};
