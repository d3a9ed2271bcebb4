import { batchNorm, dropout, linear } from '../src/nn/index.ts';
import { relu } from '../src/ops/index.ts';
import { adamw, oneCycle } from '../src/optim/index.ts';
import type { Choices } from '../src/runtime/index.ts';
import { createRuntime } from '../src/runtime/node/index.ts';
import {
  type CheckpointStore,
  evaluationStep,
  type Network,
  type Source,
  type TrainEvent,
  type TrainingTask,
  train,
  trainingStep,
  variablesOf,
} from '../src/train/index.ts';
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

/** 6 epochs of 5 steps: 44 points in batches of 8, so that the last 4 are left out. */
export function taskOf(changes: Partial<TrainingTask> = {}): TrainingTask {
  return {
    network,
    training,
    validation,
    pretrained: {},
    rules: [[/.*/, { rate: 1 }]],
    optimizer: adamw(),
    schedule: (steps) => oneCycle({ maximum: 0.05, steps }),
    loss: { labelSmoothing: 0.1 },
    batchNorm: 'running',
    epochs: 6,
    batchSize: 8,
    seed: 3,
    ...changes,
  };
}

/** The lowerings of every step that these tests take, so that nothing is timed and no two runs choose differently. */
const settings = new Map([...variablesOf(network).keys()].map((name) => [name, { rate: 1 }]));
const graphs = [8, 44].flatMap((batchSize) => [
  trainingStep(network, { ...taskOf({ batchSize, batchNorm: 'frozen' }), settings }),
  trainingStep(network, { ...taskOf({ batchSize }), settings }),
  evaluationStep(network, batchSize, 'running'),
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
