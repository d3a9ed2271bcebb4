import type { Value } from '@graft-ml/core/graph';
import { randomStream } from '@graft-ml/core/internal/base/random';
import { f32, type Shape, sizeOf, type Tensor, type TensorOf, type Tensors } from '@graft-ml/core/internal/base/tensor';
import { createRuntime } from 'graft-ml/internal/runtime/index';
import { defaultChoices } from './default-choices.ts';

export { defaultChoices };

/** A program of the outputs on one thread, in the default lowerings. The caller releases it. */
export function compile(outputs: Readonly<Record<string, Value>>) {
  return createRuntime({ cache: null, threads: 1, choices: defaultChoices(outputs) }).compile(outputs);
}

/** The numbers of the outputs. */
export async function evaluate(
  outputs: Readonly<Record<string, Value>>,
  feeds: Tensors = {},
): Promise<Record<string, Tensor>> {
  const program = await compile(outputs);
  const results = await program.run(feeds);
  await program.release();
  return results;
}

/** Standard normal numbers, the same for the same path. */
export function gaussian(shape: Shape, ...path: readonly (string | number)[]): TensorOf<'f32'> {
  const stream = randomStream(0, 'test', ...path);
  return f32(
    shape,
    Array.from({ length: sizeOf(shape) }, () => stream.normal()),
  );
}

/** Numbers uniform in [-1, 1), the same for the same path. */
export function uniform(shape: Shape, ...path: readonly (string | number)[]): TensorOf<'f32'> {
  const stream = randomStream(0, 'test', ...path);
  return f32(
    shape,
    Array.from({ length: sizeOf(shape) }, () => 2 * stream.uniform() - 1),
  );
}

/** The numbers of a tensor as plain numbers. */
export function numbers(value: Tensor | undefined): number[] {
  return Array.from<number | bigint, number>(value!.data, Number);
}
