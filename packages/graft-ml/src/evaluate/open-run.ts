import { UserError } from '@graft-ml/core/internal/base/errors';
import type { CheckpointName } from '@graft-ml/core/internal/fit/checkpoint-files';
import { imageNetwork } from '@graft-ml/core/internal/fit/network';
import { variablesOf } from '@graft-ml/core/internal/fit/step';
import { isWeightsFile } from '@graft-ml/core/internal/runs/named-paths';
import type { Run } from '@graft-ml/core/internal/runs/run-file';
import { runWeights } from '@graft-ml/core/internal/runs/run-weights';
import { weightsFor } from '@graft-ml/core/internal/weights/checkpoint';
import { openBackbone } from '../checkpoint/backbone.ts';
import type { FetchOptions } from '../files/download/fetch-file.ts';
import { nativeHash } from '../files/tensors-hash.ts';
import { areOwnPaths } from '../runs/own-paths.ts';
import { readRun } from '../runs/read-run.ts';
import { type OpenRunStore, openRunStore, ownOnnx } from '../runs/run-store.ts';
import { Classifier, type ClassifierOptions } from './classifier.ts';

export interface OpenRunOptions extends ClassifierOptions {
  /** The checkpoint. Default: `best`, the best epoch; `last` is where the run stopped. */
  readonly checkpoint?: CheckpointName | undefined;
  /** The source of the published weights that it began with, should `last` need them. */
  readonly download?: FetchOptions | undefined;
  /** Opens the store of the run. Default: in a folder. */
  readonly openStore?: OpenRunStore | undefined;
  /** Whether the temperature of `calibrateRun` is applied, where the run has one. Default true. */
  readonly calibrated?: boolean | undefined;
}

/**
 * A run as a classifier. @throws UserError where the folder is no run, or has no such checkpoint yet, or a damaged one
 */
export async function openRun(path: string, options: OpenRunOptions = {}): Promise<Classifier> {
  const { classifier } = await openRunWith(path, options);
  return classifier;
}

/** The same with the digest of the numbers in its checkpoint. */
export async function openRunWith(
  path: string,
  { checkpoint: name = 'best', download, openStore = openRunStore, calibrated = true, ...options }: OpenRunOptions,
): Promise<{ readonly classifier: Classifier; readonly sha256: string }> {
  const run = await readRun(path, openStore);
  const onnxFile = ownOnnx(path, run, openStore);
  const { model: named } = await openBackbone({ ...run.config, weights: null }, { onnxFile });
  const start = () => startOf(path, run, { openStore, download: { cache: options.cache, ...download } });
  const opened = await runWeights(path, run, named, { checkpoint: name, openStore, start, hash: nativeHash });
  const { model, weights, checkpoint, temperature, notes } = opened;
  const { classes, preprocessing } = run;
  const calibration = calibrated ? { temperature, notes } : {};
  const parts = { model, weights, classes, preprocessing, seen: checkpoint.seen, ...calibration };
  return { classifier: new Classifier(parts, options), sha256: checkpoint.sha256 };
}

export interface Start {
  readonly openStore: OpenRunStore;
  readonly download: FetchOptions;
}

/** The weights that a run began with, but for its head; none where they were drawn at random. @throws UserError */
export async function startOf(path: string, run: Run, { openStore, download }: Start) {
  const { config, preprocessing, classes } = run;
  if (isWeightsFile(config.weights, config.model) && !(await areOwnPaths(run))) {
    throw new UserError(
      `${path}: its last checkpoint needs the weights that it began with, and it was not made by you on this ` +
        `machine (or by a version of Graft before 0.2), so that the file it names is not opened: ${config.weights}.`,
    );
  }
  const { model, checkpoint } = await openBackbone(config, { download, onnxFile: ownOnnx(path, run, openStore) });
  if (checkpoint === null) return {};
  const variables = variablesOf(imageNetwork(model, preprocessing, classes.length));
  return weightsFor(checkpoint, model, variables, { newHead: true });
}
