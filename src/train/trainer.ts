import { UserError } from '../base/errors.ts';
import { randomStream } from '../base/random.ts';
import { formatType, type Tensor, type Tensors, zeros } from '../base/tensor.ts';
import { type BatchNormPolicy, type CrossEntropyOptions, drawNoise, initialise, type Noise } from '../nn/index.ts';
import { applyRules, type Optimizer, type ParameterSetting, type Rules, type Schedule } from '../optim/index.ts';
import { type Program, type Runtime, State, scalar } from '../runtime/index.ts';
import { type CheckpointStore, type Phase, Saver } from './checkpoint.ts';
import type { Evaluation, EvaluationEvent, StepEvent, TrainEvent } from './events.ts';
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

/** A run while it goes on. */
interface Run {
  readonly task: TrainingTask;
  readonly batchSize: number;
  readonly stepsPerEpoch: number;
  readonly schedule: Schedule;
  readonly noise: readonly Noise[];
  readonly programs: { readonly training: Program; readonly evaluation: Program };
  readonly state: State;
  readonly saver: Saver;
  phase: Phase;
  /** Whether the state belongs to the phase: not so between a step and the look at its loss. */
  isSound: boolean;
}

const startPhase: Phase = { epoch: 0, step: 0, lossSum: 0, correctSum: 0, best: null };

/**
 * Trains a network, epoch by epoch: steps over the training source in a new order each time, an evaluation, a checkpoint.
 * Order, augmentation and masks are addressed by (seed, epoch, step), so a resumed run ends bit for bit like one that
 * was never interrupted. A reader that stops reading leaves a checkpoint too.
 *
 * @throws LossError where the loss is no longer a number
 */
export async function* train(task: TrainingTask, options: TrainOptions): AsyncGenerator<TrainEvent, void, undefined> {
  const run = await begin(task, options);
  const { programs, state, saver, stepsPerEpoch } = run;
  const { epochs, validation } = task;
  try {
    const resumedAt = run.phase.epoch * stepsPerEpoch + run.phase.step;
    yield { kind: 'start', epochs, stepsPerEpoch, resumedAt };
    while (run.phase.epoch < epochs) {
      const start = performance.now();
      yield* takeSteps(run, options.signal);
      const result = await evaluate(programs.evaluation, state.current, validation, run.batchSize, options.signal);
      if (result === null) {
        await saver.save(run.phase);
        yield { kind: 'interrupted', epoch: run.phase.epoch + 1, step: run.phase.step };
        return;
      }
      const event = describeEpoch(run, result, start);
      await options.store?.record(event);
      completeEpoch(run, event);
      await (event.epoch === epochs ? saver.save(run.phase) : saver.saveIfDue(run.phase));
      yield event;
    }
    yield { kind: 'end', best: run.phase.best! };
  } finally {
    await saver
      .finish(run.isSound ? run.phase : null)
      .finally(() => Promise.all([programs.training.release(), programs.evaluation.release()]));
  }
}

/** Compiles the graphs and sets up the state. */
async function begin(task: TrainingTask, { runtime, store, resume }: TrainOptions): Promise<Run> {
  const { network, training, optimizer, epochs, seed } = task;
  const batchSize = Math.min(task.batchSize, training.size);
  const stepsPerEpoch = Math.floor(training.size / batchSize);
  const variables = variablesOf(network);
  const parameters = [...variables.values()].filter(({ kind }) => kind === 'parameter').map(({ name }) => name);
  const settings = applyRules(parameters, task.rules);
  const fresh = initialise(variables.values(), seed);
  const initial = { ...fresh, ...emptySlots(optimizer, settings, fresh), ...task.pretrained };
  const state = new State(resume ? restored(initial, resume.tensors) : initial);
  const phase = resume?.phase ?? startPhase;
  const step = trainingStep(network, { ...task, batchSize, settings });
  const evaluation = evaluationStep(network, batchSize, 'running');
  const programs = {
    training: await runtime.compile(step.outputs),
    evaluation: await runtime.compile(evaluation.outputs),
  };
  const saver = new Saver(store, state, [...variables.keys()], phase);
  const schedule = task.schedule(epochs * stepsPerEpoch);
  const { noise } = step;
  return { task, batchSize, stepsPerEpoch, schedule, noise, programs, state, saver, phase, isSound: true };
}

