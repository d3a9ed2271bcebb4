import type { WeightGradAttributes } from '../conv-geometry.ts';
import type { LoweringRule } from '../define.ts';
import { type Blocking, domain, reorder, unblock } from './blocked-nodes.ts';
import { croppedInput, reshape, sumBatch, transpose } from './nodes.ts';

/**
 * The weight gradient of a depthwise convolution: each channel of each image is convolved with its own part of dy, as
 * if all were channels of one image, and the images are summed. Stride and dilation change places.
 */
export function depthwiseWeightGrad({ feature, block }: Blocking): LoweringRule<WeightGradAttributes> {
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

/**
 * A convolution of x with dy as the kernel, batch and channels exchanged, in blocked layout: for groups of few channels,
 * whose products are thin.
 */
export function groupedWeightGrad({ feature, block }: Blocking): LoweringRule<WeightGradAttributes> {
  return {
    requires: feature,
    applies: ({ inputs: [x, dy], shape, dtype }, { groups }) => {
      const [n, outputs] = [x!.shape[0]!, dy!.shape[1]! / groups];
      return dtype === 'f32' && groups > 1 && shape[1]! > 1 && n % block === 0 && outputs % block === 0;
    },
    lower: (b, [x, dy], value, attributes) => {
      const { groups, kernel } = attributes;
      const [outputs, perGroup] = value.shape as [number, number];
      const n = value.inputs[0]!.shape[0]!;
      const { input, size, pads } = croppedInput(b, x!, value, attributes);
      const output = value.inputs[1]!.shape.slice(2);
      const exchanged = transpose(b, reshape(b, input, [n, groups, perGroup, ...size]), [2, 1, 0, 3, 4]);
      const images = reorder(b, reshape(b, exchanged, [perGroup, groups * n, ...size]));
      const pixels = output[0]! * output[1]!;
      // (n, g·o, pixels) → [g·o/B, n/B, pixels, B(n), B(o)]
      const blocks = reshape(b, reorder(b, dy!), [n / block, block, outputs / block, pixels, block]);
      const kernels = reshape(b, transpose(b, blocks, [2, 0, 3, 1, 4]), [outputs, n, ...output]);
      const geometry = { strides: attributes.dilations, dilations: attributes.strides, pads };
      const y = b.emit('Conv', [images, kernels], { ...geometry, group: groups, kernel_shape: output }, domain);
      return reshape(b, transpose(b, unblock(b, y, outputs), [1, 0, 2, 3]), [outputs, perGroup, ...kernel]);
    },
  };
}
