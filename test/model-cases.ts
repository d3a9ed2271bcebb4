/* The zoo's narrow models beside PyTorch's numbers, as data: which graphs to run, and how far apart the results are. */
import { grad } from '@graft-ml/core/grad';
import { input, type Value } from '@graft-ml/core/graph';
import { type Tensor, zeros } from '@graft-ml/core/internal/base/tensor';
import {
  feedNames,
  type Network,
  resultNames,
  scalarName,
  slotName,
  trainingStep,
} from '@graft-ml/core/internal/fit/step';
import { applyModel, auxiliaryLogits } from '@graft-ml/core/internal/models/model';
import { optimizers } from '@graft-ml/core/internal/optim/index';
import { type BatchNormPolicy, crossEntropy, crossEntropyLoss, Scope } from '@graft-ml/core/nn';
import { add, mul } from '@graft-ml/core/ops';
import { type Program, State, scalar } from '@graft-ml/core/runtime';
import { golden, pattern, relativeError, tolerance, withPrefix } from './golden.ts';
import { narrowModels } from './narrow-models.ts';

/** One number to compare: what it is, how far it is from PyTorch's, relative to the largest, and how far it may be. */
export interface Difference {
  readonly what: string;
  readonly error: number;
  readonly limit: number;
}

export interface ModelCase {
  /** `train (training true, batch norm running)`, `three steps: sgd3`. */
  readonly name: string;
  readonly outputs: Readonly<Record<string, Value>>;
  /** Runs a program of the outputs. The tensors that the reference has and the program does not are infinitely far. */
  compare(program: Program): Promise<Difference[]>;
}

/** The reference leaves out the batch counter; a step needs it. */
function withCounters(initial: Record<string, Tensor>): Record<string, Tensor> {
  const norms = Object.keys(initial).filter((name) => name.endsWith('running_mean'));
  const counters = norms.map((name) => [name.replace('running_mean', 'num_batches_tracked'), zeros('i64', [])]);
  return { ...initial, ...Object.fromEntries(counters) };
}

function differences(
  actual: Record<string, Tensor>,
  expected: Record<string, Tensor>,
  what: string,
  limit: number = tolerance.model,
): Difference[] {
  if (Object.keys(expected).length === 0) throw new Error(`the reference has no ${what}`);
  return Object.entries(expected).map(([name, reference]) => {
    // What is zero in exact arithmetic is what rounding leaves of it.
    const floor = reference.data.some((x: number | bigint) => Number(x) !== 0) ? undefined : 0.01;
    const found = actual[name];
    const error = found ? relativeError(found, reference, floor) : Number.POSITIVE_INFINITY;
    return { what: `${what} ${name}`, error, limit };
  });
}

/** The reference of one narrow model, and how to build its network. */
function referenceOf(name: string) {
  const { tensors, metadata } = golden(`model-${name}`);
  const config = JSON.parse(metadata.config!);
  const images = tensors.input ?? pattern(config.input);
  const [batchSize, ...shape] = images.shape as [number, ...number[]];
  const model = narrowModels[name]!;
  const network: Network = {
    input: { dtype: 'f32', shape },
    forward: (s, x) => applyModel(model, s, x, { numClasses: config.numClasses }),
    ...(model.auxiliary && { auxiliary: { endpoint: auxiliaryLogits, weight: model.auxiliary.weight } }),
  };
  return {
    tensors,
    images,
    batchSize,
    network,
    labels: tensors.labels!,
    initial: withCounters(withPrefix(tensors, 'init/')),
    noise: withPrefix(tensors, 'noise/'),
    optimizerRuns: config.optimizers as Record<string, { kind: 'sgd' | 'adamw'; learningRate: number }>,
  };
}

type Reference = ReturnType<typeof referenceOf>;

/**
 * What there is to compare of a narrow model: endpoints, loss, gradients and statistics in each mode, and three steps of
 * each optimizer.
 *
 * @param gradientLimit the tolerance of its gradients and of what steps along them lead to
 */
