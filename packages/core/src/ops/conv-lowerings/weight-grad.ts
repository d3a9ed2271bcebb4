import type { OnnxBuilder, TensorType, Value } from '../../graph/index.ts';
import type { WeightGradAttributes } from '../conv-geometry.ts';
import type { LoweringRule } from '../define.ts';
import { croppedInput, reach, reshape, sliceAxes, sumBatch, transpose } from './nodes.ts';

interface WeightGradShapes {
  n: number;
  perGroup: number;
  outputs: number;
  output: readonly number[];
}

function shapesOf(value: Value, groups: number): WeightGradShapes {
  const [x, dy] = value.inputs;
  return {
    n: x!.shape[0]!,
    perGroup: x!.shape[1]! / groups,
    outputs: dy!.shape[1]! / groups,
    output: dy!.shape.slice(2),
  };
}

const isPlain1x1 = ({ kernel, pads, strides }: WeightGradAttributes) =>
  [...kernel, ...strides].every((k) => k === 1) && pads.every((p) => p === 0);

/** The most that a lowering may copy its input into, in bytes: above it the others are faster anyway. */
const patchesLimit = 512 * 2 ** 20;

/** Images (n, c, h, w) that move along one axis: their pixel `by + i` becomes pixel i of `extent`. Outside all is zero. */
export interface Shift {
  readonly axis: 2 | 3;
  readonly by: number;
  readonly extent: number;
}

/** A faster way to shift images of a shape than to pad and crop them; undefined where there is none. */
export type FastShift = (b: OnnxBuilder, x: string, { dtype, shape }: TensorType, shift: Shift) => string | undefined;

/** A product per kernel tap, with another way to shift images where a device has one. */
export function productsPerTap(fastShift?: FastShift): Record<string, LoweringRule<WeightGradAttributes>> {
  return {
    /**
     * dW[:, :, i, j] = Σ_n dY_n · (X_n shifted to the tap)ᵀ.
     */
    shiftedMatMul: {
      applies: (_value, attributes) => !isPlain1x1(attributes),
      lower: (b, [x, dy], value, attributes) => {
        const { groups, kernel } = attributes;
        const { n, perGroup, outputs } = shapesOf(value, groups);
        const taps = paired(b, x!, dy!, value, attributes, fastShift).map(([tap, gradient]) => {
          const left = reshape(b, gradient, [n, groups, outputs, -1]);
          const product = matmulTransposed(b, left, reshape(b, tap, [n, groups, perGroup, -1]), 4);
          return reshape(b, sumBatch(b, product), [groups * outputs, perGroup, 1]);
        });
        return reshape(b, b.emit('Concat', taps, { axis: 2 }), [groups * outputs, perGroup, ...kernel]);
      },
    },
    /**
     * The same with the batch laid along the pixels, so that each tap is one long product and nothing is left to sum.
     */
    mergedMatMul: {
      applies: (_value, { groups }) => groups === 1,
      lower: (b, [x, dy], value, attributes) => {
        const { perGroup, outputs } = shapesOf(value, 1);
        const [images, gradients] = [x!, dy!].map((each) => transpose(b, each, [1, 0, 2, 3]));
        const taps = paired(b, images!, gradients!, value, attributes, fastShift).map(([tap, gradient]) => {
          const product = matmulTransposed(b, reshape(b, gradient, [outputs, -1]), reshape(b, tap, [perGroup, -1]), 2);
          return reshape(b, product, [outputs, perGroup, 1]);
        });
        return reshape(b, b.emit('Concat', taps, { axis: 2 }), value.shape);
      },
    },
  };
}

export const weightGradLowerings: Readonly<Record<string, LoweringRule<WeightGradAttributes>>> = {
  /**
   * A 1x1 kernel: dW = Σ_n dY_n · X_nᵀ over the pixels, one batched product.
   */
  matmul1x1: {
    applies: (_value, attributes) => isPlain1x1(attributes),
    lower: (b, [x, dy], value, { groups }) => {
      const { n, perGroup, outputs } = shapesOf(value, groups);
      const product = matmulTransposed(
        b,
        reshape(b, dy!, [n, groups, outputs, -1]),
        reshape(b, x!, [n, groups, perGroup, -1]),
        4,
      );
      return reshape(b, sumBatch(b, product), value.shape);
    },
  },
  ...productsPerTap(),
  /**
   * All taps side by side (im2col) and one product: for few input channels, where a product per tap is too thin.
   */
  patches: {
    applies: (value, attributes) => {
      const [, dy] = value.inputs;
      const [, perGroup, kh, kw] = value.shape as [number, number, number, number];
      const bytes = 4 * dy!.shape[0]! * perGroup * kh * kw * dy!.shape[2]! * dy!.shape[3]!;
      return attributes.groups === 1 && !isPlain1x1(attributes) && bytes <= patchesLimit;
    },
    lower: (b, [x, dy], value, attributes) => {
      const { n, perGroup, outputs } = shapesOf(value, 1);
      const taps = shifted(b, x!, value, attributes).map((tap) => reshape(b, tap, [n, perGroup, 1, -1]));
      const columns = reshape(b, b.emit('Concat', taps, { axis: 2 }), [n, perGroup * taps.length, -1]);
      const product = matmulTransposed(b, reshape(b, dy!, [n, outputs, -1]), columns, 3);
      return reshape(b, sumBatch(b, product), value.shape);
    },
  },
  /**
   * A convolution of x with dy as the kernel, batch and channels exchanged: stride and dilation change places.
   */
  bigKernel: {
    lower: (b, [x, dy], value, attributes) => {
      const { strides, dilations, groups, kernel } = attributes;
      const { n, perGroup, outputs } = shapesOf(value, groups);
      const { input, size, pads } = croppedInput(b, x!, value, attributes);
      const images = reshape(b, transpose(b, reshape(b, input, [n, groups, perGroup, ...size]), [2, 1, 0, 3, 4]), [
        perGroup,
        groups * n,
        ...size,
      ]);
      const result = b.emit('Conv', [images, transpose(b, dy!, [1, 0, 2, 3])], {
        strides: dilations,
        dilations: strides,
        pads,
        group: groups,
      });
      return reshape(b, transpose(b, result, [1, 0, 2, 3]), [groups * outputs, perGroup, ...kernel]);
    },
  },
};

