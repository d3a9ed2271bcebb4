import type { ConvGeometry } from '../conv-geometry.ts';
import { type LoweringRule, onnx } from '../define.ts';
import { blockedForward } from './blocked.ts';

export const convLowerings: Readonly<Record<string, LoweringRule<ConvGeometry>>> = {
  onnx: onnx('Conv', ({ strides, pads, dilations, groups }) => ({ strides, pads, dilations, group: groups })),
  ...blockedForward,
};
