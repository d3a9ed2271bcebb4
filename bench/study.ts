import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { TrainConfigInput } from '@graft-ml/core/internal/recipe/config/index';
import { localExecutor } from 'graft-ml/internal/jobs/local-executor';
import { readRun } from 'graft-ml/internal/runs/read-run';

/** What one training came to. */
export interface Outcome {
  /** On the validation images, of the best epoch. */
  readonly accuracy: number;
  /** Of the best epoch, from 1. */
  readonly epoch: number;
  readonly validation: number;
  readonly training: number;
  /** From the folder to the last epoch, checking every image included. */
  readonly seconds: number;
  readonly trained: number;
  readonly parameters: number;
  /** What `auto` chose. */
  readonly chosen: string | null;
  /** The machine's load when it began. */
  readonly load: number;
}

/**
 * One run from folder to best epoch, in a process of its own as a trial of `graft sweep` is. No features are taken from
 * other runs, so that times can be compared.
 */
export async function outcomeOf(folder: string, config: TrainConfigInput): Promise<Outcome> {
  const scratch = mkdtempSync(join(tmpdir(), 'graft-study-'));
  const load = loadavg()[0]!;
  const start = performance.now();
  try {
    await using executor = localExecutor({ root: scratch, jobs: 1 });
    const task = { data: { path: resolve(folder), sha256: null }, config: { disk: 0, ...config } };
    await executor.submit({ id: 'run', kind: 'train', task });
    for await (const event of executor.events()) {
      if (event.kind === 'failed') throw new Error(event.message);
      if (event.kind === 'done') break;
    }
    const seconds = (performance.now() - start) / 1000;
    const { best, dataset, parameters, decision } = await readRun(await executor.folder('run'));
    return {
      accuracy: best!.accuracy,
      epoch: best!.epoch,
      training: dataset.train,
      validation: dataset.validation,
      trained: parameters.trained,
      parameters: parameters.total,
      chosen: decision?.strategy ?? null,
      seconds,
      load,
    };
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** Results by key in a file, which grows with each that is asked for and not there yet: a study can be resumed. */
export class Results<Result> {
  readonly #file: string;
  readonly results: Record<string, Result>;

  constructor(name: string) {
    this.#file = fileURLToPath(new URL(`../../bench/results/${name}.json`, import.meta.url));
    this.results = this.#read();
  }

  #read(): Record<string, Result> {
    if (!existsSync(this.#file)) return {};
    return (JSON.parse(readFileSync(this.#file, 'utf8')) as { results: Record<string, Result> }).results;
  }

  get(key: string): Result | undefined {
    return this.results[key];
  }

  /** What is there under the key, or else what is measured now. */
  async keep(key: string, measure: () => Promise<Result>): Promise<Result> {
    const known = this.results[key];
    if (known) return known;
    const result = await measure();
    // Another process may have written meanwhile: what it found is kept.
    Object.assign(this.results, this.#read(), { [key]: result });
    const machine = { processor: cpus()[0]?.model, cores: cpus().length, node: process.versions.node };
    const date = new Date().toISOString().slice(0, 10);
    mkdirSync(join(this.#file, '..'), { recursive: true });
    writeFileSync(this.#file, `${JSON.stringify({ date, machine, results: this.results }, null, 1)}\n`);
    return result;
  }
}

/** Whole trainings. */
export class Study extends Results<Outcome> {
  async run(key: string, folder: string, config: TrainConfigInput): Promise<void> {
    if (this.get(key)) return;
    const { accuracy, seconds, chosen } = await this.keep(key, () => outcomeOf(folder, config));
    console.log(`${key}: ${(100 * accuracy).toFixed(1)} %, ${seconds.toFixed(1)} s${chosen ? `, ${chosen}` : ''}`);
  }

  /** So many at once. Their times are of a machine that others share, unless it is one. */
  async runAll(runs: readonly PlannedRun[], jobs: number): Promise<void> {
    const waiting = [...runs];
    const work = async () => {
      for (let next = waiting.shift(); next; next = waiting.shift()) await this.run(next.key, next.folder, next.config);
    };
    await Promise.all(Array.from({ length: jobs }, work));
  }
}

/** A training that a study is to have. */
export interface PlannedRun {
  readonly key: string;
  readonly folder: string;
  readonly config: TrainConfigInput;
}

export const mean = (numbers: readonly number[]) => numbers.reduce((a, b) => a + b, 0) / numbers.length;

/** Of a share over images that were drawn independently. */
export function standardError(share: number, count: number): number {
  return Math.sqrt((share * (1 - share)) / count);
}

export const nameOf = (folder: string) => basename(folder);
