import { join } from 'node:path';
import { UserError } from '@graft-ml/core/internal/base/errors';
import { imageNetwork } from '@graft-ml/core/internal/fit/network';
import { variablesOf } from '@graft-ml/core/internal/fit/step';
import { fittedTo } from '@graft-ml/core/internal/models/index';
import type { NamedArchitecture } from '@graft-ml/core/models';
import { openBackbone } from '../checkpoint/backbone.ts';
import { type Checkpoint, checkpointOf, readCheckpoint, weightsFor } from '../checkpoint/pretrained.ts';
import type { FetchOptions } from '../files/download/fetch-file.ts';
import { exists } from '../files/read.ts';
import { type CheckpointName, orElse, readLast, variablesOfState } from '../runs/checkpoints.ts';
import { areOwnPaths, isWeightsFile } from '../runs/own-paths.ts';
import { type Run, readRun } from '../runs/run-file.ts';
import { ownOnnx } from '../runs/run-store.ts';
import { Classifier, type ClassifierOptions, weightsOf } from './classifier.ts';

export interface OpenRunOptions extends ClassifierOptions {
  /** Which state of it. Default: `best`, the best epoch; `last` is where it stopped. */
  readonly checkpoint?: CheckpointName | undefined;
  /** Where the published weights come from that it began with, should `last` need them. */
  readonly download?: FetchOptions | undefined;
}

/** A run as a classifier. @throws UserError where the folder is no run, or has no such checkpoint yet, or a damaged one */
export async function openRun(
  path: string,
  { checkpoint: name = 'best', download, ...options }: OpenRunOptions = {},
): Promise<Classifier> {
  const run = await readRun(path);
  const { model: named } = await openBackbone({ ...run.config, weights: null }, { onnxFile: ownOnnx(path, run) });
  const checkpoint =
    name === 'best'
      ? await readBestOf(path, named)
      : await readLastOf(path, run, named, { cache: options.cache, ...download });
  const model = fittedTo(named, checkpoint.tensors);
  const { classes, preprocessing } = run;
  const weights = weightsOf(checkpoint, model, classes.length, preprocessing);
  return new Classifier({ model, weights, classes, preprocessing, seen: checkpoint.seen }, options);
}

async function readBestOf(path: string, model: NamedArchitecture): Promise<Checkpoint> {
  const file = join(path, 'best.safetensors');
  if (!(await exists(file))) throw new UserError(`${path} has no best.safetensors: no epoch of it is complete yet.`);
  return orElse(path, 'best', 'resumeTraining', () => readCheckpoint(file, model, { links: 'refuse' }));
}

/** The last state. What was frozen is not in it: that comes from the weights that the run began with. */
async function readLastOf(
  path: string,
  run: Run,
  named: NamedArchitecture,
  download: FetchOptions | undefined,
): Promise<Checkpoint> {
  const { preprocessing, classes, config } = run;
  const own = variablesOfState((await readLast(path)).tensors);
  const best = await readCheckpoint(join(path, 'best.safetensors'), named, { links: 'refuse' }).catch(() => null);
  const variables = variablesOf(imageNetwork(named, preprocessing, classes.length));
  const start = [...variables.keys()].every((name) => name in own) ? {} : await startOf(path, run, download);
  const description = { preprocessing, classes, head: config.head ?? undefined, seen: best?.seen ?? null };
  return checkpointOf(join(path, 'last.safetensors'), { ...start, ...own }, description);
}

async function startOf(path: string, run: Run, download: FetchOptions | undefined) {
  const { config, preprocessing, classes } = run;
  if (isWeightsFile(config.weights, config.model) && !(await areOwnPaths(run))) {
    throw new UserError(
      `${path}: its last checkpoint needs the weights that it began with, and it was not made by you on this machine (or by a ` +
        `version of Graft before 0.2), so that the file it names is not opened: ${config.weights}.`,
    );
  }
  const { model, checkpoint } = await openBackbone(config, { download, onnxFile: ownOnnx(path, run) });
  if (checkpoint === null) return {};
  const variables = variablesOf(imageNetwork(model, preprocessing, classes.length));
  return weightsFor(checkpoint, model, variables, { newHead: true });
}
