import { expect, test } from 'vitest';
import { examples } from '../../../../test/primitive-examples.ts';
import { grad } from '../grad/index.ts';
import { input, type Value } from '../graph/index.ts';
import { applyModel, getModel } from '../models/index.ts';
import { Scope } from '../nn/index.ts';
import { add, conv2d, countFlops, exp, matmul, mul, primitives, reduceSum } from './index.ts';

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

test('every primitive has a rule', () => {
  expect(Object.keys(examples).sort()).toEqual([...primitives().keys()].sort());
  for (const op of primitives().values()) {
    const value: Value = { op, inputs: [], attributes: { kernel: [1, 1] }, dtype: 'f32', shape: [] };
    const leaf = input('x', 'f32', [1, 1, 1, 1]);
    expect(countFlops([{ ...value, inputs: [leaf, leaf, leaf] }]).nodes, op.name).toMatchObject({ [op.name]: 1 });
  }
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
