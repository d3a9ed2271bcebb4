import type { CheckpointName } from '@graft-ml/core/internal/fit/checkpoint-files';
import { imageNetwork } from '@graft-ml/core/internal/fit/network';
import type { OpenRunStore } from '@graft-ml/core/internal/fit/run-store';
import { variablesOf } from '@graft-ml/core/internal/fit/step';
import { type Run, readRunIn, trainingRuns } from '@graft-ml/core/internal/runs/run-file';
import { ownOnnx } from '@graft-ml/core/internal/runs/run-files';
import { runWeights } from '@graft-ml/core/internal/runs/run-weights';
import { weightsFor } from '@graft-ml/core/internal/weights/checkpoint';
import { privateRuns } from '../runs/private-runs.ts';
import { openBackbone } from './backbone.ts';
import { Classifier, type ClassifierOptions } from './classifier.ts';

export interface OpenRunOptions extends ClassifierOptions {
  /** The checkpoint. Default: `best`, the best epoch; `last` is where the run stopped. */
  readonly checkpoint?: CheckpointName | undefined;
  /** Opens the store of the run. Default: in the browser's private file system. */
  readonly openStore?: OpenRunStore | undefined;
  /** Whether the temperature of `calibrateRun` is applied, where the run has one. Default true. */
  readonly calibrated?: boolean | undefined;
}

/** The `run.json` of a run. @throws UserError where there is none, or it is not one of ours */
export function readRun(path: string, openStore: OpenRunStore = privateRuns()): Promise<Run> {
  return readRunIn(path, trainingRuns, openStore);
}

/**
 * A run as a classifier, whether it was made in a page or by `graft train`.
 * @throws UserError where there is no run, or it has no such checkpoint yet, or a damaged one
 * @example await using classifier = await openRun('runs/flowers');
 */
export async function openRun(path: string, options: OpenRunOptions = {}): Promise<Classifier> {
  const { checkpoint: name = 'best', openStore = privateRuns(), calibrated = true, ...others } = options;
  const run = await readRun(path, openStore);
  const onnxFile = ownOnnx(path, run, openStore);
  const { model: named } = await openBackbone({ ...run.config, weights: null }, { onnxFile, openStore });
  const start = async () => {
    const { model, checkpoint } = await openBackbone(run.config, { onnxFile, openStore });
    if (checkpoint === null) return {};
    const variables = variablesOf(imageNetwork(model, run.preprocessing, run.classes.length));
    return weightsFor(checkpoint, model, variables, { newHead: true });
  };
  const opened = await runWeights(path, run, named, { checkpoint: name, openStore, start });
  const { model, weights, checkpoint, temperature, notes } = opened;
  const { classes, preprocessing } = run;
  const calibration = calibrated ? { notes, ...(temperature !== undefined && { temperature }) } : {};
  return new Classifier({ model, weights, classes, preprocessing, seen: checkpoint.seen, ...calibration }, others);
}