/** The steps that are left of the epoch, or as many as there are until the signal. */
async function* takeSteps(run: Run, signal: AbortSignal | undefined): AsyncGenerator<StepEvent, void, undefined> {
  const { task, batchSize, stepsPerEpoch, programs, state } = run;
  const { training, optimizer, seed } = task;
  const epoch = run.phase.epoch + 1;
  const order = randomStream(seed, 'order', epoch).shuffle(inOrder(training.size));
  const remaining = order.slice(run.phase.step * batchSize);
  for await (const { inputs, labels } of training.batches({ batchSize, order: remaining, lastBatch: 'drop', epoch })) {
    const stepInAll = run.phase.epoch * stepsPerEpoch + run.phase.step;
    const learningRate = run.schedule(stepInAll, []);
    run.isSound = false;
    const results = await state.step(programs.training, {
      [feedNames.input]: inputs,
      [feedNames.labels]: labels,
      ...feedScalars({ learningRate, ...optimizer.scalars(stepInAll + 1) }),
      ...drawNoise(run.noise, seed, stepInAll),
    });
    const loss = number(results[resultNames.loss]);
    const step = run.phase.step + 1;
    if (!Number.isFinite(loss)) throw new LossError(`in step ${step} of epoch ${epoch}`, loss, learningRate);
    const { lossSum, correctSum } = run.phase;
    run.phase = {
      ...run.phase,
      step,
      lossSum: lossSum + loss,
      correctSum: correctSum + number(results[resultNames.correct]),
    };
    run.isSound = true;
    yield { kind: 'step', epoch, step, steps: stepsPerEpoch, loss, learningRate };
    if (signal?.aborted) return;
    await run.saver.saveIfDue(run.phase);
  }
}

/** What an epoch came to. `start` is when it began, in milliseconds. @throws LossError */
function describeEpoch(run: Run, result: Evaluation, start: number): EvaluationEvent {
  const { stepsPerEpoch, batchSize, phase } = run;
  const epoch = phase.epoch + 1;
  const step = epoch * stepsPerEpoch;
  const learningRate = run.schedule(step - 1, []);
  if (!Number.isFinite(result.loss)) {
    run.isSound = false;
    throw new LossError(`in the validation after epoch ${epoch}`, result.loss, learningRate);
  }
  const training = { loss: phase.lossSum / stepsPerEpoch, accuracy: phase.correctSum / (stepsPerEpoch * batchSize) };
  const isBest = phase.best === null || isBetter(result, phase.best);
  const seconds = (performance.now() - start) / 1000;
  return { kind: 'evaluation', epoch, step, ...result, training, isBest, learningRate, seconds };
}

function completeEpoch(run: Run, { epoch, loss, accuracy, isBest }: EvaluationEvent): void {
  const evaluation = { loss, accuracy, epoch };
  if (isBest) run.saver.markBest(evaluation);
  run.phase = { ...startPhase, epoch, best: isBest ? evaluation : run.phase.best };
}

/** Higher accuracy; at a tie, lower loss. */
function isBetter(a: Evaluation, b: Evaluation): boolean {
  return a.accuracy > b.accuracy || (a.accuracy === b.accuracy && a.loss < b.loss);
}

/** Mean loss and accuracy of a network over a source; null where the signal came first. */
export async function evaluate(
  program: Program,
  variables: Tensors,
  source: Source,
  batchSize: number,
  signal?: AbortSignal,
): Promise<Evaluation | null> {
  let [loss, correct] = [0, 0];
  if (signal?.aborted) return null;
  const request = { batchSize, order: inOrder(source.size), lastBatch: 'pad', epoch: 0 } as const;
  for await (const { inputs, labels, weights } of source.batches(request)) {
    const feeds = { [feedNames.input]: inputs, [feedNames.labels]: labels, [feedNames.weights]: weights };
    const results = await program.run({ ...variables, ...feeds });
    loss += number(results[resultNames.loss]);
    correct += number(results[resultNames.correct]);
    if (signal?.aborted) return null;
  }
  return { loss: loss / source.size, accuracy: correct / source.size };
}

/** Training has left the ground. */
export class LossError extends UserError {
  override readonly name = 'LossError';
  constructor(where: string, loss: number, learningRate: number) {
    super(
      `train: the loss became ${loss} ${where}, at learning rate ${learningRate.toPrecision(3)}. ` +
        'Try a tenth of the learning rate.',
    );
  }
}

/** The checkpoint's tensors, which must be those that the run has. */
function restored(initial: Tensors, saved: Tensors): Tensors {
  const names = [...new Set([...Object.keys(initial), ...Object.keys(saved)])];
  const type = (value: Tensor | undefined) => (value ? formatType(value) : 'absent');
  const different = names.find((name) => type(initial[name]) !== type(saved[name]));
  if (different === undefined) return saved;
  throw new UserError(
    `train: the checkpoint is not of this run: ${different} is ${type(saved[different])} in it, ` +
      `${type(initial[different])} in the run. Start the run anew.`,
  );
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
