import { ShapeError } from '../base/errors.ts';
import { type Shape, sizeOf } from '../base/tensor.ts';
import { type OnnxBuilder, type TensorType, typeOf, type Value } from '../graph/index.ts';
import { atRuntime, defineOp, expectDType, lowerComposition, ownBuffer, sameShape } from './define.ts';
import { add, mul, rsqrt, sub } from './elementwise.ts';
import { perInput, perOutput } from './flops.ts';
import { reduceMean, reduceSum } from './reduce.ts';
import { concat, joined, reshape, separated } from './shape.ts';

/*
 * The parts of batch normalisation: sums over, and factors for, each channel of (n, c, …). A batch norm as a plain
 * composition reads or writes its activations about 27 times in a step, many of them for the derivative of the mean.
 * With that derivative worked out by hand, and dot products that write no products, these primitives need 14.
 */

const channelsOf = (x: Value) => x.shape[1]!;

/** (c) → (1, c, 1, …), to broadcast against x. */
export function channelwise(values: Value, x: Value): Value {
  return reshape(
    values,
    x.shape.map((d, axis) => (axis === 1 ? d : 1)),
  );
}

/** Every axis but the channels. */
const others = (x: Value) => x.shape.flatMap((_, axis) => (axis === 1 ? [] : [axis]));

/** Σ of each channel. (n, c, …) → (c). */
export function channelSum(x: Value): Value {
  return reduceSum(x, others(x));
}

/** With fewer pixels a channel's product, or convolution, is too short for its call: it wins at 28x28, and loses at 14x14. */
export const hasManyPixels = ({ shape }: TensorType) => sizeOf(shape.slice(2)) >= 512;

/** The moments of parts that are joined along the channels. Where a part stands in several wholes, its own are shared. */
function joinedMoments(parts: readonly Value[]) {
  const means = parts.map((x) => reduceMean(x, others(x)));
  const centred = parts.map((x, i) => sub(x, channelwise(means[i]!, x)));
  // From the centred numbers: E[x²] - E[x]² would be one pass less, and all rounding error where the mean is large.
  const variances = centred.map((x) => mul(channelDot(x, x), channelsOf(x) / sizeOf(x.shape)));
  return { mean: concat(means, 0), variance: concat(variances, 0), centred: concat(centred, 1) };
}

/** The mean and the biased variance of each channel (c), and x less its mean. */
export function channelMoments(x: Value): { mean: Value; variance: Value; centred: Value } {
  return joinedMoments(joined(x, 1));
}

function expectPerChannel(op: string, x: Value, ...perChannel: readonly Value[]): void {
  expectDType(op, x, 'f32');
  for (const value of perChannel) {
    if (x.shape.length >= 2 && sameShape(value.shape, [channelsOf(x)]) && value.dtype === x.dtype) continue;
    throw new ShapeError({ op, expected: `${typeOf(x)} with one number per channel`, received: typeOf(value) });
  }
}

/** The shape as that of images, for kernels that want four axes. */
const asImages = ({ shape }: Value) => (shape.length === 4 ? shape : [shape[0]!, shape[1]!, sizeOf(shape.slice(2)), 1]);
const hasPixels = (x: Value) => x.shape.length > 2;

/** The attributes of a depthwise 1x1 convolution: kernel · x + bias. */
const depthwise = (x: Value) => ({ group: channelsOf(x), kernel_shape: [1, 1] });

/** Reshapes, without a node where the shape stays the same: ORT fuses only nodes that follow each other directly. */
function lowerReshape(builder: OnnxBuilder, name: string, from: Shape, to: Shape): string {
  return sameShape(from, to) ? name : builder.emit('Reshape', [name, builder.integers(to)]);
}

const dotOp = defineOp('ChannelDot', {
  infer: ([x, y]) => {
    expectPerChannel('channelDot', x!);
    if (typeOf(x!) === typeOf(y!)) return { dtype: x!.dtype, shape: [channelsOf(x!)] };
    throw new ShapeError({ op: 'channelDot', expected: typeOf(x!), received: typeOf(y!) });
  },
  vjp: (dz, [x, y]) => [mul(y!, channelwise(dz, x!)), mul(x!, channelwise(dz, x!))],
  lowerings: {
    sum: {
      lower: (builder, names, { inputs: [x] }) =>
        builder.emit('ReduceSum', [builder.emit('Mul', names), builder.integers(others(x!))], { keepdims: 0 }),
    },
  },
  flops: perInput(2),
  memory: ownBuffer,
  evaluate: atRuntime,
});

/** Σ x·y of each channel. (n, c, …), (n, c, …) → (c). */
export function channelDot(x: Value, y: Value): Value {
  return dotOp([x, y], {});
}

