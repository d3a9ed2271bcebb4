import type { Attributes, Value } from '@graft-ml/core/graph';
import { type RandomStream, randomStream } from '@graft-ml/core/internal/base/random';
import { type DType, i64, type Shape, sizeOf, type Tensor, tensor } from '@graft-ml/core/internal/base/tensor';
import { makeValue } from '@graft-ml/core/internal/graph/index';
import { primitives } from '@graft-ml/core/internal/ops/index';
import type { PoolGeometry } from '@graft-ml/core/internal/ops/pool';
import type { ConvGeometry } from '@graft-ml/core/ops';

/**
 * Where a primitive is smooth. `separated`: no two numbers of the example are nearer than 1/4, and none is nearer to 0
 * than 1/8, so that a small step crosses no kink. `linear`: in every operand.
 */
type Domain = 'normal' | 'positive' | 'separated' | 'linear';

/** One use of a primitive. An input is the shape of random numbers, or the numbers themselves. */
export interface Example {
  readonly inputs: readonly (Shape | Tensor)[];
  readonly attributes: Attributes;
  readonly domain: Domain;
}

const example = (inputs: Example['inputs'], domain: Domain = 'normal', attributes: Attributes = {}): Example => ({
  inputs,
  attributes,
  domain,
});

/** Equal shapes, and one that is broadcast along a new and along an old axis. */
const two = (domain: Domain) => [
  example(
    [
      [3, 4],
      [3, 4],
    ],
    domain,
  ),
  example(
    [
      [2, 3, 4],
      [3, 1],
    ],
    domain,
  ),
];
const one = (domain: Domain) => [example([[3, 5]], domain)];
const bool = (shape: Shape, values: readonly number[]) => tensor('bool', shape, Uint8Array.from(values));

interface ConvShapes {
  readonly x: Shape;
  readonly w: Shape;
  readonly y: Shape;
  readonly geometry: ConvGeometry;
}

const convolutions: readonly ConvShapes[] = [
  // A stride that leaves a row over, and pads that differ on the two sides.
  {
    x: [2, 3, 6, 5],
    w: [4, 3, 3, 2],
    y: [2, 4, 3, 3],
    geometry: { strides: [2, 2], pads: [1, 0, 0, 1], dilations: [1, 1], groups: 1 },
  },
  {
    x: [2, 4, 6, 6],
    w: [6, 2, 3, 2],
    y: [2, 6, 4, 5],
    geometry: { strides: [1, 1], pads: [1, 0, 1, 1], dilations: [2, 2], groups: 2 },
  },
  {
    x: [2, 3, 7, 7],
    w: [3, 1, 3, 3],
    y: [2, 3, 4, 4],
    geometry: { strides: [2, 2], pads: [1, 1, 1, 1], dilations: [1, 1], groups: 3 },
  },
  {
    x: [2, 3, 4, 4],
    w: [5, 3, 1, 1],
    y: [2, 5, 4, 4],
    geometry: { strides: [1, 1], pads: [0, 0, 0, 0], dilations: [1, 1], groups: 1 },
  },
];

const overlapping: PoolGeometry = { kernel: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1], dilations: [1, 1] };
const tiling: PoolGeometry = { kernel: [2, 2], strides: [2, 2], pads: [0, 0, 0, 0], dilations: [1, 1] };
const dilated: PoolGeometry = { kernel: [2, 2], strides: [1, 2], pads: [0, 0, 0, 0], dilations: [2, 2] };
const pooled = (domain: Domain, ...geometries: readonly PoolGeometry[]) =>
  geometries.map((geometry) => example([[2, 2, 6, 6]], domain, geometry));

