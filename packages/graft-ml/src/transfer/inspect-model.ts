import { unknownName } from '@graft-ml/core/internal/base/choice';
import { option } from '@graft-ml/core/internal/base/code';
import { OptionError, UserError } from '@graft-ml/core/internal/base/errors';
import { printableName } from '@graft-ml/core/internal/base/printable';
import { type Shape, sizeOf } from '@graft-ml/core/internal/base/tensor';
import { imageNetwork, parameterTable } from '@graft-ml/core/internal/fit/network';
import { epochsBefore, learningRateAt, stageAt, type Timetable, trainedSince } from '@graft-ml/core/internal/fit/stage';
import { traceOf } from '@graft-ml/core/internal/fit/step';
import { isOnnx } from '@graft-ml/core/internal/models/index';
import { continuationOf } from '@graft-ml/core/internal/recipe/auto';
import {
  parseConfig,
  type ResolvedConfig,
  resolveConfig,
  type TrainConfigInput,
} from '@graft-ml/core/internal/recipe/config/index';
import { type PlannedStage, planOf } from '@graft-ml/core/internal/recipe/plan';
import { timetableOf } from '@graft-ml/core/internal/recipe/timetable';
import { isTrainedByProgram } from '@graft-ml/core/internal/runs/run-file';
import { listArchitectures } from '@graft-ml/core/models';
import type { Trace } from '@graft-ml/core/nn';
import type { TuningEvent } from '@graft-ml/core/runtime';
import { openBackbone } from '../checkpoint/backbone.ts';
import type { FolderCache } from '../files/cache-folder.ts';
import { isRun, readRun } from '../runs/read-run.ts';
import { ownOnnx } from '../runs/run-store.ts';
import type { DeviceName } from '../runtime/index.ts';
import { type StepPlacements, stepPlacements } from './step-placements.ts';

/** Images per step where no configuration is known: a training's default. */
const defaultBatch = 16;

/** The options that decide which parameters are trained at which rate. */
export type InspectConfig = Omit<TrainConfigInput, 'model' | 'weights'>;

export interface InspectOptions {
  /** Outputs of the head of a model; 0: features. A run has its own. Default 1000. */
  readonly numClasses?: number;
  /** In which epoch, the first being epoch 1. Default: the last. */
  readonly epoch?: number | null;
  /** The device whose part in a training step is to be told. Default: none is. */
  readonly device?: DeviceName | null;
  /** The cache that remembers what was checked there. Default: `defaultCache()`; null: none. */
  readonly cache?: FolderCache | null | undefined;
  /** Is told of the checks there. */
  readonly onCheck?: ((event: TuningEvent) => void) | undefined;
  /** For a model; a run has its own. Without a strategy everything is trained, at rates that are not known. */
  readonly config?: InspectConfig;
}

/** The parameters and blocks of a model or a run, and who is trained at which rate in an epoch. */
export interface Inspection {
  readonly model: string;
  /** Null where no configuration is known. */
  readonly epoch: { readonly epoch: number; readonly stage: string; readonly title: string } | null;
  readonly parameters: readonly InspectedParameter[];
  /** From input to head. */
  readonly blocks: readonly InspectedBlock[];
  /** Numbers of values. */
  readonly totals: { readonly trained: number; readonly frozen: number; readonly buffers: number };
  /** Where the primitives of a training step are computed; null where no device was named. */
  readonly step: StepPlacements | null;
}

/**
 * Looks at a model, an ONNX file or the folder of a run. Nothing is trained or downloaded.
 * @throws UserError where it is none of them, or the plan does not have that epoch
 */
export async function inspectModel(
  name: string,
  {
    numClasses: outputs = 1000,
    epoch = null,
    config: changes = {},
    device = null,
    cache,
    onCheck,
  }: InspectOptions = {},
): Promise<Inspection> {
  const { model, preprocessing, numClasses, config, decision, images } = await subject(name, outputs, changes);
  const network = imageNetwork(model, preprocessing, numClasses);
  const trace = traceOf(network);
  const plan = config && planOf(config, parameterTable(network, model), decision ? continuationOf(decision) : null);
  if (!plan && epoch !== null) {
    throw new OptionError({
      option: 'epoch',
      expected: 'an epoch of a strategy',
      received: epoch,
      problem: `: without a strategy no epoch is known. Give one: ${option('strategy', 'full')}.`,
    });
  }
  const shown = plan && ratesIn(plan, config, epoch, images);
  const parameters = [...trace.variables.values()].map(({ name, kind, shape }): InspectedParameter => {
    const rate = shown?.rates.get(name) ?? null;
    const state = kind === 'buffer' ? 'buffer' : shown && !rate ? 'frozen' : 'trained';
    return { name, shape, size: sizeOf(shape), state, rate: rate?.peak ?? null, rates: rate?.within ?? null };
  });
  const batchSize = config?.batchSize ?? changes.batchSize ?? defaultBatch;
  const trained = parameters.filter(({ state }) => state === 'trained').map(({ name }) => name);
  const step = device && (await stepPlacements(network, device, { batchSize, trained, cache, onCheck }));
  return {
    model: model.name,
    step,
    epoch: shown && { epoch: shown.epoch, stage: shown.stage, title: shown.title },
    parameters,
    blocks: blockRows(trace, parameters),
    totals: {
      trained: sizeIn(parameters, 'trained'),
      frozen: sizeIn(parameters, 'frozen'),
      buffers: sizeIn(parameters, 'buffer'),
    },
  };
}

