import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openDataset } from 'graft-ml/internal/data/dataset';
import { defaultCacheFolder } from 'graft-ml/internal/files/cache-folder';
import { packageFile } from 'graft-ml/internal/files/package-file';
import { ortVersion } from 'graft-ml/internal/runtime/index';
import { peerScript } from './peers.ts';
import type { PeerResult, Row, SideResult } from './results.ts';
import { ratioOf, spreadOf } from './statistics.ts';

/** Works that are whole processes, by the name of their row. */
export const commandKinds = ['start', 'predict', 'job'] as const;
export type CommandKind = (typeof commandKinds)[number];

export interface CommandOptions {
  readonly python: string;
  /** Runs of each side. */
  readonly runs: number;
  readonly threads: number;
  /** Images by class (root/class/*.jpg). */
  readonly images: string;
  /** SqueezeNet 1.1's weights as safetensors. */
  readonly weights: string;
}

/** Sides of a comparison as commands; Graft's comes first. */
interface Commands {
  readonly name: string;
  readonly kind: CommandKind;
  readonly sides: Readonly<Record<string, Command>>;
  /** Whether two answers are as much alike as they must be. */
  agree?(ours: string, theirs: string): boolean;
}

interface Command {
  readonly setting: string;
  /** The command line of a run, which may prepare what the run needs. */
  command(): readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** The answer in what it printed. */
  answer?(output: string): string;
}

/** One run of a process. */
interface Timed {
  readonly milliseconds: number;
  readonly processor: number;
  readonly peak: number;
  readonly status: number;
  readonly output: string;
}

const node = process.execPath;
const graft = packageFile('bin', 'graft.js');
const firstStepScript = fileURLToPath(new URL('./first-step.js', import.meta.url));

/** The names of the rows of a kind. */
export const rowNames: Readonly<Record<CommandKind, readonly string[]>> = {
  start: ['start · help', 'start · first step, known machine', 'start · first step, new machine'],
  predict: ['predict · 1 image', 'predict · 120 images'],
  job: ['job · head, 10 epochs', 'job · full, 2 epochs'],
};

/** Times one row of whole processes, in turns. @throws Error where a side fails, or the answers differ */
export async function compareCommands(name: string, options: CommandOptions): Promise<Row> {
  const scratch = mkdtempSync(join(tmpdir(), 'graft-bench-'));
  try {
    const load = loadavg()[0]!;
    const commands = await commandsOf(name, { ...options, scratch });
    const taken = new Map(Object.keys(commands.sides).map((side) => [side, [] as Timed[]]));
    // The first run of each reads files that are not in memory yet, and does not count.
    for (let run = 0; run <= options.runs; run++) {
      for (const [side, command] of Object.entries(commands.sides)) {
        const timed = runTimed(options.python, command);
        if (timed.status !== 0) throw new Error(`${name}: ${side} ended with ${timed.status}.`);
        if (run > 0) taken.get(side)!.push(timed);
      }
    }
    return { ...rowOf(commands, taken), load };
  } finally {
    rmSync(scratch, { recursive: true });
  }
}

function runTimed(python: string, { command, env = {} }: Command): Timed {
  const output = execFileSync(python, ['-B', peerScript('timed.py'), ...command()], {
    encoding: 'utf8',
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'ignore'],
    maxBuffer: 2 ** 26,
  });
  return JSON.parse(output) as Timed;
}

function rowOf(
  { name, kind, sides, agree }: Commands,
  taken: ReadonlyMap<string, readonly Timed[]>,
): Omit<Row, 'load'> {
  const result = (side: string): SideResult => {
    const runs = taken.get(side)!;
    const { setting, answer } = sides[side]!;
    return {
      setting,
      milliseconds: spreadOf(runs.map(({ milliseconds }) => milliseconds)),
      processor: spreadOf(runs.map(({ processor }) => processor)),
      peak: Math.max(...runs.map(({ peak }) => peak)),
      steps: 1,
      versions: { node: process.version, onnxruntime: ortVersion() },
      ...(answer && { answer: answer(runs.at(-1)!.output) }),
    };
  };
  const times = (side: string) => taken.get(side)!.map(({ milliseconds }) => milliseconds);
  const [ours, ...others] = Object.keys(sides);
  const graftResult = result(ours!);
  const peers = others.map((side): [string, PeerResult] => {
    const own = result(side);
    if (agree && !agree(graftResult.answer!, own.answer!)) {
      throw new Error(`${name}: ${side} answers something else (${own.answer}; Graft ${graftResult.answer}).`);
    }
    return [side, { ...own, ratio: ratioOf(times(ours!), times(side)) }];
  });
  return { name, kind, date: new Date().toISOString(), graft: graftResult, peers: Object.fromEntries(peers) };
}

/** What the command lines of a row are made from. */
interface Bench extends CommandOptions {
  /** A folder that is removed at the end. */
  readonly scratch: string;
}

function commandsOf(name: string, bench: Bench): Commands | Promise<Commands> {
  if (name === 'start · help') return help(bench);
  if (name.startsWith('start')) return firstStep(name, bench);
  return name.startsWith('predict') ? prediction(name, bench) : job(name, bench);
}

