import { UserError } from '../base/errors.ts';
import { formatType, type Tensor, type Tensors } from '../base/tensor.ts';
import { scalarFeeds } from '../optim/index.ts';
import { type Runtime, State, scalar } from '../runtime/index.ts';
import { type CheckpointStore, type Progress, Saver, sumIn, withStep } from './checkpoint.ts';
import { type Course, type OpenStage, stageState } from './course.ts';
import { isBetter } from './evaluation.ts';
import type { Best, Evaluation, EvaluationEvent, StepEvent, TrainEvent } from './events.ts';
import { courseOf } from './image-stage.ts';
import { LossError } from './loss-error.ts';
import { scoresOf } from './metrics.ts';
import { epochsBefore, freshStage, groupName, groupsOf, learningRateAt, stageAt } from './stage.ts';
import { averageDecay, averageName } from './step.ts';
import type { TrainingTask } from './task.ts';

export interface TrainOptions<M extends string = 'accuracy'> {
  readonly runtime: Runtime;
  readonly store?: CheckpointStore<M>;
  /**
   * Go on from here: the tensors and the phase of `saveLast`, or, fresh, the variables alone that an epoch ended with.
   */
  readonly resume?: { readonly tensors: Tensors; readonly phase: Progress<M>; readonly isFresh?: boolean };
  /** The step under way is finished, the state saved, and the run ends with `interrupted`. */
  readonly signal?: AbortSignal;
}

/** A run while it goes on. */
interface ActiveRun<M extends string> {
  readonly course: Course<M>;
  readonly saver: Saver<M>;
  /** The stage that the state is of. */
  stage: number;
  state: State;
  phase: Progress<M>;
  /** Whether the state belongs to the phase: not so between a step and the look at its loss. */
  isSound: boolean;
}

const startProgress: Omit<Progress, 'best'> & { readonly best: null } = {
  epoch: 0,
  step: 0,
  lossSum: 0,
  correctSum: 0,
  losses: [],
  best: null,
};

/**
 * Trains a network, stage by stage and epoch by epoch: steps over the training source in a new order each time, an
 * evaluation, a checkpoint. Order, augmentation and masks are addressed by (seed, epoch, step), so a resumed run ends
 * bit for bit like one that was never interrupted. A reader that stops reading leaves a checkpoint too.
 *
 * @throws LossError where the loss is no longer a number
 */
export function train<M extends string>(
  task: TrainingTask<M>,
  options: TrainOptions<M>,
): AsyncGenerator<TrainEvent<M>, void, undefined> {
  return runCourse(courseOf(task), options);
}

/** The loop of `train`, whatever the steps are. @throws LossError where the loss is no longer a number */
export async function* runCourse<M extends string>(
  course: Course<M>,
  options: TrainOptions<M>,
): AsyncGenerator<TrainEvent<M>, void, undefined> {
  const { stages } = course;
  const run = begin(course, options);
  const epochs = epochsBefore(stages, stages.length);
  try {
    const resumedAt = run.phase.epoch * course.stepsPerEpoch + run.phase.step;
    yield { kind: 'start', epochs, stepsPerEpoch: course.stepsPerEpoch, resumedAt };
    while (run.phase.epoch < epochs && !isExhausted(run)) {
      if (!(yield* runStage(run, stageAt(stages, run.phase.epoch), options))) return;
    }
    await run.saver.save(run.phase);
    yield { kind: 'end', best: run.phase.best!, isEarly: run.phase.epoch < epochs };
  } finally {
    await run.saver.finish(run.isSound ? run.phase : null);
  }
}

