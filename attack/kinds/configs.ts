import { symlinkSync } from 'node:fs';
import { join } from 'node:path';
import type { Case, Kind, Stage } from '../case.ts';
import { damaged, nastyTexts, pick } from '../make/damage.ts';
import { makePipe } from '../make/special.ts';
import { small } from '../stock.ts';

/** What is given besides a file of options comes first, so that whatever it says, the run is short. */
async function train({ room, stock, graft }: Stage, path: string): Promise<void> {
  await graft([
    'train',
    stock.images,
    ...small,
    '--epochs',
    '1',
    '--image-size',
    '32',
    '--config',
    path,
    '--out',
    join(room.out, 'run'),
  ]);
}

const config = (label: string, make: (stage: Stage) => string, { name = 'x.yaml', isDrawn = false } = {}): Case => ({
  label,
  isDrawn,
  play: async (stage) => train(stage, stage.room.give(name, make(stage))),
});

const laughs = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i'].map(
  (name, i, all) =>
    `${name}: &${name} [${Array(10)
      .fill(i === 0 ? 'lol' : `*${all[i - 1]}`)
      .join(',')}]`,
);

/** As `graft config` writes it, shortened. */
const sound = `# options
optimisation:
  learningRate: 0.01
  optimizer: adamw
  schedule: one-cycle
  warmup: 1
data:
  validation: 0.25
  augment: light
  seed: 3
model:
  dropout: 0.1
`;

/** Texts for options that are small languages of their own. */
const languages = [
  'unfreeze',
  'rates',
  'augment',
  'head',
  'freeze',
  'train',
  'milestones',
  'labelRegex',
  'mean',
  'log',
  'transferRatio',
];
const words = [
  '0:head,3:all',
  'head=1e-3,*=0',
  'crop=0.35,flip',
  '512,relu',
  '(a+)+$',
  '**/*',
  '1,2,3',
  '=',
  ',',
  ':',
  '{',
  '(?<',
  '[',
  '\\',
  '1e309',
  '-0',
  'NaN',
];

export const configs: Kind = {
  name: 'configs',
  cases: [
    config('laughs', () => laughs.join('\n')),
    config('tags', () => 'learningRate: !!js/function "function(){process.exit(9)}"\n'),
    config('merge', () => 'x: &x {epochs: 1}\n<<: *x\n'),
    config('deep', () => `a: ${'['.repeat(90_000)}`),
    config('deep-blocks', () => Array.from({ length: 600 }, (_, i) => `${' '.repeat(i)}a:`).join('\n')),
    config('long', () => `learningRate: ${'1'.repeat(50e6)}`),
    config('many-documents', () => '---\n'.repeat(60_000)),
    config('nasty', () => nastyTexts.map((text) => `${JSON.stringify(text)}: ${JSON.stringify(text)}`).join('\n')),
    config('prototype', () => '__proto__: {epochs: 3}\nconstructor: 1\n'),
    config('regex', () => 'labelRegex: "^(([a-z])+.)+[A-Z]([a-z])+$"\n'),
    config('json-deep', () => `${'{"epochs":'.repeat(50_000)}`, { name: 'run.json' }),
    {
      label: 'pipe',
      seconds: 20,
      play: async (stage) => train(stage, makePipe(join(stage.room.given, 'x.yaml'))),
    },
    {
      label: 'device',
      seconds: 20,
      play: async (stage) => {
        symlinkSync('/dev/zero', join(stage.room.given, 'x.yaml'));
        await train(stage, join(stage.room.given, 'x.yaml'));
      },
    },
    config('damaged', ({ stream }) => damaged(Buffer.from(sound), stream).toString('latin1'), { isDrawn: true }),
    config(
      'languages',
      ({ stream }) =>
        Array.from(
          { length: 1 + stream.integer(3) },
          () => `${pick(stream, languages)}: ${JSON.stringify(pick(stream, words) + pick(stream, words))}`,
        ).join('\n'),
      { isDrawn: true },
    ),
  ],
};
