import type { Value } from '@graft-ml/core/graph';
import { randomStream } from '@graft-ml/core/internal/base/random';
import { i64, type Tensor, type Tensors, tensor, zeros } from '@graft-ml/core/internal/base/tensor';
import { imageNetwork } from '@graft-ml/core/internal/fit/network';
import { type Network, variablesOf } from '@graft-ml/core/internal/fit/step';
import { taskNames } from '@graft-ml/core/internal/meta/index';
import { conv4 } from '@graft-ml/core/internal/models/conv4';
import type { GradientLearner, TaskShape } from '@graft-ml/core/meta';
import { crossEntropy, initialise } from '@graft-ml/core/nn';
import { sgd } from '@graft-ml/core/optim';
import { createRuntime } from 'graft-ml/internal/runtime/index';
import { defaultChoices } from './run.ts';

const half = [0.5, 0.5, 0.5] as const;
const preprocessing = { resize: 28, crop: 28, interpolation: 'bilinear', mean: half, std: half } as const;

/** A conv-4 for images of 28x28; 0 classes leave its head away. */
export function conv4Network(filters: number, way: number): Network {
  return imageNetwork(conv4({ filters }), preprocessing, way);
}

/** The parameters of a network that are learned, by name. */
export function parametersOf(network: Network): string[] {
  return [...variablesOf(network).values()].flatMap(({ kind, name }) => (kind === 'parameter' ? [name] : []));
}

/** Rates for the inner loop: one for the body, one for the head. */
export function innerRates(network: Network, body: number, head = body): ReadonlyMap<string, number> {
  return new Map(parametersOf(network).map((name) => [name, name.startsWith('fc.') ? head : body]));
}

/** Plain MAML: gradient descent inside, the batch's own statistics. */
export function maml(network: Network, options: Partial<GradientLearner> = {}): GradientLearner {
  return {
    kind: 'gradient',
    name: 'maml',
    statistics: 'batch',
    loss: crossEntropy,
    innerSteps: 3,
    rates: innerRates(network, 0.2),
    innerOptimizer: sgd({ momentum: 0 }),
    learnedRates: 'none',
    ...options,
  };
}

/** First values for a network, and running statistics, which a graph of batch statistics does not look at. */
export function start(network: Network, seed = 0): Record<string, Tensor> {
  return initialise(variablesOf(network).values(), seed);
}

/** One made-up task: each class is a pattern of 7x7 fields, its images that pattern in noise. */
export function madeTask({ way, support, queries }: TaskShape, seed: number): Tensors {
  const images = (part: string, count: number) => {
    const batch = zeros('u8', [count, 3, 28, 28]);
    for (let n = 0; n < count; n++) {
      const pattern = randomStream(seed, 'pattern', Math.floor((n * way) / count));
      const fields = Float32Array.from({ length: 3 * 49 }, () => pattern.uniform());
      const noise = randomStream(seed, part, n);
      for (let i = 0; i < 3 * 784; i++) {
        const [channel, row, column] = [Math.floor(i / 784), Math.floor((i % 784) / 112), Math.floor((i % 28) / 4)];
        const field = fields[channel * 49 + row * 7 + column]!;
        batch.data[n * 3 * 784 + i] = Math.round(255 * (0.55 * field + 0.45 * noise.uniform()));
      }
    }
    return batch;
  };
  const labels = (count: number) =>
    i64(
      [count],
      Array.from({ length: count }, (_, n) => Math.floor((n * way) / count)),
    );
  return {
    [taskNames.support]: images('support', support),
    [taskNames.supportLabels]: labels(support),
    [taskNames.query]: images('query', queries),
    [taskNames.queryLabels]: labels(queries),
  };
}

/** A program of the outputs in the default lowerings, in a session like those of tasks: as the graph is written. */
export function compileTask(outputs: Readonly<Record<string, Value>>) {
  const session = { graphOptimizationLevel: 'disabled' } as const;
  return createRuntime({ cache: null, threads: 1, choices: defaultChoices(outputs), session }).compile(outputs);
}

/** The numbers of the outputs, as a task computes them. */
export async function evaluateTask(
  outputs: Readonly<Record<string, Value>>,
  feeds: Tensors,
): Promise<Record<string, Tensor>> {
  const program = await compileTask(outputs);
  const results = await program.run(feeds);
  await program.release();
  return results;
}

/** The bytes of a tensor's numbers, to compare to the bit. */
export function bitsOf({ data }: Tensor): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

/** Equal weights for the losses after each of so many steps. */
export function evenWeights(steps: number): Tensor {
  return tensor('f32', [steps], new Float32Array(steps).fill(1 / steps));
}