/** Sets up the state, of the stage that a checkpoint was written in. */
function begin<M extends string>(course: Course<M>, { store, resume }: TrainOptions<M>): ActiveRun<M> {
  const phase: Progress<M> = resume?.phase ?? startProgress;
  // A checkpoint between two epochs was written at the end of the first.
  const stage = stageAt(course.stages, phase.step === 0 ? Math.max(0, phase.epoch - 1) : phase.epoch);
  const initial = stageState(course, stage, resume?.isFresh ? resume.tensors : {});
  const state = new State(resume && !resume.isFresh ? restored(initial, resume.tensors) : initial);
  const run = { course, stage, state, phase, isSound: true };
  return Object.assign(run, { saver: new Saver<M>(store, () => run.state.current, phase) });
}

/** The epochs that are left of a stage. False where the signal came first. */
async function* runStage<M extends string>(
  run: ActiveRun<M>,
  index: number,
  options: TrainOptions<M>,
): AsyncGenerator<TrainEvent<M>, boolean, undefined> {
  const { course, saver } = run;
  const { stages } = course;
  if (index !== run.stage) {
    // What the last stage reached is on disk before its optimizer is forgotten.
    await saver.save(run.phase);
    run.state = new State(stageState(course, index, run.state.current));
    run.stage = index;
  }
  const { name, epochs } = stages[index]!;
  const end = epochsBefore(stages, index + 1);
  const open = await stages[index]!.open(variablesOf(run), options.runtime).catch((error: unknown) => {
    const isBegun = run.phase !== startProgress;
    if (isBegun && options.signal?.aborted && error === options.signal.reason) return null;
    throw error;
  });
  if (open === null) {
    yield { kind: 'interrupted', epoch: run.phase.epoch + 1, step: run.phase.step };
    return false;
  }
  try {
    yield { kind: 'stage', name, epoch: end - epochs + 1, epochs };
    while (run.phase.epoch < end && !isExhausted(run)) {
      const start = performance.now();
      yield* takeSteps(run, open, options.signal);
      const result = await open.evaluate(variablesOf(run), options.signal);
      if (result === null) {
        await saver.save(run.phase);
        yield { kind: 'interrupted', epoch: run.phase.epoch + 1, step: run.phase.step };
        return false;
      }
      const event = describeEpoch(run, result, start);
      await options.store?.record(event);
      completeEpoch(run, event);
      await saver.saveIfDue(run.phase);
      yield event;
    }
    return true;
  } finally {
    await open.close();
  }
}

/** Whether the patience with the last stage is over. */
function isExhausted<M extends string>({ course: { stages, patience }, phase }: ActiveRun<M>): boolean {
  const begin = epochsBefore(stages, stages.length - 1);
  if (patience === null || phase.epoch <= begin || phase.step > 0) return false;
  return phase.epoch - Math.max(begin, phase.best?.epoch ?? 0) >= patience;
}

/** The whole network's variables as they are evaluated and kept: moving averages in place of those that have one. */
function variablesOf<M extends string>({ course, state: { current } }: ActiveRun<M>): Tensors {
  const own = Object.entries(current).filter(([name]) => name in course.initial);
  return {
    ...course.initial,
    ...Object.fromEntries(own.map(([name, value]) => [name, current[averageName(name)] ?? value])),
  };
}

/** The steps that are left of the epoch, or as many as there are until the signal. */
async function* takeSteps<M extends string>(
  run: ActiveRun<M>,
  open: OpenStage<M>,
  signal: AbortSignal | undefined,
): AsyncGenerator<StepEvent, void, undefined> {
  const { stepsPerEpoch: steps } = run.course;
  const epoch = run.phase.epoch + 1;
  for await (const take of open.steps(epoch, run.phase.step)) {
    const stepInAll = run.phase.epoch * steps + run.phase.step;
    const learningRate = peakRateAt(run, stepInAll);
    run.isSound = false;
    const { images, ...outcome } = await take(
      run.state,
      stepScalars(run.course, { stage: run.stage, step: stepInAll, losses: run.phase.losses }),
    );
    const { loss } = outcome;
    const step = run.phase.step + 1;
    if (!Number.isFinite(loss)) {
      throw new LossError({
        where: `in step ${step} of epoch ${epoch}`,
        loss,
        learningRate,
        ...(images && { images }),
      });
    }
    run.phase = withStep(run.phase, outcome);
    run.isSound = true;
    yield { kind: 'step', epoch, step, steps, loss, learningRate };
    if (signal?.aborted) return;
    await run.saver.saveIfDue(run.phase);
  }
}

