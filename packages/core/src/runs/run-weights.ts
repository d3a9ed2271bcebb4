import { call } from '../base/code.ts';
import { inFile, UserError } from '../base/errors.ts';
import type { Hasher } from '../base/sha256.ts';
import type { Tensors } from '../base/tensor.ts';
import { type CheckpointName, checkpointFile } from '../fit/checkpoint-files.ts';
import { imageNetwork } from '../fit/network.ts';
import type { OpenRunStore } from '../fit/run-store.ts';
import { variablesOf } from '../fit/step.ts';
import { fittedTo, type NamedArchitecture } from '../models/index.ts';
import { allVariables, type Checkpoint, checkpointFrom, checkpointOf } from '../weights/checkpoint.ts';
import { readSealed } from '../weights/sealed.ts';
import { hasCheckpoint, orElse, readLast, variablesOfState } from './checkpoints.ts';
import { type Run, trainingRuns } from './run-file.ts';

/** A run's network with the numbers of one of its checkpoints. */
export interface RunWeights {
  readonly model: NamedArchitecture;
  readonly checkpoint: Checkpoint;
  /** Every parameter and buffer. */
  readonly weights: Tensors;
  /** The temperature of its calibration, where that holds for these numbers. */
  readonly temperature: number | undefined;
  /** Notes on the calibration, a sentence each. */
  readonly notes: readonly string[];
}

export interface RunWeightsOptions {
  readonly checkpoint: CheckpointName;
  readonly openStore: OpenRunStore;
  /** The weights that the run began with, which `last` needs where layers were frozen. */
  readonly start: () => Promise<Tensors>;
  /** Makes what computes digests. Default: in JavaScript. */
  readonly hash?: () => Hasher;
}

/**
 * The numbers of a run.
 * @param named its architecture as its options name it
 * @throws UserError where it has no such checkpoint yet, or a damaged one
 */
export async function runWeights(
  path: string,
  run: Run,
  named: NamedArchitecture,
  options: RunWeightsOptions,
): Promise<RunWeights> {
  const checkpoint =
    options.checkpoint === 'best'
      ? await readBestOf(path, named, options)
      : await readLastOf(path, run, named, options);
  const model = fittedTo(named, checkpoint.tensors);
  // Zeros for the batch counters that some files lack.
  const variables = variablesOf(imageNetwork(model, run.preprocessing, run.classes.length));
  const weights = allVariables(checkpoint, model, variables, { newHead: false, seed: 0 });
  return { model, checkpoint, weights, ...calibrationOf(path, run, checkpoint) };
}

/** The temperature of a run, where it holds for these weights, and a note where it does not. */
function calibrationOf(
  path: string,
  { calibration }: Run,
  { sha256 }: Checkpoint,
): Pick<RunWeights, 'temperature' | 'notes'> {
  if (calibration === undefined) return { temperature: undefined, notes: [] };
  const { temperature, weightsSha256, checkpoint } = calibration;
  if (weightsSha256 === sha256) return { temperature, notes: [] };
  return {
    temperature: undefined,
    notes: [
      `${path} was calibrated at other weights than these (${checkpoint}.safetensors as it was then), so that its ` +
        `temperature is not applied. ${call('calibrateRun', [path])} fits a new one.`,
    ],
  };
}

async function readBestOf(path: string, model: NamedArchitecture, options: RunWeightsOptions): Promise<Checkpoint> {
  const { openStore } = options;
  if (!(await hasCheckpoint(path, 'best', openStore)))
    throw new UserError(`${path} has no best.safetensors: no epoch of it is complete yet.`);
  return orElse(path, 'best', 'resumeTraining', () => bestIn(path, model, options), openStore);
}

async function bestIn(
  path: string,
  model: NamedArchitecture,
  { openStore, hash }: RunWeightsOptions,
): Promise<Checkpoint> {
  const name = checkpointFile('best');
  const file = `${path}/${name}`;
  const read = await inFile(file, async () => readSealed(await openStore(path).read(name)));
  return checkpointFrom(file, { ...read, notes: [] }, model, { ...(hash && { hash: hash() }) });
}

/** The last state. What was frozen is not in it: that comes from the weights that the run began with. */
async function readLastOf(
  path: string,
  { preprocessing, classes, config }: Run,
  named: NamedArchitecture,
  options: RunWeightsOptions,
): Promise<Checkpoint> {
  const own = variablesOfState((await readLast(path, trainingRuns, options.openStore)).tensors);
  const best = await bestIn(path, named, options).catch(() => null);
  const variables = variablesOf(imageNetwork(named, preprocessing, classes.length));
  const frozen = [...variables.keys()].every((name) => name in own) ? {} : await options.start();
  const description = { preprocessing, classes, head: config.head ?? undefined, seen: best?.seen ?? null };
  return checkpointOf(`${path}/last.safetensors`, { ...frozen, ...own }, description, options.hash?.());
}
