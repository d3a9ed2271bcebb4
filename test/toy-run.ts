import { randomStream } from '@graft-ml/core/internal/base/random';
import type { CheckpointStore } from '@graft-ml/core/internal/fit/checkpoint';
import type { TrainEvent } from '@graft-ml/core/internal/fit/events';
import { accuracy } from '@graft-ml/core/internal/fit/metrics';
import { inOrder, type Source } from '@graft-ml/core/internal/fit/source';
import { evaluationStep, type Network, trainingStep, variablesOf } from '@graft-ml/core/internal/fit/step';
import type { TrainingStage, TrainingTask } from '@graft-ml/core/internal/fit/task';
import { train } from '@graft-ml/core/internal/fit/trainer';
import { stepsPerEpoch } from '@graft-ml/core/internal/recipe/timetable';
import { batchNorm, crossEntropyLoss, dropout, initialise, linear } from '@graft-ml/core/nn';
import { relu } from '@graft-ml/core/ops';
import { adamw, oneCycle, type ParameterSetting, type Schedule } from '@graft-ml/core/optim';
import type { Choices } from '@graft-ml/core/runtime';
import { createRuntime } from 'graft-ml/internal/runtime/index';
import { defaultChoices } from './run.ts';
import { clusters, memoryStore } from './training.ts';

export const width = 6;
export const classes = 3;

/** Two layers with all that has state or chance in training: batch norm and dropout. */
export const network: Network = {
  input: { dtype: 'f32', shape: [width] },
  forward(s, x) {
    const hidden = relu(batchNorm(s.at('bn'), linear(s.at('body'), x, { features: 8 })));
    return linear(s.at('head'), dropout(s.at('drop'), hidden, 0.4), { features: classes });
  },
};

export const training: Source = await clusters(44, classes, width, 'training');
export const validation: Source = await clusters(21, classes, width, 'validation');

/** What a task of one stage may differ in. */
export interface Toy extends Partial<Omit<TrainingTask, 'stages'>> {
  readonly network?: Network;
  readonly training?: Source;
  readonly validation?: Source;
  /** How parameters are trained: the first pattern that matches decides; null, or none: frozen. */
  readonly rules?: readonly (readonly [pattern: RegExp, setting: ParameterSetting | null])[];
  readonly schedule?: (steps: number) => Schedule;
  readonly epochs?: number;
}

/** 6 epochs of 5 steps: 44 points in batches of 8, so that the last 4 are left out. */
export function taskOf(changes: Toy = {}): TrainingTask {
  const {
    network: own = network,
    training: examples = training,
    validation: others = validation,
    rules = [[/.*/, { rate: 1 }]],
    schedule = (steps: number) => oneCycle({ maximum: 0.05, steps }),
    epochs = 6,
    seed = 3,
    initial = {},
    ...task
  } = changes;
  const batchSize = Math.min(changes.batchSize ?? 8, examples.size);
  const accumulate = changes.accumulate ?? 1;
  const steps = stepsPerEpoch(examples.size, batchSize, accumulate);
  const variables = variablesOf(own);
  const parameters = [...variables.values()].flatMap(({ kind, name }) => (kind === 'parameter' ? [name] : []));
  const stage: TrainingStage = {
    name: 'all',
    epochs,
    network: own,
    settings: new Map(parameters.map((name) => [name, rules.find(([pattern]) => pattern.test(name))?.[1] ?? null])),
    schedule: schedule(epochs * steps),
    isFresh: true,
    open: async () => ({ training: examples, validation: others, close: async () => {} }),
  };
  return {
    stages: [stage],
    initial: { ...initialise(variables.values(), seed), ...initial },
    stepsPerEpoch: steps,
    warmup: 0,
    optimizer: adamw(),
    loss: crossEntropyLoss({ labelSmoothing: 0.1 }),
    metrics: [accuracy()],
    batchNorm: 'running',
    order: (epoch) => randomStream(seed, 'order', epoch).shuffle(inOrder(examples.size)),
    average: null,
    patience: null,
    seed,
    ...task,
    accumulate,
    batchSize,
  };
}

/** The lowerings of every step that these tests take, so that nothing is timed and no two runs choose differently. */
const settings = new Map([...variablesOf(network).keys()].map((name) => [name, { rate: 1 }]));
const graphs = [8, 44].flatMap((batchSize) => [
  ...(['frozen', 'running'] as const).map((batchNorm) =>
    trainingStep(network, { batchSize, batchNorm, settings, optimizer: adamw(), loss: crossEntropyLoss() }),
  ),
  evaluationStep(network, { batchSize, batchNorm: 'running', loss: crossEntropyLoss() }),
]);
const choices: Choices = Object.assign({}, ...graphs.map(({ outputs }) => defaultChoices(outputs)));
export const runtime = () => createRuntime({ cache: null, threads: 1, choices });

/** After the first checkpoint none is due for a long time. */
export function slowStore() {
  const memory = memoryStore();
  let saves = 0;
  const store: CheckpointStore = {
    ...memory,
    saveLast: async (tensors, phase) => {
      await memory.saveLast(tensors, phase);
      if (++saves === 1) await new Promise((resolve) => setTimeout(resolve, 300));
    },
  };
  return { memory, store };
}

/** A run until the end or until `stopAfter` steps of its own, with what it left. */
export async function run(task: TrainingTask, options: { resume?: CheckpointOf; stopAfter?: number } = {}) {
  const store = memoryStore();
  const controller = new AbortController();
  const { resume, stopAfter = Number.POSITIVE_INFINITY } = options;
  const events: TrainEvent[] = [];
  let steps = 0;
  for await (const event of train(task, {
    runtime: runtime(),
    store,
    signal: controller.signal,
    ...(resume && { resume }),
  })) {
    events.push(event);
    if (event.kind === 'step' && ++steps >= stopAfter) controller.abort();
  }
  return { store, events };
}

type CheckpointOf = NonNullable<ReturnType<typeof memoryStore>['last']>;
