import { expect, test } from 'vitest';
import { evaluate, gaussian, numbers } from '../../../../test/run.ts';
import { UserError } from '../base/errors.ts';
import { f32, type Tensor } from '../base/tensor.ts';
import { input } from '../graph/index.ts';
import { initialise, Scope } from '../nn/index.ts';
import { inception } from './inception.ts';
import { applyModel, auxiliaryLogits, imageNetPreprocessing } from './model.ts';
import { getModel } from './registry.ts';

const narrow = { pooled: [32], between: [128], expanded: 1, narrow: (channels: number) => channels / 16 };

function trace(side: number, training: boolean) {
  const { scope, trace: noted } = Scope.root({ training });
  const logits = applyModel(getModel('inception_v3'), scope, input('x', 'f32', [2, 3, side, side]), { numClasses: 5 });
  return { logits, ...noted };
}

test('in training both heads give logits, and the auxiliary head’s parameters stand before Mixed_7a', () => {
  const { logits, endpoints, blocks, updates } = trace(299, true);
  expect([logits.shape, endpoints.get(auxiliaryLogits)!.shape]).toEqual([
    [2, 5],
    [2, 5],
  ]);
  const names = [...blocks.keys()];
  expect(names.slice(names.indexOf('Mixed_6e'), names.indexOf('Mixed_7a') + 1)).toEqual([
    'Mixed_6e',
    'AuxLogits',
    'AuxLogits.fc',
    'Mixed_7a',
  ]);
  expect(updates.has('AuxLogits.conv1.bn.running_mean')).toBe(true);
});

test('images too small for the auxiliary head: evaluation has its parameters all the same, training says so', () => {
  expect([...trace(75, false).variables.keys()]).toEqual([...trace(299, false).variables.keys()]);
  expect(() => trace(298, true)).toThrow(UserError);
  expect(() => trace(224, true)).toThrow('needs images of at least 299x299 pixels, these are 224x224');
});

test('transformInput: images normalised as for ImageNet’s other networks give what pixels in ±1 give without it', async () => {
  const pixels = gaussian([2, 3, 75, 75], 'pixels'); // of any range: the change is linear
  const normalised = (mean: readonly number[], std: readonly number[]) => {
    const channel = (i: number) => Math.floor(i / 75 ** 2) % 3;
    return f32(
      pixels.shape,
      numbers(pixels).map((x, i) => (x - mean[channel(i)]!) / std[channel(i)]!),
    );
  };
  const logits = async (transformInput: boolean, x: Tensor) => {
    const { scope, trace: noted } = Scope.root({ training: false });
    const model = inception({ ...narrow, auxiliary: false, transformInput });
    const y = applyModel(model, scope, input('x', 'f32', x.shape), { numClasses: 5 });
    return numbers((await evaluate({ y }, { ...initialise(noted.variables.values(), 0), x })).y);
  };
  const half = [0.5, 0.5, 0.5];
  const plain = await logits(false, normalised(half, half));
  const transformed = await logits(true, normalised(imageNetPreprocessing.mean, imageNetPreprocessing.std));
  expect(transformed).toEqual(plain.map((value) => expect.closeTo(value, 4)));
  expect(await logits(false, normalised(imageNetPreprocessing.mean, imageNetPreprocessing.std))).not.toEqual(plain);
});
