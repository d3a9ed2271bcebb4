import { existsSync, readFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { replaceFile } from 'graft-ml/internal/files/write';
import type { Machine } from './machine.ts';
import type { Tried } from './peers.ts';
import type { Ratio, Spread } from './statistics.ts';

/** One side of a row. */
export interface SideResult {
  readonly setting: string;
  /** Milliseconds of a step: over the medians of turns. */
  readonly milliseconds: Spread;
  /** Processor time of a step in milliseconds, of all threads. */
  readonly processor: Spread;
  /** The most memory the process had, in bytes. */
  readonly peak: number;
  /** The most processor time it took in a turn of another side, in milliseconds. */
  readonly idle?: number;
  /** Seconds until the side was set up and had taken its first steps. */
  readonly ready?: number;
  /** Steps in a turn. */
  readonly steps: number;
  readonly versions: Readonly<Record<string, string>>;
  /** What it answered, where the work is to answer. */
  readonly answer?: string;
}

export interface PeerResult extends SideResult {
  /** Graft's time to this one's. */
  readonly ratio: Ratio;
  /** The largest difference of what both compute first, relative to its size. */
  readonly difference?: number;
}

export interface Row {
  /** The work in words. */
  readonly name: string;
  /** By which the rows of a table belong together. */
  readonly kind: string;
  readonly date: string;
  /** The load average when it began. */
  readonly load: number;
  readonly graft: SideResult;
  readonly peers: Readonly<Record<string, PeerResult>>;
}

export interface Results {
  readonly machine: Machine;
  /** The settings of PyTorch that were tried, the fastest first, by work and way. */
  readonly settings: Readonly<Record<string, readonly Tried[]>>;
  readonly rows: Readonly<Record<string, Row>>;
}

export const resultsFolder = 'bench/results/speed';

/** The file of a machine's results. */
export function resultsOf({ processor, cores }: Machine): string {
  const name = processor.toLowerCase().replace(/[^a-z0-9]+/g, '-');
  return `${resultsFolder}/${name}-${cores}-cores.json`;
}

/** The results in a file, or none yet. @throws Error where they are of another machine */
export function readResults(file: string, machine: Machine): Results {
  if (!existsSync(file)) return { machine, settings: {}, rows: {} };
  const results = JSON.parse(readFileSync(file, 'utf8')) as Results;
  if (results.machine.processor !== machine.processor || results.machine.cores !== machine.cores) {
    throw new Error(`${file} is of another machine (${results.machine.processor}): give another --out.`);
  }
  return results;
}

export async function writeResults(file: string, results: Results): Promise<void> {
  await mkdir(dirname(file), { recursive: true });
  const sorted = Object.fromEntries(Object.entries(results.rows).sort(([a], [b]) => (a < b ? -1 : 1)));
  await replaceFile(file, new TextEncoder().encode(`${JSON.stringify({ ...results, rows: sorted }, null, 1)}\n`));
}
