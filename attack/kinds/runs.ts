import {
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import type { Case, Kind, Stage } from '../case.ts';
import { damaged, nastyTexts, pick } from '../make/damage.ts';
import { makePipe } from '../make/special.ts';
import { filesBelow } from '../room.ts';
import { copyOf, readRunFile, small } from '../stock.ts';

/** Everything that a person does with a run that was sent to them. */
async function use({ graft, stock }: Stage, run: string, ends?: readonly number[]): Promise<void> {
  const options = ends ? { ends } : {};
  await graft(['predict', run, stock.image], options);
  await graft(['train', '--resume', run], options);
}

const copy = ({ room, stock }: Stage) => copyOf(stock.unfinished, join(room.out, 'run'));

/** What stands in the place of a file of a run, or beside them. */
const substitutes: Readonly<Record<string, (path: string, stage: Stage) => void>> = {
  link: (path, { room }) => symlinkSync(join(room.canary, '.bashrc'), path),
  'link-to-nothing': (path, { room }) => symlinkSync(join(room.canary, 'new'), path),
  'hard-link': (path, { room }) => linkSync(join(room.canary, '.bashrc'), path),
  device: (path) => symlinkSync('/dev/zero', path),
  pipe: (path) => void makePipe(path),
  folder: (path) => mkdirSync(path),
};
const places = [
  'run.json',
  'best.safetensors',
  'last.safetensors',
  'metrics.jsonl',
  'metrics.csv',
  'events.out',
  'run.json.lock',
  '.lock',
];

const replaced: readonly Case[] = places.flatMap((place) =>
  Object.entries(substitutes).map(
    ([name, put]) =>
      ({
        label: `${place}-${name}`,
        seconds: 25,
        play: async (stage) => {
          const run = copy(stage);
          const found = readdirSync(run).find((file) => file.startsWith(place)) ?? place;
          rmSync(join(run, found), { recursive: true, force: true });
          put(join(run, found), stage);
          await use(stage, run);
        },
      }) satisfies Case,
  ),
);

/** A run whose file says something else. */
const rewritten = (
  label: string,
  change: (record: Record<string, unknown>, stage: Stage) => unknown,
  isDrawn = false,
): Case => ({
  label: `run.json-${label}`,
  isDrawn,
  play: async (stage) => {
    const run = copy(stage);
    const changed = change(readRunFile(run), stage);
    writeFileSync(join(run, 'run.json'), typeof changed === 'string' ? changed : JSON.stringify(changed));
    await use(stage, run);
    await stage.graft(['inspect', run]);
  },
});

/** Puts a value somewhere into a JSON value. */
function scatter(value: unknown, stream: Stage['stream'], strange: readonly unknown[]): unknown {
  if (typeof value !== 'object' || value === null || stream.uniform() < 0.15) return pick(stream, strange);
  const keys = Object.keys(value);
  if (keys.length === 0) return pick(stream, strange);
  const key = pick(stream, keys);
  const inner = (value as Record<string, unknown>)[key];
  if (Array.isArray(value)) return value.map((item, i) => (String(i) === key ? scatter(item, stream, strange) : item));
  return { ...value, [key]: scatter(inner, stream, strange) };
}

const strange = [
  ...nastyTexts,
  -1,
  0,
  0.5,
  1e300,
  2 ** 53,
  null,
  true,
  [],
  {},
  [[[]]],
  '/dev/zero',
  '../../canary',
  ['a', 'a'],
];

const records: readonly Case[] = [
  rewritten('brackets', () => '['.repeat(100e6)),
  rewritten('nested', () => `{"a":`.repeat(3e5)),
  rewritten('long-text', (record) => ({ ...record, note: 'x'.repeat(80e6) })),
  rewritten('empty', () => ''),
  rewritten('zeros', () => '\0'.repeat(4096)),
  rewritten('prototype', (record) => `{"__proto__": {"status": "done"}, ${JSON.stringify(record).slice(1)}`),
  rewritten('classes', (record) => ({ ...record, classes: nastyTexts.slice(0, 3) })),
  rewritten('data-elsewhere', (record, { room }) =>
    JSON.stringify(record).replaceAll(/"[^"]*\/images"/g, JSON.stringify(room.canary)),
  ),
  rewritten('data-device', (record) => JSON.stringify(record).replaceAll(/"[^"]*\/images"/g, '"/dev/zero"')),
  rewritten('model', (record) => JSON.stringify(record).replaceAll('"conv4"', '"../../canary/thesis.onnx"')),
  rewritten('epochs', (record) => JSON.stringify(record).replaceAll('"epochs":60', '"epochs":1e15')),
  rewritten('image-size', (record) => JSON.stringify(record).replaceAll(/"imageSize":\w+/g, '"imageSize":1000000')),
  rewritten('classes-million', (record) => ({ ...record, classes: Array.from({ length: 1e6 }, (_, i) => `c${i}`) })),
  rewritten(
    'drawn',
    (record, { stream }) => {
      let changed: unknown = record;
      for (let i = stream.integer(3); i >= 0; i--) changed = scatter(changed, stream, strange);
      return changed;
    },
    true,
  ),
  rewritten(
    'damaged',
    (record, { stream }) => damaged(Buffer.from(JSON.stringify(record)), stream).toString('latin1'),
    true,
  ),
];

/** One bit of the numbers in a file is another: whoever reads it has to say so. */
const flipped = (name: string, ends: readonly number[]): Case => ({
  label: `flipped-${name}`,
  isDrawn: true,
  play: async (stage) => {
    const run = copy(stage);
    const path = join(run, `${name}.safetensors`);
    const bytes = readFileSync(path);
    const header = 8 + Number(bytes.readBigUInt64LE(0));
    const at = header + stage.stream.integer(bytes.length - header);
    bytes[at] = bytes[at]! ^ (1 << stage.stream.integer(8));
    writeFileSync(path, bytes);
    if (name === 'best') await stage.graft(['predict', run, stage.stock.image], { ends });
    else await stage.graft(['train', '--resume', run], { ends });
  },
});

const damagedCheckpoint = (name: string): Case => ({
  label: `damaged-${name}`,
  isDrawn: true,
  play: async (stage) => {
    const run = copy(stage);
    const path = join(run, `${name}.safetensors`);
    writeFileSync(path, damaged(readFileSync(path), stage.stream));
    await use(stage, run);
  },
});

/** What a damaged cache gives is what a sound one gives. */
const cached: Case = {
  label: 'flipped-cache',
  isDrawn: true,
  play: async ({ room, stock, stream, graft, fail }) => {
    const args = [
      'train',
      stock.images,
      ...small.filter((arg) => !/^--strategy$|^scratch$/.test(arg)),
      '--weights',
      stock.run,
    ];
    const train = (out: string) =>
      graft([...args, '--strategy', 'feature-extraction', '--epochs', '2', '--out', out], { ends: [0] });
    const [first, second] = [join(room.out, 'first'), join(room.out, 'second')];
    await train(first);
    for (const path of filesBelow(room.cache).filter((file) => !file.endsWith('tuning.json'))) {
      const bytes = readFileSync(path);
      if (bytes.length === 0) continue;
      const at = stream.integer(bytes.length);
      bytes[at] = bytes[at]! ^ (1 << stream.integer(8));
      writeFileSync(path, bytes);
    }
    await train(second);
    const numbers = (run: string) =>
      readFileSync(join(run, 'metrics.jsonl'), 'utf8').replaceAll(/"seconds":[\d.e-]+/g, '');
    const isMade = [first, second].every((run) => existsSync(join(run, 'metrics.jsonl')));
    if (isMade && numbers(first) !== numbers(second)) fail('one bit in the cache changed the training');
  },
};

/** A cache that others could write to, with links where files belong. */
const planted: Case = {
  label: 'planted-cache',
  play: async ({ room, stock, graft }) => {
    for (const name of ['tuning.json', 'tuning.json.lock', 'features', 'weights', 'tables', 'archives']) {
      symlinkSync(join(room.canary, name === 'tuning.json' ? '.bashrc' : 'deep'), join(room.cache, name));
    }
    await graft(['train', stock.images, ...small, '--epochs', '1', '--out', join(room.out, 'run')]);
  },
};

const folds: Case = {
  label: 'folds.json',
  play: async (stage) => {
    const { room, stock, graft } = stage;
    const out = join(room.out, 'folds');
    await graft(['train', stock.images, ...small, '--epochs', '1', '--folds', '2', '--out', out], { ends: [0] });
    const path = join(out, 'folds.json');
    const record = existsSync(path) ? readFileSync(path, 'utf8') : '{}';
    for (const text of [
      record.replaceAll(/"fold-?\d+"/g, '"../../canary"'),
      '['.repeat(20e6),
      damaged(Buffer.from(record), stage.stream).toString('latin1'),
    ]) {
      writeFileSync(path, text);
      await graft(['train', '--resume', out]);
    }
    rmSync(path);
    symlinkSync(join(room.canary, '.bashrc'), path);
    await graft(['train', '--resume', out]);
  },
};

/** A folder that somebody else holds, and one that nobody does though it looks so. */
const outs: readonly Case[] = [
  ['out-link', (out: string, { room }: Stage) => symlinkSync(room.canary, out)],
  ['out-pipe', (out: string) => void makePipe(out)],
  [
    'out-of-others',
    (out: string) => {
      mkdirSync(out);
      writeFileSync(join(out, 'thesis.txt'), 'mine');
    },
  ],
].map(([label, put]) => ({
  label: label as string,
  play: async (stage) => {
    const out = join(stage.room.out, 'run');
    (put as (out: string, stage: Stage) => void)(out, stage);
    await stage.graft(['train', stage.stock.images, ...small, '--epochs', '1', '--out', out]);
    await stage.graft(['train', stage.stock.images, ...small, '--epochs', '1', '--out', out, '--overwrite']);
  },
}));

/** Also of meta-learning. */
const metaRuns: readonly Case[] = ['run.json', 'best.safetensors', 'last.safetensors'].flatMap((place) =>
  (['link', 'pipe', 'device'] as const).map((name) => ({
    label: `meta-${place}-${name}`,
    seconds: 25,
    play: async (stage) => {
      const run = copyOf(stage.stock.metaRun, join(stage.room.out, 'meta'));
      rmSync(join(run, place));
      substitutes[name]!(join(run, place), stage);
      await stage.graft(['meta', 'adapt', run, stage.stock.images, '--out', join(stage.room.out, 'adapted')]);
      await stage.graft(['meta', 'train', '--resume', run]);
    },
  })),
);

export const runs: Kind = {
  name: 'runs',
  cases: [
    ...replaced,
    ...records,
    flipped('best', [1]),
    flipped('last', [1]),
    damagedCheckpoint('best'),
    damagedCheckpoint('last'),
    cached,
    planted,
    folds,
    ...outs,
    ...metaRuns,
  ],
};
