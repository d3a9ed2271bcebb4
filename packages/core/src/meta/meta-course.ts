import { f32, type Tensor, type Tensors, zeros } from '../base/tensor.ts';
import type { Course, CourseStage, OpenStage, StepOutcome } from '../fit/course.ts';
import type { Evaluation } from '../fit/events.ts';
import { stepSettings } from '../fit/stage.ts';
import { type Network, resultNames, updateStep } from '../fit/step.ts';
import { input, type Value } from '../graph/index.ts';
import type { Variable } from '../nn/index.ts';
import type { Optimizer, ParameterSetting, Schedule } from '../optim/index.ts';
import type { Program, Runtime, State } from '../runtime/index.ts';
import type { EpisodeShape, EpisodeSource } from './episode.ts';
import type { Learner } from './learner.ts';
import type { OuterPhase } from './outer-phases.ts';
import { gradientName, learnerVariables, type TaskShape, taskNames, testGraph, trainingGraph } from './task-graph.ts';
import type { OpenTasks, TaskProgram } from './task-program.ts';

/** A run of meta-training, resolved. */
export interface MetaTask {
  readonly network: Network;
  readonly learner: Learner;
  /** The form of the outer gradient by phase. An epoch is the outer steps between two validations. */
  readonly phases: readonly OuterPhase[];
  readonly episodes: { readonly train: EpisodeSource; readonly validation: EpisodeSource };
  readonly shape: EpisodeShape;
  /** Tasks of one outer step. */
  readonly tasksPerStep: number;
  readonly stepsPerEpoch: number;
  /** The same in every epoch. */
  readonly validationEpisodes: number;
  /** Inner steps in validation. */
  readonly testSteps: number;
  /** First values of the learner's variables. */
  readonly initial: Tensors;
  readonly optimizer: Optimizer;
  /** The learning rate by outer step of the whole run. */
  readonly schedule: Schedule;
  /** The outer loop's setting of each variable of the learner; null or absent: it stays as it is. */
  readonly settings: ReadonlyMap<string, ParameterSetting | null>;
  readonly clip?: ((gradients: readonly Value[]) => readonly Value[]) | undefined;
  readonly average: number | null;
  readonly patience: number | null;
  readonly seed: number;
  /** Does the tasks of training and validation. */
  readonly tasks: OpenTasks;
}

/** Meta-training as the trainer takes it: a step is the mean outer gradient of some tasks. */
export function metaCourse(task: MetaTask): Course {
  const { network, learner, phases, shape, settings, schedule } = task;
  const variables = learnerVariables(network, learner);
  const stages: CourseStage[] = phases.map((phase, index) => ({
    name: phase.name,
    epochs: phase.epochs,
    settings,
    schedule,
    isFresh: index === 0,
    variables,
    open: (_values, runtime) => openPhase(task, variables, stages, index, runtime),
  }));
  const counted = learner.kind === 'reptile' ? shape.shots + shape.queries : shape.queries;
  return {
    ...task,
    stages,
    warmup: 0,
    accumulate: 1,
    examplesPerStep: task.tasksPerStep * shape.way * counted,
    metrics: [{ name: 'accuracy' }],
    criterion: { name: 'accuracy', higherIsBetter: true },
  };
}

/** The number of images of the tasks of an episode shape. */
export function taskShape({ way, shots, queries }: EpisodeShape): TaskShape {
  return { way, support: way * shots, queries: way * queries };
}

interface Programs {
  readonly training: TaskProgram;
  readonly update: Program;
  readonly test: TaskProgram;
}

