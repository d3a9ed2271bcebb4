import { constantTensor, type OnnxBuilder, type Value } from '../../graph/index.ts';
import { conv2dOp, inputGradOp, weightGradOp } from '../conv.ts';
import type { ConvGeometry, InputGradAttributes, WeightGradAttributes } from '../conv-geometry.ts';
import { addLowerings, type LoweringRule } from '../define.ts';
import { croppedInput, flippedPads, reshape, sumBatch, transpose } from './nodes.ts';

/*
 * ORT's convolutions in blocked layout (NCHWc: channels in blocks of 8 or 16 that lie together, as one vector
 * register). Its optimizer uses them for constant weights only; a graph may also name them, and reorder weights that
 * change itself. Both reorders included they took 43 to 57 ms for ResNet's four 3x3 layers where plain convolutions
 * took 50 to 64 (one thread of an AVX2 processor, batch 16), and depthwise ones a fifth. The weight gradient does not
 * gain (there 85 to 109 ms, a product per tap 50 to 65; with AVX-512 15 to 11 padded first, a product per tap 14 to 11),
 * so it has no such form, but for depthwise convolutions: a fifth there, too.
 */

const domain = 'com.microsoft.nchwc';

interface Blocking {
  readonly feature: 'nchwc8' | 'nchwc16';
  readonly block: number;
}
const blockings: readonly Blocking[] = [
  { feature: 'nchwc8', block: 8 },
  { feature: 'nchwc16', block: 16 },
];

const isDepthwise = (value: Value, groups: number) => groups === value.shape[1] && value.inputs[0]!.shape[1] === groups;

/** Fewer input channels than a block (a first layer): they are read in the common layout. */
const isThin = (value: Value, groups: number, block: number) => groups === 1 && value.inputs[0]!.shape[1]! < block;

/** The kernels know whole blocks of channels on both sides, and depthwise convolution. */
function fits(value: Value, groups: number, block: number, thin = false): boolean {
  const from = value.inputs[0]!.shape[1]!;
  const to = value.shape[1]!;
  const whole = (thin || from % block === 0) && to % block === 0;
  // Where the weights are constants ORT does all this itself, and keeps the blocks from layer to layer.
  const weightsChange = constantTensor(value.inputs[1]!) === undefined;
  return value.dtype === 'f32' && weightsChange && whole && (groups === 1 || isDepthwise(value, groups));
}

const reorder = (b: OnnxBuilder, x: string) => b.emit('ReorderInput', [x], {}, domain);

/** The convolution of images and weights that are both blocked already; its result in the common layout. */
function convolve(
  b: OnnxBuilder,
  x: string,
  weights: string,
  value: Value,
  geometry: Omit<ConvGeometry, 'groups'>,
  groups: number,
) {
  const attributes = { ...geometry, group: groups, kernel_shape: value.inputs[1]!.shape.slice(2) };
  return unblock(b, b.emit('Conv', [x, weights], attributes, domain), value.shape[1]!);
}

const unblock = (b: OnnxBuilder, y: string, channels: number) => b.emit('ReorderOutput', [y], { channels }, domain);

/** (c, 1, kh, kw) → [c/B, kh, kw, B]. */
function blockDepthwise(b: OnnxBuilder, w: string, shape: readonly number[], block: number): string {
  const [channels, , kh, kw] = shape as [number, number, number, number];
  return reshape(b, transpose(b, reshape(b, w, [channels / block, block, kh * kw]), [0, 2, 1]), shape);
}

/** The taps of a kernel in reverse, along one axis that holds them all. */
function reverseTaps(b: OnnxBuilder, w: string, axis: number, taps: number): string {
  const order = Array.from({ length: taps }, (_, i) => taps - 1 - i);
  return taps === 1 ? w : b.emit('Gather', [w, b.integers(order)], { axis });
}

