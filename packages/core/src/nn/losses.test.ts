import { describe, expect, test } from 'vitest';
import { golden, relativeError, tolerance } from '../../../../test/golden.ts';
import { evaluate, numbers } from '../../../../test/run.ts';
import { ShapeError } from '../base/errors.ts';
import { f32 } from '../base/tensor.ts';
import { grad } from '../grad/index.ts';
import { input } from '../graph/index.ts';
import { reduceSum } from '../ops/index.ts';
import { bceWithLogitsLoss, crossEntropyLoss, huberLoss, type Loss, l1Loss, meanOf, mseLoss } from './losses.ts';

const { tensors } = golden('losses');

const cases: Readonly<Record<string, Loss>> = {
  mse: mseLoss(),
  l1: l1Loss(),
  huber: huberLoss(),
  'huber-0.3': huberLoss({ delta: 0.3 }),
  bce: bceWithLogitsLoss(),
  'bce-weighted': bceWithLogitsLoss({ positiveWeights: [0.5, 2, 1, 4] }),
  crossEntropy: crossEntropyLoss(),
};

describe('as PyTorch computes them', () => {
  test.each(Object.entries(cases))('%s: of each example, its mean and the gradient', async (name, loss) => {
    const part = (key: string) => tensors[`${name}/${key}`]!;
    const output = part('output');
    const target = part('target');
    const y = input('y', output.dtype, output.shape);
    const t = input('t', target.dtype, target.shape);
    const mean = meanOf(loss(y, t));
    const losses = (loss.evaluation ?? loss)(y, t);
    const results = await evaluate({ losses, mean, gradient: grad(mean, [y])[0]! }, { y: output, t: target });
    expect(relativeError(results.losses!, part('losses'))).toBeLessThan(tolerance.value);
    expect(relativeError(results.mean!, part('loss'))).toBeLessThan(tolerance.value);
    expect(relativeError(results.gradient!, part('gradient'))).toBeLessThan(tolerance.gradient);
  });

  test('binary cross entropy of logits whose exponentials are beyond f32', async () => {
    const y = input('y', 'f32', [1, 4]);
    const t = input('t', 'f32', [1, 4]);
    const feeds = { y: tensors['large/output']!, t: tensors['large/target']! };
    const { loss } = await evaluate({ loss: bceWithLogitsLoss()(y, t) }, feeds);
    expect(numbers(loss)[0]).toBeCloseTo(numbers(tensors['large/loss'])[0]!, 4);
  });
});

test('the loss of an evaluation is the plain cross entropy, whatever is trained on', async () => {
  const y = tensors['crossEntropy/output']!;
  const t = tensors['crossEntropy/target']!;
  const output = input('y', y.dtype, y.shape);
  const target = input('t', t.dtype, t.shape);
  const { evaluation } = crossEntropyLoss({ labelSmoothing: 0.3, focalGamma: 2, classWeights: [1, 2, 3, 4] });
  const { losses } = await evaluate({ losses: evaluation!(output, target) }, { y, t });
  expect(relativeError(losses!, tensors['crossEntropy/losses']!)).toBeLessThan(tolerance.value);
});

test('targets of another shape than the outputs', () => {
  expect(() => mseLoss()(input('y', 'f32', [4, 1]), input('t', 'f32', [4]))).toThrow(
    new ShapeError({ op: 'mseLoss', expected: 'targets f32[4,1], as the outputs are', received: 'f32[4]' }),
  );
});

test('binary cross entropy at a logit of 0, as a zeroed head gives it, has the slope ½ - target', async () => {
  const logits = input('logits', 'f32', [2, 2]);
  const targets = input('targets', 'f32', [2, 2]);
  const gradientOf = (loss: Loss) => grad(reduceSum(loss(logits, targets)), [logits])[0]!;
  const feeds = { logits: f32([2, 2], [0, 0, 0, 0]), targets: f32([2, 2], [0, 1, 0.25, 1]) };
  const plain = gradientOf(bceWithLogitsLoss());
  const weighted = gradientOf(bceWithLogitsLoss({ positiveWeights: [2, 4] }));
  const results = await evaluate({ plain, weighted }, feeds);
  // Each example's loss is a mean over two labels.
  expect(numbers(results.plain!)).toEqual([0.25, -0.25, 0.125, -0.25]);
  expect(numbers(results.weighted!)).toEqual([0.25, -1, 0.0625, -1]);
});
