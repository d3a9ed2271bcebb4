import { expect, test } from 'vitest';
import { apply, examples } from '../../../../test/primitive-examples.ts';
import { grad } from '../grad/index.ts';
import { input } from '../graph/index.ts';
import { applyModel, getModel } from '../models/index.ts';
import { Scope } from '../nn/index.ts';
import { add, conv2d, countFlops, exp, matmul, mul, reduceSum } from './index.ts';

const plain = { strides: [1, 1], pads: [1, 1, 1, 1], dilations: [1, 1], groups: 1 } as const;

test('a convolution and its two gradients: two for each number of y and each weight that its channel sees', () => {
  const x = input('x', 'f32', [4, 16, 9, 9]);
  const w = input('w', 'f32', [8, 16, 3, 3]);
  const strided = { ...plain, strides: [2, 2] } as const;
  const y = conv2d(x, w, strided);
  expect(y.shape).toEqual([4, 8, 5, 5]);
  const one = 2 * 4 * 8 * 5 * 5 * (16 * 3 * 3);
  expect(countFlops([y]).byOp).toEqual({ Conv2d: one });
  const [dx, dw] = grad(reduceSum(mul(y, input('dy', 'f32', y.shape))), [x, w]);
  expect(countFlops([dx!]).byOp).toMatchObject({ Conv2dInputGrad: one });
  expect(countFlops([dw!]).byOp).toMatchObject({ Conv2dWeightGrad: one });
  expect(countFlops([dx!, dw!]).nodes).toMatchObject({ Conv2dInputGrad: 1, Conv2dWeightGrad: 1 });
});

test('groups see only their own channels', () => {
  const depthwise = conv2d(input('x', 'f32', [1, 6, 8, 8]), input('w', 'f32', [6, 1, 3, 3]), { ...plain, groups: 6 });
  expect(countFlops([depthwise]).total).toBe(2 * 6 * 8 * 8 * 9);
});

test('products, also in batches, and elements', () => {
  const a = input('a', 'f32', [5, 2, 3]);
  const b = input('b', 'f32', [3, 7]);
  expect(countFlops([matmul(a, b)]).total).toBe(2 * 5 * 2 * 3 * 7);
  expect(countFlops([reduceSum(exp(mul(a, 2)))]).byOp).toEqual({ Mul: 30, Exp: 30, ReduceSum: 30 });
  expect(countFlops([a]).total).toBe(0);
});

test('what is written once counts once', () => {
  const a = input('a', 'f32', [5]);
  expect(countFlops([add(exp(a), exp(a)), exp(a)]).byOp).toEqual({ Exp: 5, Add: 5 });
  expect(countFlops([mul(a, 0.5), mul(a, 0.5), mul(a, 0.25)]).byOp).toEqual({ Mul: 10 });
});

/** Operations of the examples of each primitive; what is not here computes nothing. */
const counts: Readonly<Record<string, readonly number[]>> = {
  Add: [12, 24],
  Sub: [12, 24],
  Mul: [12, 24],
  Div: [12, 24],
  Pow: [12, 24],
  Minimum: [12, 24],
  Maximum: [12, 24],
  Neg: [15],
  Exp: [15],
  Log: [15],
  Sqrt: [15],
  Erf: [15],
  Tanh: [15],
  Sigmoid: [15],
  Silu: [30],
  HardSigmoid: [45],
  HardSwish: [60],
  Abs: [15],
  Relu: [15],
  Square: [15],
  Clip: [30],
  ReduceSum: [24, 24, 2048],
  ReduceMax: [24, 12],
  Softmax: [120, 120],
  ChannelCombine: [96, 48],
  ChannelDot: [48, 24, 4096],
  BatchNorm: [252, 105, 378],
  Conv2d: [2592, 5760, 1728, 960],
  Conv2dInputGrad: [2592, 5760, 1728, 960],
  Conv2dWeightGrad: [2592, 5760, 1728, 960],
  ScatterAdd: [12, 5, 3],
  NormalCdf: [60],
  Gelu: [75],
  MatMul: [48, 288],
  LayerNorm: [168],
  LayerNormInverseDeviation: [96],
  MaxPool: [324, 144, 128],
  SumPool: [324, 144],
  SumPoolGrad: [324, 144],
};

test.each(Object.keys(examples))('%s', (primitive) => {
  const operations = examples[primitive]!.map((example) => {
    const { byOp } = countFlops([apply(primitive, example, input).y]);
    return byOp[primitive] ?? 0;
  });
  expect(operations).toEqual(counts[primitive] ?? operations.map(() => 0));
});

// The multiply-adds that torchvision publishes with its weights (`meta["_ops"]`, in thousand millions).
test.each([
  ['resnet18', 1.814],
  ['resnet50', 4.089],
  ['squeezenet1_1', 0.349],
  ['mobilenet_v2', 0.301],
  ['regnet_y_400mf', 0.402],
  ['densenet121', 2.834],
  ['alexnet', 0.714],
  ['vgg16', 15.47],
  ['vit_b_16', 17.564],
])('%s has torchvision’s %d GMAC', (name, published) => {
  const { scope } = Scope.root({ training: false });
  const logits = applyModel(getModel(name), scope, input('x', 'f32', [1, 3, 224, 224]), { numClasses: 1000 });
  const { byOp } = countFlops([logits]);
  expect((byOp.Conv2d! + (byOp.MatMul ?? 0)) / 2e9).toBeCloseTo(published, 2);
});
