import { ShapeError } from '../base/errors.ts';
import { bytesPerElement, sizeOf } from '../base/tensor.ts';
import { typeOf, type Value } from '../graph/index.ts';
import {
  type ConvGeometry,
  convOutputSize,
  type InputGradAttributes,
  type WeightGradAttributes,
} from './conv-geometry.ts';
import { convLowerings, inputGradLowerings, weightGradLowerings } from './conv-lowerings/index.ts';
import { atRuntime, defineOp, expectDType, expectRank, ownBuffer } from './define.ts';

function expectImages(op: string, ...values: readonly Value[]): void {
  for (const value of values) {
    expectDType(op, value, 'f32', 'f64');
    expectRank(op, value, 4, '(n, c, h, w)');
  }
}

/*
 * Convolution, its input gradient and its weight gradient are the three partial derivatives of one trilinear form T(x,
 * w, dy) = ⟨conv(x, w), dy⟩. Each is bilinear in the two operands it keeps, and the VJPs of each are the other two.
 * Whichever lowering runs, its FLOPs are those of the defining sum: a multiply-add for each number of y and each number
 * of the weight that y's channel sees.
 */

/** Numbers of the weight (groups·o, i, kh, kw) that go into one number of the output. */
const weightsPerOutput = (weight: Value) => sizeOf(weight.shape.slice(1));

/** Bytes beside operands and result: the lowering copies the images once for each tap of the kernel. */
function imagesPerTap({ shape, inputs: [images, gradient] }: Value): number {
  const taps = sizeOf(shape.slice(2));
  const tap = sizeOf([...images!.shape.slice(0, 2), ...gradient!.shape.slice(2)]) * bytesPerElement.f32;
  return taps > 1 ? taps * tap + sizeOf(images!.shape) * bytesPerElement[images!.dtype] : 0;
}

/** y = x ∗ w. x (n, groups·i, h, w), w (groups·o, i, kh, kw), y (n, groups·o, oh, ow). */
export const conv2dOp = defineOp<ConvGeometry>('Conv2d', {
  infer: ([x, w], geometry) => {
    expectImages('conv2d', x!, w!);
    const [n, channels, ...size] = x!.shape as [number, number, number, number];
    const [outputs, perGroup, ...kernel] = w!.shape as [number, number, number, number];
    const { groups } = geometry;
    const received = `x ${typeOf(x!)}, weight ${typeOf(w!)}, groups ${groups}`;
    if (channels !== perGroup * groups || channels % groups !== 0 || outputs % groups !== 0) {
      const message =
        channels !== perGroup * groups
          ? `input has ${channels} channels, weight expects ${perGroup * groups} (${received})`
          : `${channels} input and ${outputs} output channels do not divide into ${groups} groups (${received})`;
      throw new ShapeError({ op: 'conv2d', expected: `${perGroup * groups} channels`, received, message });
    }
    const output = convOutputSize(size, kernel, geometry);
    if (output.some((extent) => extent < 1)) {
      const message =
        `a ${kernel.join('x')} kernel does not fit into ${size.join('x')} with pads [${geometry.pads}] ` +
        `(${received})`;
      throw new ShapeError({ op: 'conv2d', expected: 'an output of at least 1x1', received, message });
    }
    return { dtype: x!.dtype, shape: [n, outputs, ...output] };
  },
  vjp: (dy, [x, w], _y, geometry) => [
    conv2dInputGrad(dy, w!, geometry, [x!.shape[2]!, x!.shape[3]!]),
    conv2dWeightGrad(x!, dy, geometry, [w!.shape[2]!, w!.shape[3]!]),
  ],
  lowerings: convLowerings,
  flops: ({ shape, inputs: [, w] }) => 2 * sizeOf(shape) * weightsPerOutput(w!),
  memory: ownBuffer,
  evaluate: atRuntime,
});

/** dx of y = x ∗ w from dy and w. */
export const inputGradOp = defineOp<InputGradAttributes>('Conv2dInputGrad', {
  infer: ([dy, w], { groups, size }) => {
    expectImages('conv2dInputGrad', dy!, w!);
    return { dtype: dy!.dtype, shape: [dy!.shape[0]!, w!.shape[1]! * groups, ...size] };
  },
  vjp: (ddx, [dy, w], _y, { size: _, ...geometry }) => [
    conv2d(ddx, w!, geometry),
    conv2dWeightGrad(ddx, dy!, geometry, [w!.shape[2]!, w!.shape[3]!]),
  ],
  lowerings: inputGradLowerings,
  flops: ({ inputs: [dy, w] }) => 2 * sizeOf(dy!.shape) * weightsPerOutput(w!),
  memory: ownBuffer,
  evaluate: atRuntime,
});

/** dw of y = x ∗ w from x and dy. */
export const weightGradOp = defineOp<WeightGradAttributes>('Conv2dWeightGrad', {
  infer: ([x, dy], { groups, kernel }) => {
    expectImages('conv2dWeightGrad', x!, dy!);
    return { dtype: x!.dtype, shape: [dy!.shape[1]!, x!.shape[1]! / groups, ...kernel] };
  },
  vjp: (ddw, [x, dy], _y, { kernel: _, ...geometry }) => [
    conv2dInputGrad(dy!, ddw, geometry, [x!.shape[2]!, x!.shape[3]!]),
    conv2d(x!, ddw, geometry),
  ],
  lowerings: weightGradLowerings,
  flops: (dw) => 2 * sizeOf(dw.inputs[1]!.shape) * weightsPerOutput(dw),
  memory: { ...ownBuffer, workspace: imagesPerTap },
  evaluate: atRuntime,
});

/** y = x ∗ w (cross-correlation, as in every framework). (n, groups·i, h, w) → (n, groups·o, oh, ow). */
export function conv2d(x: Value, w: Value, geometry: ConvGeometry): Value {
  return conv2dOp([x, w], geometry);
}

/** The gradient of `conv2d` with respect to its input, which had height and width `size`. */
export function conv2dInputGrad(dy: Value, w: Value, geometry: ConvGeometry, size: readonly [number, number]): Value {
  return inputGradOp([dy, w], { ...geometry, size });
}

/** The gradient of `conv2d` with respect to its weight, which had height and width `kernel`. */
export function conv2dWeightGrad(
  x: Value,
  dy: Value,
  geometry: ConvGeometry,
  kernel: readonly [number, number],
): Value {
  return weightGradOp([x, dy], { ...geometry, kernel });
}
