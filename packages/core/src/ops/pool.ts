import { ShapeError } from '../base/errors.ts';
import { f32, sizeOf } from '../base/tensor.ts';
import { constant, typeOf, type Value } from '../graph/index.ts';
import { convOutputSize } from './conv-geometry.ts';
import { atRuntime, defineOp, expectRank, ownBuffer } from './define.ts';
import { mul, pickedGradient } from './elementwise.ts';
import { free } from './flops.ts';
import { scatterAdd } from './gather.ts';
import { reshape } from './shape.ts';

/** The geometry of a pooling window. Pads are [top, left, bottom, right]. */
export type PoolGeometry = {
  readonly kernel: readonly [number, number];
  readonly strides: readonly [number, number];
  readonly pads: readonly [number, number, number, number];
  readonly dilations: readonly [number, number];
};

/** The geometry with its defaults: stride = kernel, no padding, no dilation, output sizes rounded down. */
export interface PoolOptions {
  readonly kernel: readonly [number, number];
  readonly strides?: readonly [number, number];
  readonly pads?: readonly [number, number, number, number];
  readonly dilations?: readonly [number, number];
  /** Whether a last, partial window counts, as in PyTorch. Default false. */
  readonly ceilMode?: boolean;
}

/** The windows of an average pool, like those of a max-pool, without dilations. */
export interface AveragePoolOptions {
  readonly kernel: readonly [number, number];
  readonly strides?: readonly [number, number];
  readonly pads?: readonly [number, number, number, number];
  readonly ceilMode?: boolean;
  /** Whether padding counts as zeros in an average. Default true. */
  readonly countIncludePad?: boolean;
}

function inferPool(op: string, x: Value, geometry: PoolGeometry) {
  expectRank(op, x, 4, '(n, c, h, w)');
  const output = convOutputSize(x.shape.slice(2), geometry.kernel, geometry);
  if (output.some((extent) => extent < 1)) {
    const expected = `at least ${geometry.kernel.join('x')} after padding`;
    throw new ShapeError({ op, expected, received: typeOf(x) });
  }
  return { dtype: x.dtype, shape: [x.shape[0]!, x.shape[1]!, ...output] };
}

/** The attributes of ONNX's MaxPool: in the same order everywhere, so that equal nodes are added once. */
export const onnxAttributes = ({ kernel, strides, pads, dilations }: PoolGeometry) => ({
  kernel_shape: kernel,
  strides,
  pads,
  dilations,
});

/**
 * Fills in the defaults and turns ceil mode into padding at the end, by PyTorch's rule: a last window that would start
 * in the padding is dropped.
 */
function resolve(x: Value, { ceilMode = false, ...options }: PoolOptions): PoolGeometry {
  const { kernel, strides = kernel, dilations = [1, 1] } = options;
  const pads = options.pads ?? [0, 0, 0, 0];
  if (!ceilMode) return { kernel, strides, pads, dilations };
  const end = [0, 1].map((axis) => {
    const reach = dilations[axis]! * (kernel[axis]! - 1) + 1;
    const size = x.shape[axis + 2]!;
    const before = pads[axis]!;
    const after = pads[axis + 2]!;
    let windows = Math.ceil((size + before + after - reach) / strides[axis]!) + 1;
    if ((windows - 1) * strides[axis]! >= size + before) windows--;
    return Math.max(after, (windows - 1) * strides[axis]! + reach - size - before);
  });
  return { kernel, strides, pads: [pads[0], pads[1], end[0]!, end[1]!], dilations };
}

/*
 * A maximum picks elements: y = x[indices], so dx = scatter-add of dy at the indices. Gather and scatter-add are each
 * other's VJPs, so every order of derivative exists, for overlapping windows too.
 */
const maxPoolOp = defineOp<PoolGeometry>('MaxPool', {
  infer: ([x], geometry) => inferPool('maxPool', x!, geometry),
  vjp: (dy, [x], y, geometry) => {
    const indices = reshape(maxPoolIndicesOp([x!], geometry), [-1]);
    // No element is in two windows: none is picked twice.
    const isDistinct = geometry.kernel.every((k, i) => geometry.dilations[i]! * (k - 1) < geometry.strides[i]!);
    const spread = (gradient: Value) =>
      reshape(scatterAdd(reshape(gradient, [-1]), indices, 0, sizeOf(x!.shape), { isDistinct }), x!.shape);
    return [pickedGradient(x!, y, dy, spread)];
  },
  lowerings: {
    onnx: { lower: (b, [x], _value, geometry) => b.node('MaxPool', [x!], onnxAttributes(geometry)).output(0) },
  },
  flops: (y, { kernel }) => sizeOf(y.shape) * sizeOf(kernel),
  memory: ownBuffer,
  evaluate: atRuntime,
});

/** The position of each maximum in the flattened input, as i64. */
export const maxPoolIndicesOp = defineOp<PoolGeometry>('MaxPoolIndices', {
  infer: ([x], geometry) => ({ ...inferPool('maxPool', x!, geometry), dtype: 'i64' }),
  lowerings: {
    onnx: { lower: (b, [x], _value, geometry) => b.node('MaxPool', [x!], onnxAttributes(geometry)).output(1) },
  },
  flops: free,
  memory: ownBuffer,
  evaluate: atRuntime,
});

