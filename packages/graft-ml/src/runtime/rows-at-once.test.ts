import { input } from '@graft-ml/core/graph';
import { applyModel, getModel } from '@graft-ml/core/models';
import { Scope } from '@graft-ml/core/nn';
import { mul, reduceSum, relu } from '@graft-ml/core/ops';
import { expect, test } from 'vitest';
import { rowsAtOnce } from './rows-at-once.ts';

function zooNetwork(name: string, side: number) {
  return (rows: number) => {
    const { scope } = Scope.root({ training: false });
    return applyModel(getModel(name), scope, input('rows', 'f32', [rows, 3, side, side]), { numClasses: 5 });
  };
}

test.each([
  ['mobilenet_v3_small', 224, 16],
  ['regnet_y_400mf', 224, 8],
  ['efficientnet_b0', 224, 4],
  ['efficientnet_b0', 96, 16],
  ['densenet121', 224, 4],
  ['swin_t', 224, 4],
  ['resnet50', 224, 8],
  ['resnet18', 224, 16],
])('%s takes images of %i pixels by %i', (name, side, size) => {
  expect(rowsAtOnce(100, zooNetwork(name, side), 2)).toBe(size);
});

test('each thread has two rows, as far as 16 go', () => {
  const sizes = [1, 2, 3, 4, 5, 8, 64].map((threads) => rowsAtOnce(100, zooNetwork('densenet121', 224), threads));
  expect(sizes).toEqual([4, 4, 8, 8, 16, 16, 16]);
});

test('where there are fewer rows, all of them', () => {
  const sizes = [1, 4, 5].map((count) => rowsAtOnce(count, zooNetwork('densenet121', 224), 2));
  expect(sizes).toEqual([1, 4, 4]);
  expect(rowsAtOnce(11, zooNetwork('mobilenet_v3_small', 224), 2)).toBe(11);
});

test('what is made of parameters alone does not count', () => {
  const weight = reduceSum(relu(input('weight', 'f32', [2 ** 21, 8])), [0]);
  expect(rowsAtOnce(100, (rows) => mul(input('rows', 'f32', [rows, 8]), weight), 2)).toBe(16);
});

test('a network that is another one for two rows takes sixteen', () => {
  const unrolled = (rows: number) => {
    let x = input('rows', 'f32', [rows, 2 ** 22]);
    for (let row = 0; row < rows; row++) x = relu(x);
    return x;
  };
  expect(rowsAtOnce(100, unrolled, 2)).toBe(16);
});
