import { existsSync, readFileSync } from 'node:fs';
import { loadavg } from 'node:os';
import { join } from 'node:path';
import type { MetaConfigInput } from '@graft-ml/core/internal/recipe/meta/index';
import { readMetaRun } from 'graft-ml/internal/meta/read-meta-run';
import { type StepResult, type TestMetaOptions, testMeta } from 'graft-ml/internal/meta/test-meta';
import { resumeMeta, trainMeta } from 'graft-ml/internal/meta/train-meta';
import { drawMetaCurves } from './charts.ts';
import { Results } from './study.ts';

/** What one run of meta-learning came to. */
export interface MetaOutcome {
  readonly config: MetaConfigInput;
  /** On episodes of classes it never saw: the mean, and half its 95 % interval. */
  readonly accuracy: number;
  readonly margin: number;
  readonly episodes: number;
  /** After 0, 1, … inner steps. */
  readonly perStep: readonly { readonly accuracy: number; readonly margin: number }[];
  /** On the validation classes, after so many meta-steps. */
  readonly curve: readonly (readonly [step: number, accuracy: number])[];
  /** Of training, its validations included. */
  readonly seconds: number;
  /** The machine's load when it began, or was resumed. */
  readonly load: number;
}

/**
 * Runs of meta-learning by key, each trained once in a folder of its own and tested once. Whatever ends it, it can be
 * resumed.
 */
export class MetaStudy extends Results<MetaOutcome> {
  readonly #name: string;
  readonly #runs: string;

  /** `runs` is the folder of the run folders. */
  constructor(name: string, runs: string) {
    super(name);
    this.#name = name;
    this.#runs = runs;
  }

  async run(key: string, folder: string, config: MetaConfigInput, test: TestMetaOptions = {}): Promise<MetaOutcome> {
    const isNew = this.get(key) === undefined;
    const outcome = await this.keep(key, () => {
      const out = join(this.#runs, key.replaceAll(/[^\w+-]+/g, '-'));
      return outcomeOf(folder, config, { out, test });
    });
    if (isNew) console.log(`${key}: ${percent(outcome)} %, ${(outcome.seconds / 60).toFixed(1)} min`);
    return outcome;
  }

  /** The accuracies of these keys, a row each, as a table. */
  table(columns: readonly string[], rows: readonly string[], keyOf: (row: string, column: string) => string): string {
    const cell = (key: string) => {
      const outcome = this.get(key);
      return outcome ? `${percent(outcome)} (${(outcome.seconds / 60).toFixed(0)} min)` : '';
    };
    const lines = rows.map((row) => `| ${row} | ${columns.map((column) => cell(keyOf(row, column))).join(' | ')} |`);
    return [`| | ${columns.join(' | ')} |`, `|---|${columns.map(() => '---|').join('')}`, ...lines].join('\n');
  }

  /** Draws the learning curves of these keys, by the name that each has in the chart. */
  async draw(suffix: string, title: string, keys: Readonly<Record<string, string>>): Promise<void> {
    const curves = Object.entries(keys).flatMap(([name, key]) => {
      const points = this.get(key)?.curve ?? [];
      return points.length > 1 ? [[name, points] as const] : [];
    });
    if (curves.length > 0) await drawMetaCurves(`${this.#name}-${suffix}`, title, Object.fromEntries(curves));
  }
}

const percent = ({ accuracy, margin }: MetaOutcome) => `${(100 * accuracy).toFixed(2)} ± ${(100 * margin).toFixed(2)}`;

/** Trains, or goes on with what is there, and tests the best. */
async function outcomeOf(
  folder: string,
  config: MetaConfigInput,
  { out, test }: { out: string; test: TestMetaOptions },
): Promise<MetaOutcome> {
  const load = loadavg()[0]!;
  const isThere = existsSync(join(out, 'run.json'));
  if (!isThere) for await (const _ of trainMeta(folder, config, { out }));
  else if ((await readMetaRun(out)).status !== 'done') for await (const _ of resumeMeta(out));
  const epochs = readFileSync(join(out, 'metrics.jsonl'), 'utf8').trim().split('\n');
  const metrics = epochs.map((line) => JSON.parse(line) as { step: number; accuracy: number; seconds: number });
  const { accuracy, perStep, episodes } = await testMeta(out, test);
  return {
    config,
    accuracy: accuracy.mean,
    margin: accuracy.margin,
    episodes,
    perStep: perStep.map(ofStep),
    curve: metrics.map(({ step, accuracy: share }) => [step, share] as const),
    seconds: metrics.reduce((sum, { seconds }) => sum + seconds, 0),
    load,
  };
}

const ofStep = ({ accuracy: { mean, margin } }: StepResult) => ({ accuracy: mean, margin });
