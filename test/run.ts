import { applicableLowerings, reachable, type Value } from '@graft-ml/core/graph';
import { randomStream } from '@graft-ml/core/internal/base/random';
import { f32, type Shape, sizeOf, type Tensor, type TensorOf, type Tensors } from '@graft-ml/core/internal/base/tensor';
import { choiceKey } from '@graft-ml/core/internal/runtime/tuning';
import type { Choices } from '@graft-ml/core/runtime';
import { createRuntime } from 'graft-ml/internal/runtime/index';

/** The default lowering of every value for which there is a choice, so that compiling measures no time. */
export function defaultChoices(outputs: Readonly<Record<string, Value>>): Choices {
  const optional = reachable(Object.values(outputs)).filter((value) => Object.keys(value.op.lowerings).length > 1);
  return Object.fromEntries(optional.map((value) => [choiceKey(value), applicableLowerings(value)[0]!]));
}

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