function forward({ feature, block }: Blocking): LoweringRule<ConvGeometry> {
  return {
    requires: feature,
    applies: (value, { groups }) => fits(value, groups, block, isThin(value, groups, block)),
    lower: (b, [x, w], value, { groups, ...geometry }) => {
      const { shape } = value.inputs[1]!;
      const [outputs, inputs, kh, kw] = shape as [number, number, number, number];
      if (groups > 1) return convolve(b, reorder(b, x!), blockDepthwise(b, w!, shape, block), value, geometry, groups);
      // (o, i, kh, kw) → [o/B, i/B, kh, kw, B(i), B(o)]: ReorderInput blocks o, then whole blocks move. It uses all
      // threads, where a transpose of single numbers uses one and takes ten times as long.
      const thin = isThin(value, groups, block);
      const taps = kh * kw;
      const rows = reorder(b, reshape(b, w!, [1, outputs, inputs * taps, 1]));
      const blocks = [outputs / block, inputs / block, block, taps, block];
      const isOrdered = thin || taps === 1;
      const moved = isOrdered ? rows : transpose(b, reshape(b, rows, blocks), [0, 1, 3, 2, 4]);
      const weights = reshape(b, moved, shape);
      return convolve(b, thin ? x! : reorder(b, x!), weights, value, geometry, 1);
    },
  };
}

/** With stride 1 it is a convolution with the kernel flipped and its channels exchanged. */
function inputGrad({ feature, block }: Blocking): LoweringRule<InputGradAttributes> {
  return {
    requires: feature,
    applies: (value, attributes) => {
      const unit = attributes.strides.every((stride) => stride === 1);
      return unit && flippedPads(value, attributes).every((p) => p >= 0) && fits(value, attributes.groups, block);
    },
    lower: (b, [dy, w], value, attributes) => {
      const { groups, dilations } = attributes;
      const { shape } = value.inputs[1]!;
      const [outputs, inputs, kh, kw] = shape as [number, number, number, number];
      const pads = flippedPads(value, attributes);
      const taps = kh * kw;
      const geometry = { strides: [1, 1], pads, dilations } as const;
      if (groups > 1) {
        const turned = reshape(b, reverseTaps(b, reshape(b, w!, [outputs, taps]), 1, taps), shape);
        return convolve(b, reorder(b, dy!), blockDepthwise(b, turned, shape, block), value, geometry, groups);
      }
      // (o, i, kh, kw) → [i/B, o/B, kh, kw reversed, B(o), B(i)]: ReorderInput blocks i, whole blocks move after that.
      const blocks = reshape(b, reorder(b, w!), [outputs / block, block, inputs / block, taps, block]);
      const exchanged = reverseTaps(b, transpose(b, blocks, [2, 0, 3, 1, 4]), 2, taps);
      return convolve(b, reorder(b, dy!), reshape(b, exchanged, [inputs, outputs, kh, kw]), value, geometry, 1);
    },
  };
}

/**
 * The weight gradient of a depthwise convolution: each channel of each image is convolved with its own part of dy, as
 * if all were channels of one image, and the images are summed. Stride and dilation change places.
 */
function depthwiseWeightGrad({ feature, block }: Blocking): LoweringRule<WeightGradAttributes> {
  return {
    requires: feature,
    applies: ({ inputs: [x, dy], dtype }, attributes) => {
      const [n, channels] = x!.shape as [number, number];
      const depthwise = attributes.groups === channels && dy!.shape[1] === channels;
      return dtype === 'f32' && depthwise && channels > 1 && (n * channels) % block === 0;
    },
    lower: (b, [x, dy], value, attributes) => {
      const [n, channels] = value.inputs[0]!.shape as [number, number];
      const every = n * channels;
      const { input, size, pads } = croppedInput(b, x!, value, attributes);
      const output = value.inputs[1]!.shape.slice(2);
      const images = reorder(b, reshape(b, input, [1, every, ...size]));
      const kernels = reshape(b, reorder(b, reshape(b, dy!, [1, every, ...output])), [every, 1, ...output]);
      const strides = attributes.dilations;
      const dilations = attributes.strides;
      const geometry = { strides, dilations, pads, group: every, kernel_shape: output };
      const y = b.emit('Conv', [images, kernels], geometry, domain);
      const each = reshape(b, unblock(b, y, every), [n, channels, 1, ...attributes.kernel]);
      return sumBatch(b, each);
    },
  };
}

const named = <T>(rule: (blocking: Blocking) => T) =>
  Object.fromEntries(blockings.map((each) => [`blocked${each.block}`, rule(each)]));

/** Adds the blocked lowerings to the convolutions. WebAssembly and GPUs have no such kernels, so a page leaves this out. */
export function addBlockedLowerings(): void {
  addLowerings(conv2dOp, named(forward));
  addLowerings(inputGradOp, named(inputGrad));
  addLowerings(weightGradOp, named(depthwiseWeightGrad));
}
