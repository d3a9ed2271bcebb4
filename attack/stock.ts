import { spawn } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { randomStream } from '@graft-ml/core/internal/base/random';
import { png, scanlinesOf } from './make/png.ts';

/** What is sound: made once for a campaign, by the program under attack. Nothing may change it. */
export interface Stock {
  readonly root: string;
  /** Images of three classes. */
  readonly images: string;
  /** One of them. */
  readonly image: string;
  /** A finished run on them, and the same run with epochs left. */
  readonly run: string;
  readonly unfinished: string;
  /** A run of meta-learning, and what was adapted from it. */
  readonly metaRun: string;
  readonly adapted: string;
  /** The run as one file. */
  readonly onnx: string;
  /** The names of its classes, one a line. */
  readonly classes: string;
  /** Timings of kernels, so that no two commands choose differently. */
  readonly cache: string;
}

export const classNames = ['crimson', 'emerald', 'sapphire'];
const colours = [
  [200, 40, 50],
  [40, 190, 90],
  [40, 70, 210],
];

export const small = ['--model', 'conv4', '--strategy', 'scratch', '--batch-size', '4', '--threads', '1'];
/** Long enough to be killed in. */
export const training = [...small, '--epochs', '6', '--seed', '5', '--log', 'csv,tensorboard'];
export const metaTraining = [
  ...['--way', '2', '--shots', '1', '--queries', '2', '--meta-batch', '2', '--meta-steps', '30', '--split', '2/2/2'],
  ...['--validate-every', '5', '--episodes', '2', '--model', 'conv4', '--threads', '1', '--image-size', '28'],
];

/** An image of a class: its colour under noise. */
export function drawImage(look: number, index: number, side = 32): Buffer {
  const stream = randomStream(0, 'attack', 'image', look, index);
  const [r, g, b] = colours[look % 3]!.map((value) => (value + 30 * Math.floor(look / 3)) % 256);
  const pixel = () => [r!, g!, b!].map((value) => Math.min(255, Math.max(0, value + stream.integer(60) - 30)));
  return png({ width: side, height: side, scanlines: scanlinesOf(side, side, pixel) });
}

/** Writes `folder/<class>/<number>.png`. */
export function drawImages(folder: string, perClass: number, classes: readonly string[] = classNames): string {
  for (const [look, name] of classes.entries()) {
    mkdirSync(join(folder, name), { recursive: true });
    for (let i = 0; i < perClass; i++) writeFileSync(join(folder, name, `${i}.png`), drawImage(look, i));
  }
  return folder;
}

export async function makeStock(root: string, program: string): Promise<Stock> {
  const at = (name: string) => join(root, name);
  const images = drawImages(at('images'), 8);
  const many = drawImages(at('many'), 6, ['a', 'b', 'c', 'd', 'e', 'f']);
  const stock: Stock = {
    root,
    images,
    image: join(images, classNames[0]!, '0.png'),
    run: at('run'),
    unfinished: at('unfinished'),
    metaRun: at('meta'),
    adapted: at('adapted'),
    onnx: at('run.onnx'),
    classes: at('classes.txt'),
    cache: at('cache'),
  };
  writeFileSync(stock.classes, `${classNames.join('\n')}\n`);
  mkdirSync(stock.cache);
  const run = (...args: string[]) => runSoundly(program, args, stock.cache);
  await run('train', images, ...training, '--out', stock.run);
  await run(
    'train',
    images,
    ...small,
    '--epochs',
    '60',
    '--seed',
    '5',
    '--log',
    'csv,tensorboard',
    '--out',
    stock.unfinished,
  );
  await run('export', stock.run, '--out', stock.onnx);
  await run('meta', 'train', many, ...metaTraining, '--out', stock.metaRun);
  await run('meta', 'adapt', stock.metaRun, images, '--shots', '2', '--out', stock.adapted);
  return stock;
}

/** A run that may be tampered with. */
export function copyOf(run: string, to: string): string {
  cpSync(run, to, { recursive: true });
  return to;
}

export function readRunFile(run: string): Record<string, unknown> {
  return JSON.parse(readFileSync(join(run, 'run.json'), 'utf8')) as Record<string, unknown>;
}

/** A command that has to succeed; one of a long training is interrupted after two epochs. */
async function runSoundly(program: string, args: readonly string[], cache: string): Promise<void> {
  const environment = { ...process.env, GRAFT_CACHE: cache };
  const child = spawn(process.execPath, [program, ...args], { env: environment, stdio: ['ignore', 'pipe', 'pipe'] });
  let text = '';
  const isLong = args.includes('60');
  child.stdout.on('data', (chunk) => (text += chunk));
  child.stderr.on('data', (chunk) => {
    text += chunk;
    if (isLong && /epoch +3/.test(text)) child.kill('SIGINT');
  });
  const status = await new Promise((resolve) => child.on('close', resolve));
  if (status !== (isLong ? 130 : 0)) throw new Error(`attack: graft ${args.join(' ')} ended with ${status}.\n${text}`);
}