const combineOp = defineOp('ChannelCombine', {
  infer: ([x, y, ...perChannel]) => {
    expectPerChannel('channelCombine', x!, ...perChannel);
    if (typeOf(x!) === typeOf(y!)) return { dtype: x!.dtype, shape: x!.shape };
    throw new ShapeError({ op: 'channelCombine', expected: typeOf(x!), received: typeOf(y!) });
  },
  vjp: (dz, [x, y, a, b]) => [
    mul(dz, channelwise(a!, dz)),
    mul(dz, channelwise(b!, dz)),
    channelDot(dz, x!),
    channelDot(dz, y!),
    channelSum(dz),
  ],
  lowerings: {
    plain: {
      lower: (builder, names, { inputs }) =>
        lowerComposition(builder, names, inputs, (x, y, a, b, c) => [
          add(mul(x!, channelwise(a!, x!)), add(mul(y!, channelwise(b!, y!)), channelwise(c!, y!))),
        ])[0]!,
    },
    /** A depthwise 1x1 convolution with a bias, and b·y added to it: two kernels in place of four. */
    depthwise: {
      requires: 'fusedConvSum',
      applies: ({ inputs: [x] }) => hasPixels(x!),
      lower: (builder, names, value) => {
        const images = asImages(value);
        const [x, kernel, bias, scaled] = lowerComposition(builder, names, value.inputs, (u, v, a, b, c) => [
          reshape(u!, images),
          reshape(a!, [channelsOf(u!), 1, 1, 1]),
          c!,
          reshape(mul(v!, channelwise(b!, v!)), images),
        ]);
        const sum = builder.emit('FusedConv', [x!, kernel!, bias!, scaled!], depthwise(value), 'com.microsoft');
        return lowerReshape(builder, sum, images, value.shape);
      },
    },
  },
  flops: perOutput(4), // a·x + b·y + c
  memory: ownBuffer,
  evaluate: atRuntime,
});

/** a·x + b·y + c with a, b, c one number per channel. x, y (n, c, …); a, b, c (c). */
export function channelCombine(x: Value, y: Value, a: Value, b: Value, c: Value): Value {
  return combineOp([x, y, a, b, c], {});
}

/** Of parts there is nothing to time, as each layer of a dense block has a shape of its own: the form goes by the pixels. */
const suits = (value: Value, manyPixels: boolean) => value.inputs.length === 3 || hasManyPixels(value) === manyPixels;

/**
 * The operands, and what follows from them. x may be in parts, joined along the channels: a dense block normalises the same
 * features again and again.
 */
function normalisation(inputs: readonly Value[], epsilon: number) {
  const parts = inputs.slice(0, -2);
  const [weight, bias] = inputs.slice(-2) as [Value, Value];
  const { variance, centred } = joinedMoments(parts);
  const r = rsqrt(add(variance, epsilon));
  return { parts, bias, variance, centred, r, scale: mul(weight, r) };
}

/*
 * With µ, σ² the moments of x over its N numbers per channel, r = 1/√(σ² + ε), x̂ = (x - µ)·r and y = w·x̂ + b:
 * db = Σ dy, dw = Σ dy·x̂, dx = w·r · (dy - db/N - x̂ · dw/N)   (Ioffe & Szegedy 2015, section 3, put together).
 */
const batchNormOp = defineOp<{ epsilon: number }>('BatchNorm', {
  infer: (inputs) => {
    const x = concat(inputs.slice(0, -2), 1);
    expectPerChannel('batchNorm', x, ...inputs.slice(-2));
    return { dtype: x.dtype, shape: x.shape };
  },
  vjp: (dy, inputs, y, { epsilon }) => {
    const { parts, centred, r, scale } = normalisation(inputs, epsilon);
    const db = channelSum(dy);
    const dw = mul(channelDot(dy, centred), r);
    const perNumber = mul(scale, -channelsOf(y) / sizeOf(y.shape));
    const dx = channelCombine(dy, centred, scale, mul(perNumber, mul(dw, r)), mul(perNumber, db));
    return [...separated(dx, parts, 1), dw, db];
  },
  lowerings: {
    plain: {
      applies: (value) => suits(value, false),
      lower: (builder, names, { inputs }, { epsilon }) =>
        lowerComposition(builder, names, inputs, (...operands) => {
          const { centred, scale, bias } = normalisation(operands, epsilon);
          return [add(mul(centred, channelwise(scale, centred)), channelwise(bias, centred))];
        })[0]!,
    },
    /** Scale and shift as a depthwise 1x1 convolution: one pass, and ORT fuses a ReLU that follows. */
    depthwise: {
      applies: (value) => hasPixels(value) && suits(value, true),
      lower: (builder, names, value, { epsilon }) => {
        const images = asImages(value);
        const operands = lowerComposition(builder, names, value.inputs, (...inputs) => {
          const { centred, scale, bias } = normalisation(inputs, epsilon);
          return [reshape(centred, images), reshape(scale, [channelsOf(value), 1, 1, 1]), bias];
        });
        return lowerReshape(builder, builder.emit('Conv', operands, depthwise(value)), images, value.shape);
      },
    },
  },
  flops: perOutput(7), // mean, difference, its square and their mean, (x - m)·s + b
  memory: {
    ...ownBuffer,
    reads: ({ inputs }) => {
      const { centred, variance } = normalisation(inputs, 0);
      return [centred, variance, ...inputs.slice(-2)];
    },
  },
  evaluate: atRuntime,
});

/** (x - mean) / √(variance + ε) · weight + bias with each channel's own moments. x (n, c, …), weight and bias (c). */
export function batchNormalise(x: Value, weight: Value, bias: Value, epsilon: number): Value {
  return batchNormOp([...joined(x, 1), weight, bias], { epsilon });
}