/** The largest element of each window. (n, c, h, w) → (n, c, oh, ow). */
export function maxPool(x: Value, options: PoolOptions): Value {
  return maxPoolOp([x], resolve(x, options));
}

const sumPoolOp = defineOp<PoolGeometry>('SumPool', {
  infer: ([x], geometry) => inferPool('sumPool', x!, geometry),
  vjp: (dy, [x], _y, geometry) => [sumPoolGrad(dy, geometry, x!.shape.slice(2))],
  lowerings: {
    onnx: {
      lower: (b, [x], _value, geometry) => {
        const mean = b.emit('AveragePool', [x!], { ...onnxPoolAttributes(geometry), count_include_pad: 1 });
        return b.emit('Mul', [mean, b.constant(f32([], [sizeOf(geometry.kernel)]))]);
      },
    },
  },
  flops: (y, { kernel }) => sizeOf(y.shape) * sizeOf(kernel),
  memory: ownBuffer,
  evaluate: atRuntime,
});

function sumPool(x: Value, geometry: PoolGeometry): Value {
  return sumPoolOp([x], geometry);
}

// AveragePool takes dilations only from opset 19; sumPool is never dilated.
const onnxPoolAttributes = ({ kernel, strides, pads }: PoolGeometry) => ({ kernel_shape: kernel, strides, pads });

type SumPoolGradAttributes = PoolGeometry & { readonly size: readonly number[] };

const tilesExactly = (value: Value, { kernel, strides, pads }: SumPoolGradAttributes) =>
  pads.every((p) => p === 0) &&
  kernel.every((k, i) => k === strides[i] && k * value.inputs[0]!.shape[i + 2]! === value.shape[i + 2]);

/** dx of a sum over windows: each pixel collects dy of the windows that it is in. */
const sumPoolGradOp = defineOp<SumPoolGradAttributes>('SumPoolGrad', {
  infer: ([dy], { size }) => ({ dtype: dy!.dtype, shape: [dy!.shape[0]!, dy!.shape[1]!, ...size] }),
  vjp: (ddx, _inputs, _y, { size: _, ...geometry }) => [sumPool(ddx, geometry)],
  lowerings: {
    /** Windows that tile the image: every element of dy is repeated. */
    repeat: {
      applies: tilesExactly,
      lower: (b, [dy], value, { kernel }) => {
        const [n, c, oh, ow] = value.inputs[0]!.shape as [number, number, number, number];
        const spaced = b.emit('Reshape', [dy!, b.integers([n, c, oh, 1, ow, 1])]);
        const repeated = b.emit('Expand', [spaced, b.integers([n, c, oh, kernel[0], ow, kernel[1]])]);
        return b.emit('Reshape', [repeated, b.integers(value.shape)]);
      },
    },
    /** Any windows: the transposed convolution with a kernel of ones, each channel an image of its own. */
    transposed: {
      lower: (b, [dy], value, { kernel, strides, pads }) => {
        const [n, c, oh, ow] = value.inputs[0]!.shape as [number, number, number, number];
        const images = b.emit('Reshape', [dy!, b.integers([n * c, 1, oh, ow])]);
        const ones = b.constant(f32([1, 1, ...kernel], new Array(sizeOf(kernel)).fill(1)));
        const remainder = [oh, ow].map(
          (extent, i) => value.shape[i + 2]! + pads[i]! + pads[i + 2]! - kernel[i]! - strides[i]! * (extent - 1),
        );
        const spread = b.emit('ConvTranspose', [images, ones], { strides, pads, output_padding: remainder });
        return b.emit('Reshape', [spread, b.integers(value.shape)]);
      },
    },
  },
  flops: ({ inputs: [dy] }, { kernel }) => sizeOf(dy!.shape) * sizeOf(kernel),
  memory: ownBuffer,
  evaluate: atRuntime,
});

function sumPoolGrad(dy: Value, geometry: PoolGeometry, size: readonly number[]): Value {
  return sumPoolGradOp([dy], { ...geometry, size });
}

/**
 * The mean of each window. (n, c, h, w) → (n, c, oh, ow). `countIncludePad` (the default, as in PyTorch) divides by the
 * padded window; the extra rows of ceil mode never count.
 */
export function averagePool(x: Value, { countIncludePad = true, ...options }: AveragePoolOptions): Value {
  const geometry = resolve(x, options);
  const sum = sumPool(x, geometry);
  const declared = options.pads ?? [0, 0, 0, 0];
  const counts = [0, 1].map((axis) => {
    const size = x.shape[axis + 2]!;
    const before = declared[axis]!;
    const after = declared[axis + 2]!;
    const [low, high] = countIncludePad ? [-before, size + after] : [0, size];
    return Array.from({ length: sum.shape[axis + 2]! }, (_, window) => {
      const start = window * geometry.strides[axis]! - before;
      return Math.min(start + geometry.kernel[axis]!, high) - Math.max(start, low);
    });
  });
  const factors = counts[0]!.flatMap((rows) => counts[1]!.map((columns) => 1 / (rows * columns)));
  const uniform = factors.every((factor) => factor === factors[0]);
  return mul(sum, uniform ? factors[0]! : constant(f32(sum.shape.slice(2), factors)));
}
