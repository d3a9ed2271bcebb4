/* Graphs for the tests of WebGPU, in Node and in a browser. */
import { vjp } from '@graft-ml/core/grad';
import { input, inputName, reachable, type Value } from '@graft-ml/core/graph';
import { type Shape, type Tensors, tensor } from '@graft-ml/core/internal/base/tensor';
import { conv2d, maxPool, pow, slice } from '@graft-ml/core/ops';
import { uniform } from './run.ts';

type Outputs = Readonly<Record<string, Value>>;

const geometry = { strides: [1, 1], pads: [1, 1, 1, 1], dilations: [1, 1] } as const;
const x = input('x', 'f32', [2, 6, 8, 8]);
const pooled = maxPool(x, { kernel: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] });
const depthwise = conv2d(x, input('w', 'f32', [12, 1, 3, 3]), { ...geometry, groups: 6 });
const backward = (y: Value) => vjp([y], [input('dy', 'f32', y.shape)], [x])[0]!;

/** Graphs of which some build of ORT's WebGPU kernels gets a part wrong, or not at all. */
export const gpuCases: readonly (readonly [string, Outputs])[] = [
  ['a convolution of 6 channels', { y: conv2d(x, input('w', 'f32', [8, 6, 3, 3]), { ...geometry, groups: 1 }) }],
  ['a max-pool and its gradient', { y: pooled, dx: backward(pooled) }],
  ['a slice backwards', { y: slice(x, [1, 0, 6, 0], [2, 6, 0, 8], [1, 1, -2, 1]) }],
  ['a power of each channel', { y: pow(x, input('w', 'f32', [6, 1, 1])) }],
  ['two filters a channel, and the gradient', { y: depthwise, dx: backward(depthwise) }],
];

/** Numbers for the inputs of a graph, above 0 so that powers of them are numbers. */
export function feedsOf(outputs: Outputs): Tensors {
  const inputs = reachable(Object.values(outputs)).filter((value) => inputName(value) !== undefined);
  const drawn = (shape: Shape, name: string) =>
    tensor(
      'f32',
      shape,
      uniform(shape, name).data.map((each) => Math.abs(each) + 0.25),
    );
  return Object.fromEntries(inputs.map((value) => [inputName(value)!, drawn(value.shape, inputName(value)!)]));
}
