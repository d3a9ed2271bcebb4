import { expect, test } from 'vitest';
import { input } from '../graph/index.ts';
import { Scope } from '../nn/index.ts';
import { getModel } from './index.ts';

// The features that the head takes: MAML's Omniglot network averages its 2x2 positions, mini-ImageNet's flattens 5x5.
test.each([
  ['conv4', 28, 64],
  ['conv4', 84, 64 * 5 * 5],
  ['conv4_32', 84, 32 * 5 * 5],
  ['conv4_stride', 28, 64],
  ['conv4_32_stride', 84, 32],
  ['residual_conv4', 28, 64],
  ['residual_conv4_32', 84, 32 * 5 * 5],
  ['futurama_resnet', 28, 32 * 26 * 26],
  ['resnet12', 84, 512],
  ['resnet12_wide', 84, 640],
])('%s at %d pixels has %d features', (name, side, features) => {
  const { scope } = Scope.root({ training: false });
  expect(getModel(name).backbone(scope, input('x', 'f32', [2, 3, side, side])).shape).toEqual([2, features]);
});
