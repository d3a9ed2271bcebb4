import { join } from 'node:path';
import { UserError } from '@graft-ml/core/internal/base/errors';
import { formatOwnJson, longestOwnJson, parseOwnJson } from '@graft-ml/core/internal/base/own-json';
import { startEvaluation } from '@graft-ml/core/internal/evaluate/evaluation';
import { fitTemperature, type LabelledLogits } from '@graft-ml/core/internal/evaluate/temperature';
import type { Run, RunCalibration } from '@graft-ml/core/internal/runs/run-file';
import { usablePaths } from '../runs/own-paths.ts';
import { readRun } from '../runs/read-run.ts';
import { type OpenRunStore, openRunStore } from '../runs/run-store.ts';
import type { Classifier } from './classifier.ts';
import { evaluationImages } from './evaluation-images.ts';
import { type OpenRunOptions, openRunWith } from './open-run.ts';

/** Options of calibrating a run. */
export interface CalibrateOptions extends Omit<OpenRunOptions, 'calibrated' | 'tta'> {
  /** Where the run's dataset is now, if it was moved, or if the run was made by someone else. */
  readonly data?: string | undefined;
  /** The bins of the expected calibration error. Default 15. */
  readonly bins?: number | undefined;
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
  /** Ends it before the run is written to, with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Fits a temperature to the images that the run was validated on, never to those of a test part, and keeps it in
 * `run.json`. From then on it is applied wherever the run predicts, is evaluated or exported, as long as its weights are
 * those of now. The classes that it answers stay the same; their probabilities change.
 *
 * @throws UserError where the run or its images cannot be read, it has no validation images, or no temperature fits them
 * @example const { temperature, calibrationError } = await calibrateRun('runs/x');
 */
export async function calibrateRun(
  run: string,
  { data, bins, onProgress, signal, ...options }: CalibrateOptions = {},
): Promise<RunCalibration> {
  const { openStore = openRunStore, checkpoint = 'best', cache } = options;
  const described = await readRun(run, openStore);
  const { folder } = await usablePaths(run, described, { data });
  const { classifier, sha256 } = await openRunWith(run, { ...options, calibrated: false });
  try {
    const { images, sameDataset } = await validationImages(run, described, { folder, cache, signal }, classifier);
    if (!sameDataset) {
      throw new UserError(`${folder} does not hold the images that ${run} was trained and validated on.`);
    }
    const labelled: LabelledLogits[] = [];
    for await (const { path, logits, problem } of classifier.logits(images, { signal, onProgress })) {
      if (problem) throw new Error(`${path} could be read a moment ago: ${problem.message}`);
      labelled.push({ label: images[labelled.length]!.label, logits });
    }
    const { temperature, interval, loss } = fitTemperature(labelled);
    const errorAt = (divisor: number) => calibrationError(labelled, classifier.classes, { divisor, bins });
    const calibration: RunCalibration = {
      temperature,
      interval: [interval[0], Number.isFinite(interval[1]) ? interval[1] : null],
      weightsSha256: sha256,
      checkpoint,
      part: 'validation',
      images: labelled.length,
      loss,
      calibrationError: { before: errorAt(1), after: errorAt(temperature) },
    };
    signal?.throwIfAborted();
    await keep(run, calibration, openStore);
    return calibration;
  } finally {
    await classifier.close();
  }
}

async function validationImages(
  path: string,
  run: Run,
  { folder, ...options }: { folder: string; cache: CalibrateOptions['cache']; signal: AbortSignal | undefined },
  classifier: Classifier,
) {
  if (run.dataset.validation === 0) {
    throw new UserError(
      `${path} has no validation images. A temperature fitted to those that it was trained on would trust it too much, ` +
        'and those of a test part are for measuring alone.',
    );
  }
  return evaluationImages(run, folder, { ...options, part: 'validation' }, classifier);
}

function calibrationError(
  images: readonly LabelledLogits[],
  classes: readonly string[],
  { divisor, bins }: { readonly divisor: number; readonly bins: number | undefined },
): number {
  const evaluation = startEvaluation(classes, { outputs: 'logits', replicates: 0, exactScores: 0, bins });
  for (const { label, logits } of images) {
    evaluation.add(
      label,
      Float64Array.from(logits, (z) => z / divisor),
    );
  }
  return evaluation.value().calibration.error;
}

/** Adds it to `run.json`, all else in which stays as it is. */
async function keep(run: string, calibration: RunCalibration, openStore: OpenRunStore): Promise<void> {
  const store = openStore(run);
  const lock = await store.lock();
  try {
    const content = parseOwnJson(await store.read('run.json', longestOwnJson), join(run, 'run.json'));
    await store.replace('run.json', formatOwnJson({ ...content, calibration }));
  } finally {
    await lock.release();
  }
}