/** Examples of every primitive by its name; the tests that enumerate the registry fail where there is none. */
export const examples: Readonly<Record<string, readonly Example[]>> = {
  Add: two('linear'),
  Sub: two('linear'),
  Mul: two('linear'),
  Div: two('positive'),
  Pow: two('positive'),
  Minimum: two('separated'),
  Maximum: two('separated'),
  Neg: one('linear'),
  Exp: one('normal'),
  Log: one('positive'),
  Sqrt: one('positive'),
  Erf: one('normal'),
  NormalCdf: one('normal'),
  Gelu: one('normal'),
  Tanh: one('normal'),
  Sigmoid: one('normal'),
  Silu: one('normal'),
  Clip: [example([[3, 5]], 'separated', { low: -0.75, high: 0.75 })],
  HardSigmoid: one('separated'),
  HardSwish: one('separated'),
  Abs: one('separated'),
  Sign: one('separated'),
  Relu: one('separated'),
  IsPositive: one('separated'),
  StopGradient: one('normal'),
  Square: one('normal'),
  Greater: two('separated'),
  GreaterOrEqual: two('separated'),
  Less: two('separated'),
  LessOrEqual: two('separated'),
  Equal: two('separated'),
  Where: [
    example([bool([2, 3], [1, 0, 0, 1, 1, 0]), [2, 3], [2, 3]], 'linear'),
    example([bool([2, 1], [1, 0]), [3], [1, 1]], 'linear'),
  ],
  Cast: [example([[3, 2]], 'linear', { to: 'f64' })],
  Reshape: [example([[3, 4]], 'linear', { shape: [2, 1, 6] })],
  Transpose: [example([[2, 3, 4]], 'linear', { axes: [1, 2, 0] })],
  BroadcastTo: [example([[3, 1]], 'linear', { shape: [2, 3, 4] }), example([[]], 'linear', { shape: [2, 2] })],
  Concat: [
    example(
      [
        [2, 1, 3],
        [2, 4, 3],
        [2, 2, 3],
      ],
      'linear',
      { axis: 1 },
    ),
  ],
  Slice: [
    example([[5, 7]], 'linear', { starts: [1, 0], ends: [4, 7], steps: [1, 3] }),
    example([[6, 4]], 'linear', { starts: [4, 1], ends: [-1, 3], steps: [-2, 1] }),
  ],
  Pad: [example([[2, 3]], 'linear', { before: [1, 0], after: [0, 2] })],
  ReduceSum: [
    example([[2, 3, 4]], 'linear', { axes: [0, 2], keepDims: false }),
    example([[2, 3, 4]], 'linear', { axes: [1], keepDims: true }),
    example([[8, 8, 32]], 'linear', { axes: [0, 1], keepDims: false }), // enough for a product
  ],
  ReduceMax: [
    example([[3, 4, 2]], 'separated', { axes: [1], keepDims: false }),
    example([[3, 4]], 'separated', { axes: [0, 1], keepDims: true }),
  ],
  Softmax: [example([[2, 3, 4]], 'normal', { axis: 2 }), example([[2, 3, 4]], 'normal', { axis: 1 })],
  ArgMax: [example([[3, 4]], 'separated', { axis: 1 })],
  MatMul: [
    example(
      [
        [3, 4],
        [4, 2],
      ],
      'linear',
    ),
    example(
      [
        [2, 1, 3, 4],
        [3, 4, 2],
      ],
      'linear',
    ),
  ],
  BatchNorm: [
    example([[3, 2, 2, 3], [2], [2]], 'normal', { epsilon: 0.1 }),
    example([[5, 3], [3], [3]], 'normal', { epsilon: 0.1 }),
    example([[3, 2, 2, 3], [3, 1, 2, 3], [3], [3]], 'normal', { epsilon: 0.1 }),
  ],
  LayerNorm: [example([[2, 3, 4], [4], [4]], 'normal', { epsilon: 0.1 })],
  LayerNormInverseDeviation: [example([[2, 3, 4], [4], [4]], 'normal', { epsilon: 0.1 })],
  ChannelDot: [
    example(
      [
        [2, 3, 2, 2],
        [2, 3, 2, 2],
      ],
      'linear',
    ),
    example(
      [
        [4, 3],
        [4, 3],
      ],
      'linear',
    ),
    example(
      [
        [2, 2, 32, 16],
        [2, 2, 32, 16],
      ],
      'linear',
    ),
  ],
  ChannelCombine: [
    example([[2, 3, 2, 2], [2, 3, 2, 2], [3], [3], [3]], 'linear'),
    example([[4, 3], [4, 3], [3], [3], [3]], 'linear'),
  ],
  Conv2d: convolutions.map(({ x, w, geometry }) => example([x, w], 'linear', geometry)),
  Conv2dInputGrad: convolutions.map(({ x, w, y, geometry }) =>
    example([y, w], 'linear', { ...geometry, size: x.slice(2) }),
  ),
  Conv2dWeightGrad: convolutions.map(({ x, w, y, geometry }) =>
    example([x, y], 'linear', { ...geometry, kernel: w.slice(2) }),
  ),
  Gather: [example([[2, 5, 3], i64([4], [4, 0, 4, 2])], 'linear', { axis: 1 })],
  ScatterAdd: [
    example([[4, 3], i64([4], [4, 0, 4, 2])], 'linear', { axis: 0, size: 6 }),
    example([[5], i64([5], [1, 1, 0, 3, 1])], 'linear', { axis: 0, size: 4, isDistinct: false }),
    example([[3], i64([3], [4, 0, 2])], 'linear', { axis: 0, size: 6, isDistinct: true }),
  ],
  MaxPool: pooled('separated', overlapping, tiling, dilated),
  MaxPoolIndices: pooled('separated', overlapping),
  SumPool: pooled('linear', overlapping, tiling),
  SumPoolGrad: [
    example([[2, 2, 3, 3]], 'linear', { ...overlapping, size: [6, 6] }),
    example([[2, 2, 3, 3]], 'linear', { ...tiling, size: [6, 6] }),
  ],
};

