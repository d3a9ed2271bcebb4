import { input, type Value } from '@graft-ml/core/graph';
import { randomStream } from '@graft-ml/core/internal/base/random';
import { f32, i64, type Shape, sizeOf, type Tensor, zeros } from '@graft-ml/core/internal/base/tensor';
import {
  feedNames,
  type Network,
  resultNames,
  type StepGraph,
  scalarName,
  slotName,
  trainingStep,
  variablesOf,
} from '@graft-ml/core/internal/fit/step';
import { auxiliaryLogits } from '@graft-ml/core/internal/models/index';
import { optimizers } from '@graft-ml/core/internal/optim/index';
import { applyModel, getModel } from '@graft-ml/core/models';
import { crossEntropyLoss, drawNoise, initialise, Scope, type Variable } from '@graft-ml/core/nn';
import type { OptimizerName } from '@graft-ml/core/optim';
import { type Runtime, State, scalar } from '@graft-ml/core/runtime';
import type { Contender } from './harness.ts';

export interface Work {
  readonly model: string;
  readonly optimizer: OptimizerName;
  readonly batchSize: number;
  readonly size: number;
}

const numClasses = 1000;
const versions = { node: process.version };

function networkOf({ model: name, size }: Work): Network {
  const model = getModel(name);
  return {
    input: { dtype: 'f32', shape: [3, size, size] },
    forward: (s: Scope, x: Value) => applyModel(model, s, x, { numClasses }),
    ...(model.auxiliary && { auxiliary: { endpoint: auxiliaryLogits, weight: model.auxiliary.weight } }),
  };
}

/** Forward, cross entropy, backward and update of everything. */
export function stepGraph(work: Work): StepGraph {
  const parameters = [...variablesOf(networkOf(work)).values()].filter(({ kind }) => kind === 'parameter');
  return trainingStep(networkOf(work), {
    batchSize: work.batchSize,
    optimizer: optimizers[work.optimizer](),
    settings: new Map(parameters.map(({ name }) => [name, { rate: 1 }])),
    batchNorm: 'running',
    loss: crossEntropyLoss(),
  });
}

/** Runs the training step on random images. */
export async function stepContender(
  work: Work,
  runtime: Runtime,
  { learningRate = 1e-4, onLoss = () => {} }: { learningRate?: number; onLoss?: (loss: number) => void } = {},
): Promise<Contender> {
  const optimizer = optimizers[work.optimizer]();
  const { outputs, variables, noise } = stepGraph(work);
  const parameters = [...variables.values()].filter(({ kind }) => kind === 'parameter');
  const slots = parameters.flatMap(({ name, shape }) =>
    optimizer.slots.map((slot): [string, Tensor] => [slotName(slot, name), zeros('f32', shape)]),
  );
  const state = new State({ ...initialise(variables.values(), 0), ...Object.fromEntries(slots) });
  const program = await runtime.compile(outputs);
  const batch = { [feedNames.input]: images(work), [feedNames.targets]: labels(work) };
  let step = 0;
  const run = async () => {
    step++;
    const scalars = Object.entries({ learningRate, ...optimizer.scalars(step) });
    const results = await state.step(program, {
      ...batch,
      ...drawNoise(noise, 0, step),
      ...Object.fromEntries(scalars.map(([name, value]) => [scalarName(name), scalar(value)])),
    });
    onLoss(numberOf(results[resultNames.loss]!));
  };
  return contender(run, () => program.release());
}

/** The forward pass with these weights on these images: to be timed, and what it computes. */
export async function forwardProgram(
  work: Work,
  runtime: Runtime,
  weight: (variable: Variable) => Value,
  batch: Tensor,
): Promise<{ contender: Contender; logits(): Promise<Tensor> }> {
  const { scope } = Scope.root({ training: false, variable: weight });
  const x = input('x', 'f32', [work.batchSize, 3, work.size, work.size]);
  const program = await runtime.compile({ logits: networkOf(work).forward(scope, x) });
  const into = { logits: zeros('f32', [work.batchSize, numClasses]) };
  const run = () => program.run({ x: batch }, into);
  return {
    contender: contender(run, () => program.release()),
    logits: async () => (await run()).logits!,
  };
}

const numberOf = ({ data }: Tensor) => Number(data[0]);

function contender(run: () => Promise<unknown>, close: () => Promise<void>): Contender {
  return {
    versions,
    close,
    async time(count) {
      const times: number[] = [];
      for (let i = 0; i < count; i++) {
        const start = performance.now();
        await run();
        times.push(performance.now() - start);
      }
      return times;
    },
  };
}

function images({ batchSize, size }: Work): Tensor {
  const shape: Shape = [batchSize, 3, size, size];
  const stream = randomStream(0, 'bench');
  return f32(
    shape,
    Array.from({ length: sizeOf(shape) }, () => stream.normal()),
  );
}

const labels = ({ batchSize }: Work) =>
  i64(
    [batchSize],
    Array.from({ length: batchSize }, (_, i) => i),
  );