/** A model with a configuration, or a run. */
async function subject(name: string, numClasses: number, changes: InspectConfig) {
  if (await isRun(name)) {
    const run = await readRun(name);
    const { config: saved, preprocessing, classes, decision, dataset } = run;
    const config = resolveConfig(saved);
    const { model } = await openBackbone({ ...config, weights: null }, { onnxFile: ownOnnx(name, run) });
    const known = isTrainedByProgram(run) ? null : config;
    return { model, preprocessing, numClasses: classes.length, config: known, decision, images: dataset.train };
  }
  if (!isOnnx(name) && !listArchitectures().includes(name)) {
    const what = `${printableName(name)} is no run (it has no run.json), no .onnx file, and`;
    throw new UserError(`${what} the model ${unknownName(name, listArchitectures(), '`listModels()` lists all.')}`);
  }
  const { model } = await openBackbone({ model: name, weights: null, head: changes.head ?? null });
  const isPlanned = (changes.strategy ?? null) !== null || (changes.transferRatio ?? null) !== null;
  if (!isPlanned) assertNoRules(changes);
  const config = isPlanned ? resolveConfig(parseConfig({ ...changes, model: name })) : null;
  return { model, preprocessing: model.preprocessing, numClasses, config, decision: null, images: null };
}

/** Rules for parameters change what a strategy does with them: without one they would be ignored. */
function assertNoRules(changes: InspectConfig): void {
  const rule = (['freeze', 'train', 'rates'] as const).find((key) => (changes[key] ?? null) !== null);
  if (rule === undefined) return;
  throw new OptionError({
    option: rule,
    expected: 'a strategy beside it',
    received: changes[rule],
    problem: ` changes what a strategy does. Give one: ${option('strategy', 'full')}.`,
  });
}

/** A learning rate in an epoch. */
interface Rate {
  /** Without the schedule. */
  readonly peak: number;
  /** The rates in the epoch's first and last step; null where the number of steps is not known. */
  readonly within: readonly [number, number] | null;
}

/** The learning rate of every parameter in an epoch. @throws UserError where the plan does not have it */
function ratesIn(plan: readonly PlannedStage[], config: ResolvedConfig, epoch: number | null, images: number | null) {
  const last = epochsBefore(plan, plan.length);
  const shown = epoch ?? last;
  if (shown > last)
    throw new UserError(`\`epoch: ${shown}\`: there ${last === 1 ? 'is 1 epoch' : `are ${last} epochs`}.`);
  const index = stageAt(plan, shown - 1);
  const { name, epochs: own, settings } = plan[index]!;
  const from = epochsBefore(plan, index);
  const timetable = images === null ? null : timetableOf(config, plan, images);
  const rates = new Map<string, Rate>();
  for (const [parameter, setting] of settings) {
    if (!setting) continue;
    const within = timetable && ratesWithin(timetable, index, parameter, shown, setting.rate);
    rates.set(parameter, { peak: setting.rate * config.learningRate, within });
  }
  const title = `epoch ${shown} of ${last}: ${config.strategy}, stage ${name} (epochs ${from + 1} to ${from + own})`;
  return { title, epoch: shown, stage: name, rates };
}

/** The rates within an epoch. For a schedule that depends on validation losses, these are taken to go on falling. */
function ratesWithin(timetable: Timetable, stage: number, parameter: string, epoch: number, factor: number) {
  const { stepsPerEpoch } = timetable;
  const group = trainedSince(timetable.stages, stage, parameter);
  const losses = Array.from({ length: epoch - 1 }, (_, i) => 1 / (i + 1));
  const at = (step: number) => factor * learningRateAt(timetable, group, step, losses);
  return [at((epoch - 1) * stepsPerEpoch), at(epoch * stepsPerEpoch - 1)] as const;
}

export interface InspectedParameter {
  readonly name: string;
  readonly shape: Shape;
  readonly size: number;
  readonly state: string;
  /** The learning rate without the schedule; null where it is frozen, or no configuration is known. */
  readonly rate: number | null;
  /** The rates in the epoch's first and last step. */
  readonly rates: readonly [number, number] | null;
}

function sizeIn(rows: readonly InspectedParameter[], state: string): number {
  return rows.filter((row) => row.state === state).reduce((sum, { size }) => sum + size, 0);
}

export interface InspectedBlock {
  readonly block: string;
  /** The shape of its output for one image. */
  readonly output: Shape | undefined;
  readonly trained: number;
  readonly frozen: number;
  /** The learning rates in it without the schedule, the highest first. */
  readonly rates: readonly number[];
}

/** The blocks from input to head, what each gives for one image, how much of it is trained, and at which rates. */
function blockRows({ blocks, endpoints }: Trace, rows: readonly InspectedParameter[]): InspectedBlock[] {
  const byName = new Map(rows.map((row) => [row.name, row]));
  return [...blocks].map(([block, names]) => {
    const own = names.map((name) => byName.get(name)!);
    const output = endpoints.get(block) ?? endpoints.get('logits');
    const rates = [...new Set(own.flatMap(({ rate }) => rate ?? []))].sort((a, b) => b - a);
    return { block, output: output?.shape, trained: sizeIn(own, 'trained'), frozen: sizeIn(own, 'frozen'), rates };
  });
}
