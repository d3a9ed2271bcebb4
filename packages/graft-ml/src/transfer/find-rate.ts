import { writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { type LineChart, lineChartSvg } from '@graft-ml/core/internal/chart/index';
import { findLearningRate, type RangeStep } from '@graft-ml/core/internal/fit/find-learning-rate';
import { fitTask } from '@graft-ml/core/internal/fit/fit-task';
import {
  beforeExplosion,
  type LearningRateCurve,
  type RangeOptions,
  type Suggestions,
  suggestLearningRates,
  usefulPart,
} from '@graft-ml/core/internal/fit/learning-rate-curve';
import type { ImageDecoder } from '@graft-ml/core/internal/image/decoder';
import {
  parseConfig,
  type ResolvedConfig,
  resolveConfig,
  type TrainConfigInput,
} from '@graft-ml/core/internal/recipe/config/index';
import { planOf } from '@graft-ml/core/internal/recipe/plan';
import type { Preparation } from '@graft-ml/core/internal/runs/prepared';
import { runFitOptions } from '@graft-ml/core/internal/runs/train-run';
import type { Backend } from '@graft-ml/core/runtime';
import type { FolderCache } from '../files/cache-folder.ts';
import type { FetchOptions } from '../files/download/fetch-file.ts';
import { wrapWriteErrors } from '../files/write.ts';
import { prepare } from './prepare.ts';

export interface FindRateOptions extends RangeOptions {
  readonly signal?: AbortSignal;
  readonly onPreparation?: (progress: Preparation) => void;
  /** Hears, in a sentence, of what was kept for later runs and is damaged. */
  readonly onNote?: (note: string) => void;
  readonly onStep?: (step: RangeStep) => void;
  readonly download?: FetchOptions;
  /**
   * The image decoder: a pool, or a program's own. It stays its owner's. Default: threads of this process, opened and
   * closed.
   */
  readonly decoder?: ImageDecoder | undefined;
  /** The backend that runs the graphs. Default: ORT in this process, with the configuration's threads. */
  readonly backend?: Backend | undefined;
  /** Same as `trainFolder`'s. */
  readonly cache?: FolderCache | null | undefined;
}

/** The result of a range test on a folder. */
export interface FoundRates {
  readonly config: ResolvedConfig;
  /** The stage that was tested: the strategy's first. */
  readonly stage: string;
  readonly curve: LearningRateCurve;
  readonly suggestions: Suggestions;
}

/**
 * The learning rate range test of what `trainFolder` would do. Nothing is written but the caches.
 * @throws UserError for anything wrong with the folder, the weights or the options, or where the curve says nothing;
 * the signal's reason
 */
export async function findFolderRate(
  folder: string,
  config: TrainConfigInput,
  options: FindRateOptions = {},
): Promise<FoundRates> {
  const resolved = resolveConfig(parseConfig(config));
  const cleanups: (() => Promise<void>)[] = [];
  try {
    const prepared = await prepare(resolve(folder), resolved, { ...options, cleanups });
    const { model, data } = prepared;
    const task = fitTask(model, data, runFitOptions(prepared, planOf(prepared.config, model.table)));
    const curve = await findLearningRate(task, { ...options, runtime: model.runtime });
    const suggestions = suggestLearningRates(usefulPart(curve, options));
    return { config: resolved, stage: task.stages[0]!.name, curve, suggestions };
  } finally {
    await Promise.all(cleanups.map((clean) => clean()));
  }
}

/** The losses of a range test by learning rate, up to where they explode, with what it suggests. */
export function rateChart({ config, curve, suggestions }: FoundRates): LineChart {
  const { rates, losses } = beforeExplosion(curve);
  return {
    title: `${config.model}, ${config.strategy}, ${config.optimizer}`,
    x: { label: 'learning rate', scale: 'log' },
    y: { label: 'training loss, smoothed' },
    series: [{ name: 'loss', points: rates.map((rate, i) => [rate, losses[i]!] as const) }],
    marks: Object.entries(suggestions).map(([label, at]) => ({ at, label })),
  };
}

/** Writes that chart as SVG. @throws UserError where the file cannot be written */
export async function writeRateChart(path: string, found: FoundRates): Promise<void> {
  const svg = await lineChartSvg(rateChart(found));
  await wrapWriteErrors(path, () => writeFile(path, svg));
}
