import { grad } from '@graft-ml/core/grad';
import { input, type Value } from '@graft-ml/core/graph';
import { zeros } from '@graft-ml/core/internal/base/tensor';
import { encode } from '@graft-ml/core/internal/graph/index';
import { add, conv2d, gelu, matmul, mul, reduceSum, relu, reshape, softmax, transpose } from '@graft-ml/core/ops';
import type { InferenceSession } from 'onnxruntime-common';
import { expect, test } from 'vitest';
import { cpuBackend } from './create.ts';

const f32 = (name: string, ...shape: number[]) => input(name, 'f32', shape);

/** The operators of the kernels that run, in order of their names. */
async function kernels(
  loss: Value,
  parameters: readonly Value[],
  session?: InferenceSession.SessionOptions,
): Promise<string[]> {
  const gradients = grad(loss, parameters);
  const outputs = Object.fromEntries(gradients.map((value, i) => [`g${i}`, value]));
  const { model, inputs, outputs: written } = encode(outputs);
  const backend = cpuBackend(1, session);
  const timed = await backend.loadTimed!(model);
  const wrapped = (types: typeof inputs) =>
    Object.fromEntries([...types].map(([name, { dtype, shape }]) => [name, backend.wrap(zeros(dtype, shape))]));
  await timed.run(wrapped(inputs), wrapped(written));
  const [run] = await timed.endTiming();
  await timed.release();
  // A reshape moves nothing, and the gradient's beginning, a constant, is expanded in every step.
  return run!.kernels.flatMap(({ operator }) => (/^(Reshape|Expand)$/.test(operator) ? [] : [operator])).sort();
}

test('a step has the same kernels as with all of ORT’s optimizers', async () => {
  const [kernel, bias, weight, offset] = [
    f32('kernel', 4, 3, 3, 3),
    f32('bias', 4),
    f32('weight', 8, 4),
    f32('offset', 8),
  ];
  const geometry = { strides: [1, 1], pads: [1, 1, 1, 1], dilations: [1, 1], groups: 1 } as const;
  const convolved = conv2d(f32('images', 2, 3, 8, 8), kernel, geometry);
  const features = relu(add(convolved, reshape(bias, [1, 4, 1, 1])));
  const tokens = transpose(reshape(features, [2, 4, 64]), [0, 2, 1]);
  const hidden = gelu(add(matmul(tokens, transpose(weight, [1, 0])), offset));
  const scores = softmax(mul(matmul(hidden, transpose(hidden, [0, 2, 1])), f32('scale')));
  const loss = reduceSum(matmul(scores, hidden), [0, 1, 2]);
  const parameters = [kernel, bias, weight, offset];
  const all = await kernels(loss, parameters, { extra: { optimization: {} } });
  expect(all.length).toBeGreaterThan(20);
  expect(await kernels(loss, parameters)).toEqual(all);
});