/** The padded images as each kernel tap sees them, row by row: kh·kw values of the size of dy's images. */
function shifted(b: OnnxBuilder, x: string, value: Value, attributes: WeightGradAttributes): string[] {
  const { strides, pads, dilations, groups, kernel } = attributes;
  const { output } = shapesOf(value, groups);
  const [top, left, bottom, right] = pads;
  const whole = padded(b, x, [top, left], [bottom, right]);
  const taps: string[] = [];
  for (let i = 0; i < kernel[0]; i++) {
    for (let j = 0; j < kernel[1]; j++) {
      const start = [i * dilations[0], j * dilations[1]];
      const end = start.map((at, axis) => at + strides[axis]! * (output[axis]! - 1) + 1);
      taps.push(sliceAxes(b, whole, [2, 3], start, end, strides));
    }
  }
  return taps;
}

/** Stride 1, and shifts that leave something: a pad below zero crops. */
export function isShiftable({ inputs: [x, dy] }: Value, { strides, pads, dilations, kernel }: WeightGradAttributes) {
  return ([0, 1] as const).every(
    (axis) =>
      strides[axis] === 1 &&
      pads[axis] < dy!.shape[axis + 2]! &&
      reach(kernel[axis], dilations[axis]) - pads[axis] < x!.shape[axis + 2]!,
  );
}

function padded(b: OnnxBuilder, x: string, before: readonly number[], after: readonly number[]): string {
  const isWhole = [...before, ...after].every((p) => p === 0);
  return isWhole ? x : b.emit('Pad', [x, b.integers([0, 0, ...before, 0, 0, ...after])]);
}

/** The images shifted along their rows for each column of the kernel, the gradients along their columns for each row. */
export function shifts(
  b: OnnxBuilder,
  x: string,
  dy: string,
  { inputs: [images, gradients] }: Value,
  { pads, dilations, kernel }: WeightGradAttributes,
  fastShift?: FastShift,
) {
  const shifted = (name: string, type: TensorType, axis: 2 | 3, by: number, extent: number) => {
    const along = (p: number) => (axis === 2 ? [p, 0] : [0, p]);
    return (
      fastShift?.(b, name, type, { axis, by, extent }) ??
      padded(b, name, along(-by), along(extent + by - type.shape[axis]!))
    );
  };
  return {
    images: Array.from({ length: kernel[1] }, (_, j) =>
      shifted(x, images!, 3, j * dilations[1] - pads[1], gradients!.shape[3]!),
    ),
    gradients: Array.from({ length: kernel[0] }, (_, i) =>
      shifted(dy, gradients!, 2, pads[0] - i * dilations[0], images!.shape[2]!),
    ),
  };
}

/**
 * The images as each kernel tap sees them, beside the gradient that they are multiplied with. At stride 1 the images are
 * shifted along their rows only, and the gradient along its columns: kh + kw copies in place of kh·kw, and none for a
 * tap in the middle.
 */
function paired(
  b: OnnxBuilder,
  x: string,
  dy: string,
  value: Value,
  attributes: WeightGradAttributes,
  fastShift?: FastShift,
): (readonly [tap: string, gradient: string])[] {
  if (b.isBesideCpu || !isShiftable(value, attributes)) {
    return shifted(b, x, value, attributes).map((tap) => [tap, dy]);
  }
  const { images, gradients } = shifts(b, x, dy, value, attributes, fastShift);
  return gradients.flatMap((gradient) => images.map((image) => [image, gradient] as const));
}

/** A · Bᵀ of `rank` axes, in one kernel without writing Bᵀ where there is one. */
export function matmulTransposed(b: OnnxBuilder, left: string, right: string, rank: number): string {
  if (b.isBesideCpu) {
    const axes = Array.from({ length: rank }, (_, i) => i);
    return b.emit('MatMul', [left, transpose(b, right, [...axes.slice(0, -2), rank - 1, rank - 2])]);
  }
  return b.emit('FusedMatMul', [left, right], { transB: 1 }, 'com.microsoft');
}