/**
 * The feeds of a step (from 0, in the whole run) besides its batch: the learning rate of each group of parameters and
 * its optimizer's counters. `losses` are the validation losses of the epochs before.
 */
export function stepScalars<M extends string>(
  course: Course<M>,
  { stage, step, losses }: { readonly stage: number; readonly step: number; readonly losses: readonly number[] },
): Tensors {
  const { stages, optimizer, average, stepsPerEpoch: steps } = course;
  const feeds: Record<string, Tensor> = {};
  for (const group of groupsOf(stages, stage)) {
    const learningRate = learningRateAt(course, group, step, losses);
    const own = step - epochsBefore(stages, group) * steps;
    Object.assign(feeds, scalarFeeds(optimizer, { learningRate, step: own, group: groupName(group) }));
  }
  if (average !== null) feeds[averageDecay] = scalar(Math.min(average, (1 + step) / (10 + step)));
  return feeds;
}

/** The learning rate that the schedule gives, before any factors. */
function peakRateAt<M extends string>({ course, stage, phase }: ActiveRun<M>, step: number): number {
  return learningRateAt(course, freshStage(course.stages, stage), step, phase.losses);
}

/** The event of an epoch's end. `start` is when it began, in milliseconds. @throws LossError */
function describeEpoch<M extends string>(run: ActiveRun<M>, result: Evaluation<M>, start: number): EvaluationEvent<M> {
  const { course, phase, stage } = run;
  const epoch = phase.epoch + 1;
  const step = epoch * course.stepsPerEpoch;
  const learningRate = peakRateAt(run, step - 1);
  if (!Number.isFinite(result.loss)) {
    run.isSound = false;
    throw new LossError({ where: `in the validation after epoch ${epoch}`, loss: result.loss, learningRate });
  }
  const examples = course.stepsPerEpoch * course.examplesPerStep;
  const means = scoresOf(course.metrics, ({ name }) => sumIn(phase, name) / examples);
  const training: Evaluation<M> = { loss: phase.lossSum / course.stepsPerEpoch, ...means };
  const isBest = phase.best === null || isBetter(result, phase.best, course.criterion);
  const seconds = (performance.now() - start) / 1000;
  const { name } = course.stages[stage]!;
  const kind = 'evaluation' as const;
  return { kind, stage: name, epoch, step, ...result, training, isBest, learningRate, seconds };
}

function completeEpoch<M extends string>(run: ActiveRun<M>, event: EvaluationEvent<M>): void {
  const { epoch, loss, isBest } = event;
  const evaluation: Best<M> = { loss, ...scoresOf(run.course.metrics, ({ name }) => event[name]), epoch };
  if (isBest) {
    const names = Object.keys(run.state.current).filter((name) => name in run.course.initial);
    const variables = variablesOf(run);
    run.saver.markBest(Object.fromEntries(names.map((name) => [name, variables[name]!])), evaluation);
  }
  const { best, losses } = run.phase;
  run.phase = { ...startProgress, epoch, losses: [...losses, loss], best: isBest ? evaluation : best };
}

/** The checkpoint's tensors, which must be those that the run has. */
function restored(initial: Tensors, saved: Tensors): Tensors {
  const names = [...new Set([...Object.keys(initial), ...Object.keys(saved)])];
  const type = (value: Tensor | undefined) => (value ? formatType(value) : 'absent');
  const different = names.find((name) => type(initial[name]) !== type(saved[name]));
  if (different === undefined) return saved;
  throw new UserError(
    `The checkpoint is not of this run: ${different} is ${type(saved[different])} in it, ` +
      `${type(initial[different])} in the run. Start the run anew.`,
  );
}
