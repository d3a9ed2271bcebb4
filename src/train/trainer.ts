import { randomStream } from '../base/random.ts';
import { type Tensor, type Tensors, zeros } from '../base/tensor.ts';
import { type BatchNormPolicy, type CrossEntropyOptions, drawNoise, initialise } from '../nn/index.ts';
import { applyRules, type Optimizer, type ParameterSetting, type Rules, type Schedule } from '../optim/index.ts';
import { type Program, type Runtime, State, scalar } from '../runtime/index.ts';
import { type CheckpointStore, type Phase, Saver } from './checkpoint.ts';
import type { Evaluation, TrainEvent } from './events.ts';
import { inOrder, type Source } from './source.ts';
import {
  evaluationStep,
  feedNames,
  type Network,
  resultNames,
  scalarName,
  slotName,
  trainingStep,
  variablesOf,
} from './step.ts';

/** All that a run needs, resolved: nothing is looked up or guessed from here on. */
export interface TrainingTask {
  readonly network: Network;
  readonly training: Source;
  readonly validation: Source;
  /** Values of the network's variables that do not start at random. */
  readonly pretrained: Tensors;
  readonly rules: Rules;
  readonly optimizer: Optimizer;
  readonly schedule: (stepsInAll: number) => Schedule;
  readonly loss: Omit<CrossEntropyOptions, 'pictureWeights'>;
  readonly batchNorm: BatchNormPolicy;
  readonly epochs: number;
  readonly batchSize: number;
  readonly seed: number;
}

export interface TrainOptions {
  readonly runtime: Runtime;
  readonly store?: CheckpointStore;
  /** Go on from here: the tensors and the phase of `saveLast`. */
  readonly resume?: { readonly tensors: Tensors; readonly phase: Phase };
  /** The step under way is finished, the state saved, and the run ends with `interrupted`. */
  readonly signal?: AbortSignal;
}

const startPhase: Phase = { epoch: 0, step: 0, lossSum: 0, correctSum: 0, best: null };

/**
 * Trains a network, epoch by epoch: steps over the training source in a new order each time, an evaluation, a checkpoint.
 * Order, augmentation and masks are addressed by (seed, epoch, step), so a resumed run ends bit for bit like one that
 * was never interrupted.
 */