async function openPhase(
  task: MetaTask,
  variables: ReadonlyMap<string, Variable>,
  stages: readonly CourseStage[],
  index: number,
  runtime: Runtime,
): Promise<OpenStage> {
  const { network, learner, tasks, testSteps, episodes } = task;
  const shape = taskShape(task.shape);
  const settings = stepSettings(stages, index);
  const trained = [...variables.values()].filter(({ name }) => settings.get(name));
  const names = trained.map(({ name }) => name);
  const { outer } = task.phases[index]!;
  const gradients = new Map(
    trained.map(({ name, shape: of }) => [
      name,
      { value: input(name, 'f32', of), gradient: input(gradientName(name), 'f32', of) },
    ]),
  );
  const common = { shared: [...variables.keys()], runtime, shape: task.shape };
  const opened: { release(): Promise<void> }[] = [];
  const close = async () => {
    for (const program of opened.splice(0)) await program.release();
  };
  const keep = <P extends { release(): Promise<void> }>(program: P): P => {
    opened.push(program);
    return program;
  };
  try {
    const programs: Programs = {
      training: keep(
        await tasks({
          ...common,
          outputs: trainingGraph(network, learner, shape, { trained: names, outer }),
          side: 'train',
          episodes: episodes.train,
          atOnce: task.tasksPerStep,
        }),
      ),
      test: keep(
        await tasks({
          ...common,
          outputs: testGraph(network, learner, shape, testSteps),
          side: 'validation',
          episodes: episodes.validation,
          atOnce: Math.min(chunk, task.validationEpisodes),
        }),
      ),
      update: keep(await runtime.compile(updateStep(gradients, { ...task, settings, average: task.average !== null }))),
    };
    return {
      steps: (epoch, first) =>
        outerSteps(task, programs, { epoch, first, stepWeights: task.phases[index]!.stepWeights }),
      evaluate: (values, signal) => validate(task, programs.test, values, signal),
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

async function* outerSteps(
  task: MetaTask,
  { training, update }: Programs,
  at: { readonly epoch: number; readonly first: number; readonly stepWeights: OuterPhase['stepWeights'] },
) {
  const { stepsPerEpoch, tasksPerStep, seed } = task;
  const weights = at.stepWeights && {
    [taskNames.stepWeights]: f32(
      [task.learner.kind === 'gradient' ? task.learner.innerSteps : 0],
      at.stepWeights(at.epoch - 1),
    ),
  };
  const addressesOf = (step: number) =>
    Array.from({ length: step < stepsPerEpoch ? tasksPerStep : 0 }, (_, i) => {
      const stepInAll = (at.epoch - 1) * stepsPerEpoch + step;
      return [seed, 'train', stepInAll, i];
    });
  for (let step = at.first; step < stepsPerEpoch; step++) {
    yield async (state: State, scalars: Tensors): Promise<StepOutcome> => {
      const [addresses, next] = [addressesOf(step), addressesOf(step + 1)];
      const results = await training.run({ values: state.current, addresses, common: weights, next });
      const loss = results.reduce((sum, result) => sum + numberOf(result[resultNames.loss]), 0) / results.length;
      const correct = results.reduce((sum, result) => sum + numberOf(result[taskNames.correct]), 0);
      if (Number.isFinite(loss)) await state.step(update, { ...meanGradients(results), ...scalars });
      return { loss, sums: { accuracy: correct } };
    };
  }
}

/** Summed in the order of the tasks, so that the mean does not depend on which thread did what. */
function meanGradients(results: readonly Tensors[]): Record<string, Tensor> {
  const means: Record<string, Tensor> = {};
  for (const [name, { dtype, shape }] of Object.entries(results[0]!)) {
    if (!name.startsWith(gradientName(''))) continue;
    const mean = zeros('f32', shape);
    if (dtype !== 'f32') throw new Error(`meanGradients: ${name} is ${dtype}`);
    for (const result of results) {
      const { data } = result[name]!;
      for (let i = 0; i < mean.data.length; i++) mean.data[i]! += Number(data[i]);
    }
    for (let i = 0; i < mean.data.length; i++) mean.data[i]! /= results.length;
    means[name] = mean;
  }
  return means;
}

/** Episodes whose images are in memory at once. */
const chunk = 32;

/** Mean loss and accuracy of the queries after the last inner step, over episodes that are the same in every epoch. */
async function validate(
  { shape, seed, validationEpisodes }: MetaTask,
  test: TaskProgram,
  values: Tensors,
  signal: AbortSignal | undefined,
): Promise<Evaluation | null> {
  let loss = 0;
  let correct = 0;
  for (let first = 0; first < validationEpisodes; first += chunk) {
    if (signal?.aborted) return null;
    const count = Math.min(chunk, validationEpisodes - first);
    const addresses = Array.from({ length: count }, (_, i) => [seed, 'validation', first + i]);
    for (const result of await test.run({ values, addresses })) {
      loss += Number(result[taskNames.losses]!.data.at(-1));
      correct += Number(result[taskNames.correct]!.data.at(-1));
    }
  }
  const queries = validationEpisodes * shape.way * shape.queries;
  return { loss: loss / validationEpisodes, accuracy: correct / queries };
}

const numberOf = (value: Tensor | undefined) => Number(value!.data[0]);
