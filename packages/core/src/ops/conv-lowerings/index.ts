/*
 * Convolution and its backward passes as ONNX nodes. No form is the best at every shape (docs/performance.md has the
 * timings), so each gives several and the runtime chooses by timing them at the shape in question.
 */
import type { ConvGeometry } from '../conv-geometry.ts';
import { type LoweringRule, onnx } from '../define.ts';

export const convLowerings: Readonly<Record<string, LoweringRule<ConvGeometry>>> = {
  onnx: onnx('Conv', ({ strides, pads, dilations, groups }) => ({ strides, pads, dilations, group: groups })),
};

export { inputGradLowerings } from './input-grad.ts';
export { weightGradLowerings } from './weight-grad.ts';
