import { describe, expect, test } from 'vitest';
import { compile, gaussian, numbers } from '../../../../test/run.ts';
import { OptionError } from '../base/errors.ts';
import { sizeOf, tensor } from '../base/tensor.ts';
import { input } from '../graph/index.ts';
import { drawNoise, initialise, Scope } from '../nn/index.ts';
import { parseConfig } from '../recipe/config/index.ts';
import { type Architecture, applyModel, getModel, type HeadLayers, withDropout, withHead } from './index.ts';

function trace(name: string, head: HeadLayers, training = false) {
  const { scope, trace: noted } = Scope.root({ training });
  const y = applyModel(withHead(getModel(name), head), scope, input('x', 'f32', [2, 3, 64, 64]), { numClasses: 7 });
  return { y, noted };
}

test.each([
  ['resnet18', 'fc', 512],
  ['squeezenet1_1', 'classifier', 512],
])('a deeper head on %s has the names of PyTorch’s Sequential, under %s', (name, path, features) => {
  const { y, noted } = trace(name, [32, 'relu', 'batchnorm', { dropout: 0.3 }, 16, 'tanh'], true);
  expect(y.shape).toEqual([2, 7]);
  const shapes = noted.blocks.get('head')!.map((key) => [key, noted.variables.get(key)!.shape]);
  expect(shapes).toEqual([
    [`${path}.0.weight`, [32, features]],
    [`${path}.0.bias`, [32]],
    [`${path}.2.weight`, [32]],
    [`${path}.2.bias`, [32]],
    [`${path}.2.running_mean`, [32]],
    [`${path}.2.running_var`, [32]],
    [`${path}.2.num_batches_tracked`, []],
    [`${path}.4.weight`, [16, 32]],
    [`${path}.4.bias`, [16]],
    [`${path}.6.weight`, [7, 16]],
    [`${path}.6.bias`, [7]],
  ]);
  expect(noted.noise.map(({ keep }) => keep)).toEqual([0.7]);
});

test('its layers are in the way of the numbers', async () => {
  const { y, noted } = trace('squeezenet1_1', [8, 'relu', { dropout: 0.5 }], true);
  const variables = initialise(noted.variables.values(), 0);
  const noise = drawNoise(noted.noise, 0, 0);
  const program = await compile({ y });
  const feeds = { ...variables, x: gaussian([2, 3, 64, 64], 'images') };
  const dropped = numbers((await program.run({ ...feeds, ...noise })).y);
  const kept = noted.noise.map(({ name, shape }) => [name, tensor('u8', shape, new Uint8Array(sizeOf(shape)).fill(1))]);
  const all = numbers((await program.run({ ...feeds, ...Object.fromEntries(kept) })).y);
  await program.release();
  expect(all).not.toEqual(dropped);
});

test.each([
  [[512, 'rleu'], 'head: "rleu" is not understood. Expected a list of numbers of features'],
  [[''], '"" is not understood'],
  [[0], '0 is not understood'],
  [[1.5], '1.5 is not understood'],
  [[{ dropout: 1 }], '{"dropout":1} is not understood'],
  [[{ dropout: 0.5, more: 1 }], 'is not understood'],
  [['constructor'], '"constructor" is not understood'],
  ['512,relu', 'head: expected a list of numbers of features'],
])('head %j: %s', (head, message) => {
  expect(() => parseConfig({ head: head as HeadLayers })).toThrow(message);
  expect(() => withHead(getModel('conv4'), head as HeadLayers)).toThrow(OptionError);
});

describe('dropout before the last layer', () => {
  const noiseOf = (model: Architecture, training: boolean) => {
    const { scope, trace: noted } = Scope.root({ training });
    applyModel(model, scope, input('x', 'f32', [2, 3, 64, 64]), { numClasses: 7 });
    return noted.noise;
  };
  test.each([
    ['resnet18', 'fc.dropout.mask', [2, 512], 0],
    ['mobilenet_v2', 'classifier.1.dropout.mask', [2, 1280], 0],
    ['squeezenet1_1', 'classifier.dropout.mask', [2, 512, 3, 3], 0],
    // The first of VGG's two dropouts is in its backbone.
    ['vgg11', 'classifier.6.dropout.mask', [2, 4096], 1],
  ] as const)('of %s: in place of its own', (name, mask, shape, others) => {
    const model = withDropout(getModel(name), 0.25);
    expect(noiseOf(model, true).slice(others)).toEqual([{ name: mask, shape, keep: 0.75 }]);
    expect(noiseOf(model, false)).toEqual([]);
    expect(noiseOf(withDropout(model, 0), true)).toHaveLength(others);
  });
  test('a head of several layers has its own', () => {
    expect(() => withDropout(withHead(getModel('resnet18'), [32, 'relu']), 0.5)).toThrow(
      'as in `head: [32,"relu",{"dropout":0.5}]`.',
    );
  });
});
