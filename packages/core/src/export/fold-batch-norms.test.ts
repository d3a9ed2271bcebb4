import { openOnnx } from 'graft-ml/internal/export/onnx-session';
import { expect, test } from 'vitest';
import { narrowSource, pixelsOf } from '../../../../test/narrow-exports.ts';
import { narrowModels } from '../../../../test/narrow-models.ts';
import { f32, type Tensors, tensor } from '../base/tensor.ts';
import { foldBatchNorms, networkModel, type OnnxModel, writeOnnx } from './index.ts';
import { f32Tensor, floatsOf, onnxNode } from './onnx-numbers.ts';

async function outputOf(model: OnnxModel, output: string, feeds: Tensors): Promise<Float32Array> {
  const session = await openOnnx(writeOnnx(model));
  const results = await session.run(feeds);
  await session.release();
  return results[output]!.data as Float32Array;
}

function largestDifference(a: Float32Array, b: Float32Array): number {
  const scale = a.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  return a.reduce((most, value, i) => Math.max(most, Math.abs(value - b[i]!)), 0) / scale;
}

const operatorsOf = ({ nodes }: OnnxModel) => nodes.map(({ operator }) => operator);

test.each(Object.keys(narrowModels))('%s says the same when its batch norms are folded', async (name) => {
  const source = narrowSource(name);
  const { crop } = source.preprocessing;
  const model = networkModel(source, 'pixels', 2);
  const folded = foldBatchNorms(model);
  expect(folded.nodes.length).toBeLessThan(model.nodes.length);
  const feeds = { pixels: tensor('u8', [2, 3, crop, crop], pixelsOf(2, crop)) };
  const [before, after] = [await outputOf(model, 'logits', feeds), await outputOf(folded, 'logits', feeds)];
  expect(largestDifference(before, after)).toBeLessThan(1e-5);
});

test('of a ResNet, the convolutions, their sums and ReLUs are left', () => {
  const { nodes, initializers } = foldBatchNorms(networkModel(narrowSource('resnet_basic'), 'pixels', 1));
  const convolutions = nodes.filter(({ operator }) => operator === 'Conv');
  expect(convolutions).toHaveLength(12);
  for (const { inputs } of convolutions) {
    expect(inputs).toHaveLength(3);
    expect(initializers.get(inputs[2]!)!.shape).toEqual([initializers.get(inputs[1]!)!.shape[0]]);
  }
  expect([...initializers.keys()].filter((name) => /running_|\.bn\d/.test(name))).toEqual([]);
});

const constants = {
  weight: f32Tensor([2, 1, 1, 1], Float32Array.of(2, -3)),
  bias: f32Tensor([2], Float32Array.of(1, 5)),
  scale: f32Tensor([1, 2, 1, 1], Float32Array.of(4, 0.5)),
  shift: f32Tensor([2, 1, 1], Float32Array.of(-1, 7)),
  two: f32Tensor([], Float32Array.of(2)),
};

/** x (1, 1, h, w) through a convolution of 1 x 1, and then through `nodes`, which end at y. */
function afterConvolution(...nodes: OnnxModel['nodes']): OnnxModel {
  return {
    opsets: new Map([['', 18]]),
    metadata: {},
    nodes: [onnxNode('Conv', ['x', 'weight', 'bias'], 'c'), ...nodes],
    initializers: new Map(Object.entries(constants)),
    inputs: [{ name: 'x', dtype: 'f32', shape: [1, 1, 'h', 'w'] }],
    outputs: [{ name: 'y', dtype: 'f32', shape: [1, 2, 'h', 'w'] }],
  };
}

test('sums, differences, products and quotients with constants go into weights and bias, in their order', async () => {
  const model = afterConvolution(
    onnxNode('Sub', ['c', 'shift'], 'd'),
    onnxNode('Mul', ['scale', 'd'], 'e'),
    onnxNode('Sub', ['two', 'e'], 'f'),
    onnxNode('Div', ['f', 'two'], 'y'),
  );
  const folded = foldBatchNorms(model);
  expect(operatorsOf(folded)).toEqual(['Conv']);
  const [, weight, bias] = folded.nodes[0]!.inputs.map((name) => folded.initializers.get(name));
  // (2 - 4 · (2x + 1 + 1)) / 2 and (2 - 0.5 · (-3x + 5 - 7)) / 2
  expect([...floatsOf(weight!)]).toEqual([-4, 0.75]);
  expect([...floatsOf(bias!)]).toEqual([-3, 1.5]);
  const y = await outputOf(folded, 'y', { x: f32([1, 1, 1, 2], [1, 10]) });
  expect([...y]).toEqual([-7, -43, 2.25, 9]);
});

test('a convolution whose output is read elsewhere stays as it is', () => {
  const scaled = onnxNode('Mul', ['c', 'scale'], 'd');
  const model = afterConvolution(scaled, onnxNode('Add', ['c', 'd'], 'y'));
  expect(operatorsOf(foldBatchNorms(model))).toEqual(['Conv', 'Mul', 'Add']);
  const asOutput = afterConvolution(onnxNode('Mul', ['c', 'scale'], 'y'));
  const outputs = [...asOutput.outputs, { ...asOutput.outputs[0]!, name: 'c' }];
  expect(operatorsOf(foldBatchNorms({ ...asOutput, outputs }))).toEqual(['Conv', 'Mul']);
});

test('a constant that is not one for each channel is left where it is', () => {
  const wide = f32Tensor([1, 1, 1, 2], Float32Array.of(1, 2));
  const model = afterConvolution(onnxNode('Mul', ['c', 'wide'], 'y'));
  const withWide = { ...model, initializers: new Map([...model.initializers, ['wide', wide]]) };
  expect(operatorsOf(foldBatchNorms(withWide))).toEqual(['Conv', 'Mul']);
  const overDivided = afterConvolution(onnxNode('Div', ['two', 'c'], 'y'));
  expect(operatorsOf(foldBatchNorms(overDivided))).toEqual(['Conv', 'Div']);
});