function help({ python }: Bench): Commands {
  return {
    name: 'start · help',
    kind: 'start',
    sides: {
      'graft --help': { setting: 'graft --help', command: () => [node, graft, '--help'] },
      'PyTorch, imported': {
        setting: 'import torch, torchvision',
        command: () => [python, '-c', 'import torch, torchvision'],
      },
    },
  };
}

async function firstStep(name: string, bench: Bench): Promise<Commands> {
  const { images, weights, threads, scratch } = bench;
  const isNew = name.endsWith('new machine');
  const cache = join(scratch, 'cache');
  const flags = await peerFlags(bench);
  const ours: Command = {
    setting: isNew ? 'no kernel timed before' : 'kernels timed before',
    command: () => {
      if (isNew) rmSync(cache, { recursive: true, force: true });
      return [node, firstStepScript, images, weights, String(threads)];
    },
    env: { GRAFT_CACHE: isNew ? cache : defaultCacheFolder() },
  };
  const theirs: Command = {
    setting: `eager, ${threads} loading processes`,
    command: () => peerLine(bench, 'trashnet.py', ...flags, '--strategy', 'full', '--first-step', '1'),
  };
  return { name, kind: 'start', sides: { Graft: ours, PyTorch: theirs } };
}

function prediction(name: string, bench: Bench): Commands {
  const run = join(bench.scratch, 'run');
  const [program, ...args] = trainingLine(bench, 'feature-extraction', 1, run);
  execFileSync(program!, args, { stdio: 'ignore' });
  const count = name.includes('120') ? 120 : 1;
  const paths = imagesIn(bench.images, count);
  const ours: Command = {
    setting: 'graft predict',
    command: () => [node, graft, 'predict', run, ...paths, '--json', '--top', '1'],
    answer: (output) =>
      (JSON.parse(output) as { classes: { name: string }[] }[]).map(({ classes: [best] }) => best!.name).join(' '),
  };
  const theirs: Command = {
    setting: 'eager, batches of 16',
    command: () => peerLine(bench, 'predict.py', run, ...paths),
    answer: (output) => (JSON.parse(output) as string[]).join(' '),
  };
  // Images are decoded and resized by different libraries: 1 of 40 may be on the other side of a boundary.
  const agree = (first: string, second: string) => {
    const answers = second.split(' ');
    return first.split(' ').filter((label, i) => label === answers[i]).length >= count * 0.975;
  };
  return { name, kind: 'predict', sides: { Graft: ours, PyTorch: theirs }, agree };
}

async function job(name: string, bench: Bench): Promise<Commands> {
  const [strategy, epochs] = name.includes('full') ? (['full', 2] as const) : (['feature-extraction', 10] as const);
  const flags = await peerFlags(bench);
  let runs = 0;
  const answer = (output: string) => `accuracy ${accuracyIn(JSON.parse(output))?.toFixed(3)}`;
  const ours: Command = {
    setting: 'graft train',
    command: () => trainingLine(bench, strategy, epochs, join(bench.scratch, `run-${runs++}`)),
    answer,
  };
  const theirs: Command = {
    setting: `eager, ${bench.threads} loading processes`,
    command: () => peerLine(bench, 'trashnet.py', ...flags, '--strategy', strategy, '--epochs', String(epochs)),
    answer,
  };
  const peer = strategy === 'full' ? 'PyTorch' : 'PyTorch, features kept';
  return { name, kind: 'job', sides: { Graft: ours, [peer]: theirs } };
}

/** Training with Graft, without features that earlier runs have left, nor the report, which the peer does not write. */
function trainingLine({ images, weights, threads }: Bench, strategy: string, epochs: number, out: string): string[] {
  return [
    ...[node, graft, 'train', images, '--weights', weights, '--strategy', strategy, '--epochs', String(epochs)],
    ...['--threads', String(threads), '--disk', '0', '--no-report', '--json', '--out', out],
  ];
}

const peerLine = ({ python }: Bench, file: string, ...rest: readonly string[]) => [
  python,
  '-B',
  peerScript(file),
  ...rest,
];

/** The flags of trashnet.py for training on the split that Graft makes. */
async function peerFlags({ images, weights, threads, scratch }: Bench): Promise<string[]> {
  const file = join(scratch, 'split.json');
  const { classes, train, validation } = await openDataset(images, { seed: 0 });
  const entries = (of: typeof train) => of.map(({ path, label }) => [path, label]);
  writeFileSync(file, JSON.stringify({ classes, train: entries(train), validation: entries(validation) }));
  return ['--split', file, '--weights', weights, '--threads', String(threads), '--seed', '0'];
}

/** The validation accuracy in what either side prints. */
function accuracyIn(output: { accuracy?: number; best?: { accuracy: number } }): number | undefined {
  return output.best?.accuracy ?? output.accuracy;
}

/** So many images, from all classes in turn. */
function imagesIn(root: string, count: number): string[] {
  const classes = readdirSync(root, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  const files = classes.map(({ name }) =>
    readdirSync(join(root, name))
      .sort()
      .map((file) => join(root, name, file)),
  );
  return Array.from({ length: count }, (_, i) => files[i % files.length]![Math.floor(i / files.length)]!);
}
