import { type Tensor, type Tensors, tensor } from '../base/tensor.ts';
import { slotName } from '../optim/index.ts';

/** The outer optimizer: SGD with Nesterov momentum. */
export interface OuterOptimizer {
  /** η. The paper's is 0.7. */
  readonly learningRate: number;
  /** µ. The paper's is 0.9; 0: none. */
  readonly momentum: number;
}

/** The slot of the outer optimizer's momentum. */
export const outerSlot = 'momentum';

/**
 * One outer step of DiLoCo (Douillard et al. 2023, algorithm 1): with g = p - mean of the workers' p, v ← µ·v + g and
 * p ← p - η·(g + µ·v). What is not trained, such as the statistics of batch norms, becomes the workers' mean.
 *
 * Sums are taken in double precision in the order of the workers and rounded once, so that the result is the same bits
 * wherever the workers ran; of one worker at η = 1 and µ = 0 it is that worker's own values.
 *
 * @param state the outer values and their momentum
 * @param workers the same values as each worker left them
 * @returns the new values of all that the workers have, and of its momentum
 */
export function outerStep(
  state: Tensors,
  workers: readonly Tensors[],
  isTrained: (name: string) => boolean,
  { learningRate, momentum }: OuterOptimizer,
): Record<string, Tensor> {
  const next: Record<string, Tensor> = {};
  for (const name of Object.keys(workers[0]!)) {
    const own = workers.map((values) => values[name]!);
    if (own[0]!.dtype !== 'f32') {
      next[name] = own[0]!; // a count of batches, which is every worker's
      continue;
    }
    const mean = meanOver(own);
    if (!isTrained(name)) {
      next[name] = f32Of(state[name]!, (i) => mean(i));
      continue;
    }
    const values = state[name]!;
    const gradient = (i: number) => Number(values.data[i]) - mean(i);
    if (momentum === 0) {
      next[name] = f32Of(values, (i) => Number(values.data[i]) - learningRate * gradient(i));
      continue;
    }
    const slot = slotName(outerSlot, name);
    const before = state[slot]!.data;
    const velocity = f32Of(values, (i) => momentum * Number(before[i]) + gradient(i));
    const direction = (i: number) => gradient(i) + momentum * Number(velocity.data[i]);
    next[slot] = velocity;
    next[name] = f32Of(values, (i) => Number(values.data[i]) - learningRate * direction(i));
  }
  return next;
}

function meanOver(values: readonly Tensor[]): (i: number) => number {
  return (i) => {
    let sum = 0;
    for (const { data } of values) sum += Number(data[i]);
    return sum / values.length;
  };
}

function f32Of({ shape, data }: Tensor, valueAt: (i: number) => number): Tensor {
  return tensor(
    'f32',
    shape,
    Float32Array.from({ length: data.length }, (_, i) => valueAt(i)),
  );
}
