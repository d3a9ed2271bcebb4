import type { InputGradAttributes } from '../conv-geometry.ts';
import type { LoweringRule } from '../define.ts';
import { flippedPads, reach, reshape, sliceAxes, transpose } from './nodes.ts';

export const inputGradLowerings: Readonly<Record<string, LoweringRule<InputGradAttributes>>> = {
  /** ONNX ConvTranspose is by definition the input gradient; rows that a stride left over are `output_padding`. */
  transposed: {
    lower: (b, [dy, w], value, { strides, pads, dilations, groups, size }) => {
      const [gradient, weight] = value.inputs;
      const remainder = size.map(
        (extent, i) =>
          extent +
          pads[i]! +
          pads[i + 2]! -
          reach(weight!.shape[i + 2]!, dilations[i]!) -
          1 -
          strides[i]! * (gradient!.shape[i + 2]! - 1),
      );
      return b.emit('ConvTranspose', [dy!, w!], {
        strides,
        pads,
        dilations,
        group: groups,
        output_padding: remainder,
      });
    },
  },
  /** With stride 1 it is a convolution with the kernel flipped and its channels exchanged. */
  flipped: {
    applies: (value, attributes) =>
      attributes.strides.every((stride) => stride === 1) && flippedPads(value, attributes).every((p) => p >= 0),
    lower: (b, [dy, w], value, attributes) => {
      const { dilations, groups } = attributes;
      const [outputs, inputs, kh, kw] = value.inputs[1]!.shape as [number, number, number, number];
      const grouped = reshape(b, w!, [groups, outputs / groups, inputs, kh, kw]);
      const exchanged = reshape(b, transpose(b, grouped, [0, 2, 1, 3, 4]), [groups * inputs, outputs / groups, kh, kw]);
      const turned =
        kh * kw === 1 ? exchanged : sliceAxes(b, exchanged, [2, 3], [-1, -1], [-kh - 1, -kw - 1], [-1, -1]);
      return b.emit('Conv', [dy!, turned], {
        strides: [1, 1],
        pads: flippedPads(value, attributes),
        dilations,
        group: groups,
      });
    },
  },
};