export function modelCases(name: string, gradientLimit: number = tolerance.model): ModelCase[] {
  const reference = referenceOf(name);
  const isRandom = Object.keys(reference.noise).length > 0;
  const modes = [
    ['train', true, 'running'],
    ['eval', false, 'running'],
    ['eval', true, 'frozen'],
  ] as const;
  return [
    ...modes
      .filter(([mode, training]) => !isRandom || training === (mode === 'train'))
      .map((mode) => passCase(reference, mode, gradientLimit)),
    ...Object.keys(reference.optimizerRuns).map((key) => stepsCase(reference, key, gradientLimit)),
  ];
}

function passCase(
  { tensors, images, batchSize, network, labels, initial, noise }: Reference,
  [mode, training, policy]: readonly ['train' | 'eval', boolean, BatchNormPolicy],
  gradientLimit: number,
): ModelCase {
  const { scope, trace } = Scope.root({ training, batchNorm: policy });
  const logits = network.forward(scope, input('x', 'f32', images.shape));
  const early = trace.endpoints.get(auxiliaryLogits);
  const classes = input('labels', 'i64', [batchSize]);
  const lossOf = (value: Value) => crossEntropy(value, classes);
  const loss = early ? add(lossOf(logits), mul(lossOf(early), network.auxiliary!.weight)) : lossOf(logits);
  const parameters = [...trace.variables.values()].filter(({ kind }) => kind === 'parameter');
  const values = parameters.map((p) => trace.values.get(p.name)!);
  const gradients = mode === 'train' ? grad(loss, values) : [];
  return {
    name: `${mode} (training ${training}, batch norm ${policy})`,
    outputs: {
      loss,
      ...Object.fromEntries(trace.endpoints),
      ...Object.fromEntries(trace.updates),
      ...Object.fromEntries(gradients.map((g, i) => [`grad/${parameters[i]!.name}`, g])),
    },
    async compare(program) {
      const results = await program.run({ ...initial, ...noise, x: images, labels });
      const endpoints = differences(results, withPrefix(tensors, `${mode}/endpoint/`), 'endpoint');
      if (mode === 'eval') return endpoints;
      const expected = withPrefix(tensors, 'grad/');
      const ours = withPrefix(results, 'grad/');
      const unknown = Object.keys(ours).filter((key) => !(key in expected));
      if (unknown.length > 0) throw new Error(`the reference has no gradient of ${unknown}`);
      const statistics = withPrefix(tensors, 'stats/');
      return [
        ...endpoints,
        ...differences(results, { loss: tensors['train/loss']! }, 'the'),
        ...differences(ours, expected, 'gradient', gradientLimit),
        ...(Object.keys(statistics).length > 0 ? differences(results, statistics, 'statistics') : []),
      ];
    },
  };
}

function stepsCase(
  { tensors, images, batchSize, network, labels, initial, noise, optimizerRuns }: Reference,
  key: string,
  limit: number,
): ModelCase {
  const { kind, learningRate, ...options } = optimizerRuns[key]!;
  const optimizer = optimizers[kind](options);
  const parameters = Object.keys(withPrefix(tensors, 'grad/'));
  const { outputs } = trainingStep(network, {
    batchSize,
    optimizer,
    settings: new Map(parameters.map((parameter) => [parameter, { rate: 1 }])),
    batchNorm: 'running',
    loss: crossEntropyLoss(),
  });
  return {
    name: `three steps: ${key}`,
    outputs,
    async compare(program) {
      const slots = optimizer.slots.flatMap((slot) =>
        parameters.map((p) => [slotName(slot, p), zeros('f32', initial[p]!.shape)] as const),
      );
      const state = new State({ ...initial, ...Object.fromEntries(slots) });
      const found: Difference[] = [];
      for (let i = 1; i <= 3; i++) {
        const scalars = Object.entries({ learningRate, ...optimizer.scalars(i) });
        const results = await state.step(program, {
          [feedNames.input]: images,
          [feedNames.targets]: labels,
          ...noise,
          ...Object.fromEntries(scalars.map(([name, value]) => [scalarName(name), scalar(value)])),
        });
        const loss = { loss: results[resultNames.loss]! };
        if (i === 1) found.push(...differences(loss, { loss: tensors['train/loss']! }, 'first'));
      }
      return [...found, ...differences({ ...state.current }, withPrefix(tensors, `${key}/`), 'after', limit)];
    },
  };
}
