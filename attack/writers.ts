import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Stage } from './case.ts';
import { copyOf, metaTraining, training } from './stock.ts';

/** A command that writes a run, how it goes on where it was broken off, and the run that it makes undisturbed. */
export interface Writer {
  readonly label: string;
  readonly begin: (stage: Stage, out: string) => readonly string[];
  /** Null: it is begun again. */
  readonly goOn: ((out: string) => readonly string[]) | null;
  readonly whole: (stage: Stage) => string;
}

export const writers: readonly Writer[] = [
  {
    label: 'train',
    begin: ({ stock }, out) => ['train', stock.images, ...training, '--out', out, '--overwrite'],
    goOn: (out) => ['train', '--resume', out],
    whole: ({ stock }) => stock.run,
  },
  {
    label: 'meta-train',
    begin: ({ stock }, out) => [
      'meta',
      'train',
      join(stock.root, 'many'),
      ...metaTraining,
      '--out',
      out,
      '--overwrite',
    ],
    goOn: (out) => ['meta', 'train', '--resume', out],
    whole: ({ stock }) => stock.metaRun,
  },
  {
    label: 'meta-adapt',
    begin: ({ stock }, out) =>
      ['meta', 'adapt', stock.metaRun, stock.images].concat(['--shots', '2', '--out', out, '--overwrite']),
    goOn: null,
    whole: ({ stock }) => stock.adapted,
  },
];

/** Gives the case a cache as it is after the undisturbed runs, so that the same kernels are used. */
export function warmCache({ room, stock }: Stage): void {
  rmSync(room.cache, { recursive: true });
  copyOf(stock.cache, room.cache);
}

/** What is to be called after the command was broken off. */
export function nextCall({ begin, goOn }: Writer, stage: Stage, out: string): readonly string[] {
  return goOn && existsSync(join(out, 'last.safetensors')) ? goOn(out) : begin(stage, out);
}

/** Fails for each checkpoint in which a bit differs from the undisturbed run's. */
export function compareCheckpoints(whole: string, run: string, fail: (reason: string) => void, note = ''): void {
  for (const name of readdirSync(whole).filter((file) => file.endsWith('.safetensors'))) {
    const path = join(run, name);
    if (!existsSync(path)) fail(`${name} is missing ${note}`.trimEnd());
    else if (!readFileSync(path).equals(readFileSync(join(whole, name)))) {
      fail(`${name} is not what it is undisturbed ${note}`.trimEnd());
    }
  }
}
