import { expect, test } from 'vitest';
import { relativeError, tolerance } from '../../../../../test/golden.ts';
import { type FileAttribute, type FileNode, onnxFile } from '../../../../../test/onnx-file.ts';
import { evaluate, gaussian } from '../../../../../test/run.ts';
import { runFile } from '../../../../../test/run-file.ts';
import { f32, i64, type Tensor } from '../../base/tensor.ts';
import { input } from '../../graph/index.ts';
import { Scope } from '../../nn/index.ts';
import { applyModel } from '../model.ts';
import { openOnnxModel } from './open.ts';

const side = 15;

/**
 * Padding "same" of a stride 2 as PyTorch's older exporter writes it for a dynamic batch: the sides are taken out of a
 * Shape, halves are rounded as in Python, and the widths of the batch and the channels come from the rank.
 */
function padding(opset: number, atLeastZero: 'Clip' | 'Max'): FileNode[] {
  const nodes: FileNode[] = [];
  const op = (operator: string, inputs: readonly string[], attributes: Record<string, FileAttribute> = {}) => {
    const output = `v${nodes.length}`;
    nodes.push({ operator, inputs, outputs: [output], attributes });
    return output;
  };
  const literal = (value: Tensor) => op('Constant', [], { value: { tensor: value } });
  const c = (value: number) => literal(i64([], [value]));
  const float = (value: number) => literal(f32([], [value]));
  const list = (...values: number[]) => literal(i64([values.length], values));
  const row = (x: string) => (opset < 13 ? op('Unsqueeze', [x], { axes: [0] }) : op('Unsqueeze', [x, list(0)]));
  const half = (x: string) => {
    const quotient = op('Div', [x, c(2)]);
    const isNegative = op('Xor', [op('Less', [x, c(0)]), op('Less', [c(2), c(0)])]);
    const rest = op('Sub', [x, op('Mul', [quotient, c(2)])]);
    const isUneven = op('And', [isNegative, op('Not', [op('Equal', [rest, c(0)])])]);
    return op('Where', [isUneven, op('Sub', [quotient, c(1)]), quotient]);
  };
  const needed = (axis: number) => {
    const size = op('Cast', [op('Gather', [op('Shape', ['x']), c(axis)])], { to: 1 });
    const steps = op('Sub', [op('Ceil', [op('Div', [size, float(2)])]), float(1)]);
    const reach = op('Add', [op('Mul', [steps, float(2)]), float(4)]);
    const missing = op('Cast', [op('Sub', [reach, size])], { to: 7 });
    return op(atLeastZero, [missing, c(0)]);
  };
  const own = [3, 2].flatMap((axis) => {
    const all = needed(axis);
    const before = half(all);
    return [row(before), row(op('Sub', [all, before]))];
  });
  const widths = op('Concat', own, { axis: 0 });
  const length = op('Gather', [op('Shape', [widths]), c(0)]);
  const others = op('Sub', [op('Mul', [op('Size', [op('Shape', ['x'])]), c(2)]), length]);
  const zeros = op('ConstantOfShape', [row(others)], { value: { tensor: i64([1], [0]) } });
  const pairs = op('Reshape', [op('Concat', [widths, zeros], { axis: 0 }), list(-1, 2)]);
  const turned = op('Slice', [pairs, list(-1), list(-Number.MAX_SAFE_INTEGER), list(0), list(-1)]);
  const flat = op('Reshape', [op('Transpose', [turned], { perm: [1, 0] }), list(-1)]);
  nodes.push({ operator: 'Pad', inputs: ['x', flat, float(0)], outputs: ['padded'], attributes: { mode: 'constant' } });
  return nodes;
}

test.each([
  [12, 'Max'],
  [12, 'Clip'],
  [14, 'Clip'],
] as const)('padding that is computed from a dynamic shape, in opset %i with %s', async (opset, atLeastZero) => {
  const node = (operator: string, inputs: string[], output: string, attributes: FileNode['attributes'] = {}) => ({
    operator,
    inputs,
    outputs: [output],
    attributes,
  });
  const bytes = onnxFile({
    opset,
    nodes: [
      ...padding(opset, atLeastZero),
      node('Conv', ['padded', 'w1'], 'c1', { strides: [2, 2], kernel_shape: [4, 4] }),
      node('Relu', ['c1'], 'r1'),
      node('GlobalAveragePool', ['r1'], 'pool'),
      node('Flatten', ['pool'], 'flat'),
      node('Gemm', ['flat', 'w2'], 'y', { transB: 1 }),
    ],
    initializers: { w1: gaussian([4, 3, 4, 4], 'w1'), w2: gaussian([3, 4], 'w2') },
    inputs: [{ name: 'x', shape: ['batch', 3, side, side] }],
    outputs: [{ name: 'y', shape: ['batch', 3] }],
  });
  const { model, tensors, numClasses } = openOnnxModel(bytes);
  for (const batch of [1, 3]) {
    const x = gaussian([batch, 3, side, side], 'images', batch);
    const { scope } = Scope.root({ training: false });
    const logits = applyModel(model, scope, input('x', 'f32', x.shape), { numClasses });
    const { y } = await evaluate({ y: logits }, { ...tensors, x });
    expect(relativeError(y!, (await runFile(bytes, { x })).y!)).toBeLessThan(tolerance.model);
  }
});