/** Every example of every primitive of the registry, named. */
export function everyExample(): [name: string, primitive: string, example: Example][] {
  return [...primitives().keys()].flatMap((primitive) =>
    (examples[primitive] ?? []).map((each, i): [string, string, Example] => [`${primitive} ${i + 1}`, primitive, each]),
  );
}

/** The primitive applied to values of the example's types; `leaf` makes them. */
export function apply(
  primitive: string,
  { inputs, attributes }: Example,
  leaf: (name: string, dtype: DType, shape: Shape) => Value,
): { y: Value; inputs: Value[] } {
  const values = inputs.map((each, i) =>
    'dtype' in each ? leaf(`x${i}`, each.dtype, each.shape) : leaf(`x${i}`, 'f32', each),
  );
  return { y: makeValue(primitives().get(primitive)!, values, attributes), inputs: values };
}

/** The example's inputs in numbers, named x0, x1, … */
export function draw(name: string, { inputs, domain }: Example): Record<string, Tensor> {
  const stream = randomStream(0, 'example', name);
  const lengths = inputs.map((each) => ('dtype' in each ? 0 : sizeOf(each)));
  const values = drawFrom[domain](
    lengths.reduce((sum, length) => sum + length, 0),
    stream,
  );
  let offset = 0;
  const tensors = inputs.map((each, i) => {
    const start = offset;
    offset += lengths[i]!;
    return 'dtype' in each ? each : tensor('f32', each, Float32Array.from(values.slice(start, offset)));
  });
  return Object.fromEntries(tensors.map((each, i) => [`x${i}`, each]));
}

const drawFrom: { readonly [D in Domain]: (length: number, stream: RandomStream) => number[] } = {
  normal: (length, stream) => Array.from({ length }, () => stream.normal()),
  linear: (length, stream) => Array.from({ length }, () => stream.normal()),
  positive: (length, stream) => Array.from({ length }, () => 0.5 + 2 * stream.uniform()),
  separated: (length, stream) =>
    stream.shuffle(Array.from({ length }, (_, i) => (i - Math.floor(length / 2)) / 4 + 1 / 8)),
};