export async function* train(task: TrainingTask, options: TrainOptions): AsyncGenerator<TrainEvent, void, undefined> {
  const { network, training, optimizer, epochs, seed } = task;
  const { runtime, store, signal } = options;
  const batchSize = Math.min(task.batchSize, training.size);
  const stepsPerEpoch = Math.floor(training.size / batchSize);
  const schedule = task.schedule(epochs * stepsPerEpoch);
  const variables = variablesOf(network);
  const parameters = [...variables.values()].filter(({ kind }) => kind === 'parameter').map(({ name }) => name);
  const settings = applyRules(parameters, task.rules);
  const step = trainingStep(network, { ...task, batchSize, settings });
  const evaluation = evaluationStep(network, batchSize, 'running');
  const programs = {
    training: await runtime.compile(step.outputs),
    evaluation: await runtime.compile(evaluation.outputs),
  };
  const fresh = initialise(variables.values(), seed);
  const initial = { ...fresh, ...emptySlots(optimizer, settings, fresh), ...task.pretrained };
  const state = new State({ ...initial, ...options.resume?.tensors });
  const saver = new Saver(store, state, [...variables.keys()]);
  let phase = options.resume?.phase ?? startPhase;

  try {
    yield { kind: 'start', epochs, stepsPerEpoch, resumedAt: phase.epoch * stepsPerEpoch + phase.step };
    while (phase.epoch < epochs) {
      const epoch = phase.epoch + 1;
      const start = performance.now();
      const order = randomStream(seed, 'order', epoch).shuffle(inOrder(training.size));
      const remaining = order.slice(phase.step * batchSize);
      const request = { batchSize, order: remaining, lastBatch: 'drop', epoch } as const;
      for await (const { inputs, labels } of training.batches(request)) {
        const stepInAll = phase.epoch * stepsPerEpoch + phase.step;
        const learningRate = schedule(stepInAll);
        const results = await state.step(programs.training, {
          [feedNames.input]: inputs,
          [feedNames.labels]: labels,
          ...feedScalars({ learningRate, ...optimizer.scalars(stepInAll + 1) }),
          ...drawNoise(step.noise, seed, stepInAll),
        });
        const loss = number(results[resultNames.loss]);
        if (!Number.isFinite(loss)) throw new LossError(epoch, phase.step + 1, loss, learningRate);
        phase = {
          ...phase,
          step: phase.step + 1,
          lossSum: phase.lossSum + loss,
          correctSum: phase.correctSum + number(results[resultNames.correct]),
        };
        yield { kind: 'step', epoch, step: phase.step, steps: stepsPerEpoch, loss, learningRate };
        if (signal?.aborted) {
          await saver.save(phase);
          yield { kind: 'interrupted', epoch, step: phase.step };
          return;
        }
        await saver.saveIfDue(phase);
      }
      const result = await evaluate(programs.evaluation, state.current, task.validation, batchSize);
      const average = {
        loss: phase.lossSum / stepsPerEpoch,
        accuracy: phase.correctSum / (stepsPerEpoch * batchSize),
      };
      const isBest = phase.best === null || isBetter(result, phase.best);
      if (isBest) saver.markBest({ ...result, epoch });
      phase = { ...startPhase, epoch, best: isBest ? { ...result, epoch } : phase.best };
      await (epoch === epochs ? saver.save(phase) : saver.saveIfDue(phase));
      const seconds = (performance.now() - start) / 1000;
      yield { kind: 'evaluation', epoch, step: epoch * stepsPerEpoch, ...result, training: average, isBest, seconds };
    }
    yield { kind: 'end', best: phase.best! };
  } finally {
    await Promise.all([programs.training.release(), programs.evaluation.release()]);
  }
}

/** Higher accuracy; at a tie, lower loss. */
function isBetter(a: Evaluation, b: Evaluation): boolean {
  return a.accuracy > b.accuracy || (a.accuracy === b.accuracy && a.loss < b.loss);
}

/** Mean loss and accuracy of a network over a source. */
export async function evaluate(
  program: Program,
  variables: Tensors,
  source: Source,
  batchSize: number,
): Promise<Evaluation> {
  let [loss, correct] = [0, 0];
  const request = { batchSize, order: inOrder(source.size), lastBatch: 'pad', epoch: 0 } as const;
  for await (const { inputs, labels, weights } of source.batches(request)) {
    const feeds = { [feedNames.input]: inputs, [feedNames.labels]: labels, [feedNames.weights]: weights };
    const results = await program.run({ ...variables, ...feeds });
    loss += number(results[resultNames.loss]);
    correct += number(results[resultNames.correct]);
  }
  return { loss: loss / source.size, accuracy: correct / source.size };
}

/** Training has left the ground. */
export class LossError extends Error {
  override readonly name = 'LossError';
  constructor(epoch: number, step: number, loss: number, learningRate: number) {
    super(
      `train: the loss became ${loss} in step ${step} of epoch ${epoch} at learning rate ${learningRate.toPrecision(3)}. ` +
        'Try a tenth of the learning rate. The last checkpoint before it stands.',
    );
  }
}

function emptySlots(
  optimizer: Optimizer,
  settings: ReadonlyMap<string, ParameterSetting | null>,
  parameters: Tensors,
): Record<string, Tensor> {
  const trained = [...settings].flatMap(([name, setting]) => (setting ? [name] : []));
  return Object.fromEntries(
    optimizer.slots.flatMap((slot) =>
      trained.map((name) => [slotName(slot, name), zeros('f32', parameters[name]!.shape)] as const),
    ),
  );
}

function feedScalars(values: Readonly<Record<string, number>>): Record<string, Tensor> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [scalarName(name), scalar(value)]));
}

function number(tensor: Tensor | undefined): number {
  return Number(tensor!.data[0]);
}
