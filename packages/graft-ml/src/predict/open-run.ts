import { join } from 'node:path';
import { call } from '@graft-ml/core/internal/base/code';
import { UserError } from '@graft-ml/core/internal/base/errors';
import { type CheckpointName, checkpointFile } from '@graft-ml/core/internal/fit/checkpoint-files';
import { imageNetwork } from '@graft-ml/core/internal/fit/network';
import { variablesOf } from '@graft-ml/core/internal/fit/step';
import { fittedTo } from '@graft-ml/core/internal/models/index';
import { hasCheckpoint, orElse, readLast, variablesOfState } from '@graft-ml/core/internal/runs/checkpoints';
import { isWeightsFile } from '@graft-ml/core/internal/runs/named-paths';
import { type Run, trainingRuns } from '@graft-ml/core/internal/runs/run-file';
import { type Checkpoint, checkpointFrom, checkpointOf, weightsFor } from '@graft-ml/core/internal/weights/checkpoint';
import type { NamedArchitecture } from '@graft-ml/core/models';
import { openBackbone } from '../checkpoint/backbone.ts';
import { readOpenWeights } from '../checkpoint/weights-file.ts';
import type { FetchOptions } from '../files/download/fetch-file.ts';
import { bytesAsFile } from '../files/random-access.ts';
import { nativeHash } from '../files/tensors-hash.ts';
import { areOwnPaths } from '../runs/own-paths.ts';
import { readRun } from '../runs/read-run.ts';
import { type OpenRunStore, openRunStore, ownOnnx } from '../runs/run-store.ts';
import { Classifier, type ClassifierOptions, type ClassifierParts, weightsOf } from './classifier.ts';

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
  const { model: named } = await openBackbone(
    { ...run.config, weights: null },
    { onnxFile: ownOnnx(path, run, openStore) },
  );
  const checkpoint =
    name === 'best'
      ? await readBestOf(path, named, openStore)
      : await readLastOf(path, run, named, { openStore, download: { cache: options.cache, ...download } });
  const model = fittedTo(named, checkpoint.tensors);
  const { classes, preprocessing } = run;
  const weights = weightsOf(checkpoint, model, classes.length, preprocessing);
  const calibration = calibrated ? calibrationOf(path, run, checkpoint) : {};
  const parts = { model, weights, classes, preprocessing, seen: checkpoint.seen, ...calibration };
  return { classifier: new Classifier(parts, options), sha256: checkpoint.sha256 };
}

/** The temperature of a run, where it holds for these weights, and a note where it does not. */
function calibrationOf(
  path: string,
  { calibration }: Run,
  { sha256 }: Checkpoint,
): Pick<ClassifierParts, 'temperature' | 'notes'> {
  if (calibration === undefined) return {};
  const { temperature, weightsSha256, checkpoint } = calibration;
  if (weightsSha256 === sha256) return { temperature };
  return {
    notes: [
      `${path} was calibrated at other weights than these (${checkpoint}.safetensors as it was then), so that its ` +
        `temperature is not applied. ${call('calibrateRun', [path])} fits a new one.`,
    ],
  };
}

async function readBestOf(path: string, model: NamedArchitecture, openStore: OpenRunStore): Promise<Checkpoint> {
  if (!(await hasCheckpoint(path, 'best', openStore)))
    throw new UserError(`${path} has no best.safetensors: no epoch of it is complete yet.`);
  return orElse(path, 'best', 'resumeTraining', () => bestIn(path, model, openStore), openStore);
}

async function bestIn(path: string, model: NamedArchitecture, openStore: OpenRunStore): Promise<Checkpoint> {
  const name = checkpointFile('best');
  const file = bytesAsFile(join(path, name), await openStore(path).read(name));
  return checkpointFrom(file.path, await readOpenWeights(file), model, { hash: nativeHash() });
}

interface Start {
  readonly openStore: OpenRunStore;
  readonly download: FetchOptions;
}

/** The last state. What was frozen is not in it: that comes from the weights that the run began with. */
async function readLastOf(path: string, run: Run, named: NamedArchitecture, start: Start): Promise<Checkpoint> {
  const { preprocessing, classes, config } = run;
  const own = variablesOfState((await readLast(path, trainingRuns, start.openStore)).tensors);
  const best = await bestIn(path, named, start.openStore).catch(() => null);
  const variables = variablesOf(imageNetwork(named, preprocessing, classes.length));
  const frozen = [...variables.keys()].every((name) => name in own) ? {} : await startOf(path, run, start);
  const description = { preprocessing, classes, head: config.head ?? undefined, seen: best?.seen ?? null };
  return checkpointOf(join(path, 'last.safetensors'), { ...frozen, ...own }, description, nativeHash());
}

async function startOf(path: string, run: Run, { openStore, download }: Start) {
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
