import { describe, expect, test } from 'vitest';
import { golden } from '../../../../test/golden.ts';
import { narrowModels } from '../../../../test/narrow-models.ts';
import { randomStream } from '../base/random.ts';
import type { Shape } from '../base/tensor.ts';
import { input } from '../graph/index.ts';
import {
  type Architecture,
  applyModel,
  conv4,
  convnext,
  densenet,
  getModel,
  inception,
  swin,
  vgg,
  vit,
} from '../models/index.ts';
import { batchNorm } from './batch-norm.ts';
import {
  fanIn,
  fanOut,
  filled,
  glorotUniform,
  kaimingNormal,
  kaimingNormalFanOut,
  kaimingUniform,
  normal,
  pytorchDefault,
  truncatedNormal,
  uniform,
} from './initialisers.ts';
import { conv2d, linear } from './layers.ts';
import { initialise, Scope, type Variable } from './scope.ts';

interface Moments {
  readonly mean: number;
  readonly deviation: number;
  readonly largest: number;
}

function momentsOf(values: ArrayLike<number>): Moments {
  const list = Array.from(values);
  const mean = list.reduce((sum, x) => sum + x, 0) / list.length;
  const variance = list.reduce((sum, x) => sum + (x - mean) ** 2, 0) / list.length;
  const largest = list.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
  return { mean, deviation: Math.sqrt(variance), largest };
}

/** The moments of `count` numbers uniform in ±bound, to 4 standard errors; the bound is kept and nearly reached. */
function expectUniform(values: ArrayLike<number>, bound: number): void {
  const { mean, deviation, largest } = momentsOf(values);
  const expected = bound / Math.sqrt(3);
  expect(Math.abs(mean)).toBeLessThan((4 * expected) / Math.sqrt(values.length));
  expect(Math.abs(deviation / expected - 1)).toBeLessThan(4 * Math.sqrt(0.2 / values.length));
  expect(largest).toBeLessThanOrEqual(Math.fround(bound));
  expect(largest).toBeGreaterThan(bound * (1 - 10 / values.length));
}

function expectNormal(values: ArrayLike<number>, deviation: number): void {
  const moments = momentsOf(values);
  expect(Math.abs(moments.mean)).toBeLessThan((4 * deviation) / Math.sqrt(values.length));
  expect(Math.abs(moments.deviation / deviation - 1)).toBeLessThan(4 * Math.sqrt(0.5 / values.length));
  expect(moments.largest).toBeGreaterThan(3 * deviation);
}

const conv: Shape = [64, 32, 3, 3];
const dense: Shape = [100, 512];

test.each([
  [conv, 288, 576],
  [dense, 512, 100],
  [[32, 1, 5, 5], 25, 800],
])('fan-in and fan-out of %j', (shape, into, out) => {
  expect([fanIn(shape), fanOut(shape)]).toEqual([into, out]);
});

describe('the distributions are PyTorch’s', () => {
  const stream = () => randomStream(0, 'initialisers');
  test('filled', () => expect([...filled(0.5)([2, 2], stream())]).toEqual([0.5, 0.5, 0.5, 0.5]));
  test('uniform', () => expectUniform(uniform(0.3)(dense, stream()), 0.3));
  test('normal', () => expectNormal(normal(0.01)(dense, stream()), 0.01));
  // torch.nn.init.kaiming_uniform_(w, a): bound = √(6 / ((1 + a²) · fanIn)).
  test.each([conv, dense])('Conv2d and Linear, kaiming_uniform(a=√5): %j', (...shape) =>
    expectUniform(pytorchDefault(shape, stream()), Math.sqrt(6 / ((1 + 5) * fanIn(shape)))),
  );
  test.each([conv, dense])('SqueezeNet, kaiming_uniform(a=0): %j', (...shape) =>
    expectUniform(kaimingUniform(shape, stream()), Math.sqrt(6 / fanIn(shape))),
  );
  // torch.nn.init.kaiming_normal_(w): std = √2 / √fanIn.
  test.each([conv, dense])('DenseNet, kaiming_normal(fan_in): %j', (...shape) =>
    expectNormal(kaimingNormal(shape, stream()), Math.SQRT2 / Math.sqrt(fanIn(shape))),
  );
  // torch.nn.init.kaiming_normal_(w, mode='fan_out', nonlinearity='relu'): std = √2 / √fanOut.
  test.each([conv, dense])('ResNet, kaiming_normal(fan_out): %j', (...shape) =>
    expectNormal(kaimingNormalFanOut(shape, stream()), Math.SQRT2 / Math.sqrt(fanOut(shape))),
  );
  // torch.nn.init.xavier_uniform_(w): bound = √(6 / (fanIn + fanOut)).
  test.each([conv, dense])('attention, xavier_uniform: %j', (...shape) =>
    expectUniform(glorotUniform(shape, stream()), Math.sqrt(6 / (fanIn(shape) + fanOut(shape)))),
  );
  test('truncatedNormal far inside its bound is normal', () =>
    expectNormal(truncatedNormal(0.02)(dense, stream()), 0.02));
  test.each([
    [0.5, 0.3829249],
    [1, 0.6826895],
    [2, 0.9544997],
  ])('truncatedNormal(1, %d), which keeps %d of a normal distribution', (bound, kept) => {
    const values = truncatedNormal(1, bound)(dense, stream());
    const { mean, deviation, largest } = momentsOf(values);
    const density = Math.exp((-bound * bound) / 2) / Math.sqrt(2 * Math.PI);
    const expected = Math.sqrt(1 - (2 * bound * density) / kept);
    expect(Math.abs(mean)).toBeLessThan((4 * expected) / Math.sqrt(values.length));
    expect(Math.abs(deviation / expected - 1)).toBeLessThan(4 * Math.sqrt(0.5 / values.length));
    expect(largest).toBeLessThanOrEqual(bound);
    expect(largest).toBeGreaterThan(0.99 * bound);
  });
});

/** First values of what a model asks for, or of a part of it. */
function initialised(forward: (s: Scope) => unknown, { seed = 0, only = /./ } = {}) {
  const { scope, trace } = Scope.root({ training: true });
  forward(scope);
  return initialise(
    [...trace.variables.values()].filter(({ name }) => only.test(name)),
    seed,
  );
}

const numbersOf = (tensor: { data: unknown } | undefined) => tensor!.data as Float32Array;

test('layers: weights and biases in ±1/√fanIn, batch norm at 1 and 0', () => {
  const first = initialised((s) => {
    const y = conv2d(s.at('conv'), input('x', 'f32', [1, 32, 8, 8]), { channels: 512, kernel: 3, groups: 2 });
    batchNorm(s.at('bn'), y);
    linear(s.at('fc'), input('f', 'f32', [1, 256]), { features: 1000 });
  });
  expectUniform(numbersOf(first['conv.weight']), 1 / Math.sqrt(16 * 9));
  expectUniform(numbersOf(first['conv.bias']), 1 / Math.sqrt(16 * 9));
  expectUniform(numbersOf(first['fc.weight']), 1 / 16);
  expectUniform(numbersOf(first['fc.bias']), 1 / 16);
  const norm = ['weight', 'bias', 'running_mean', 'running_var'].map((name) => numbersOf(first[`bn.${name}`])[511]);
  expect(norm).toEqual([1, 0, 0, 1]);
  expect(first['bn.num_batches_tracked']).toEqual({ dtype: 'i64', shape: [], data: BigInt64Array.of(0n) });
});

const start = (model: Architecture, { numClasses = 10, seed = 0, only = /./ } = {}) =>
  initialised((s) => applyModel(model, s, input('x', 'f32', [1, 3, 64, 64]), { numClasses }), { seed, only });

test('squeezenet1_1: convolutions by kaiming_uniform, the classifier normal(0.01), biases 0', () => {
  const first = start(getModel('squeezenet1_1'), { numClasses: 1000 });
  expectUniform(numbersOf(first['features.12.expand3x3.weight']), Math.sqrt(6 / (64 * 9)));
  expectNormal(numbersOf(first['classifier.1.weight']), 0.01);
  const biases = Object.keys(first).filter((name) => name.endsWith('.bias'));
  expect(biases.length).toBe(26);
  for (const name of biases) expect(momentsOf(numbersOf(first[name])).largest, name).toBe(0);
});

test('resnet18: convolutions by kaiming_normal(fan_out), the head by PyTorch’s default', () => {
  const first = start(getModel('resnet18'), { numClasses: 1000, only: /^conv1|^layer3\.0\.conv1|^fc/ });
  expectNormal(numbersOf(first['layer3.0.conv1.weight']), Math.sqrt(2 / (256 * 9)));
  expectNormal(numbersOf(first['conv1.weight']), Math.sqrt(2 / (64 * 49)));
  expectUniform(numbersOf(first['fc.weight']), 1 / Math.sqrt(512));
  expectUniform(numbersOf(first['fc.bias']), 1 / Math.sqrt(512));
});

test.each([
  ['mobilenet_v2', 'features.18.0.weight', 1280, 'classifier.1'],
  ['mobilenet_v3_small', 'features.12.0.weight', 576, 'classifier.3'],
  ['efficientnet_b0', 'features.8.0.weight', 1280, 'classifier.1'],
  ['regnet_y_400mf', 'trunk_output.block4.block4-0.f.c.0.weight', 440, 'fc'],
])('%s: convolutions by kaiming_normal(fan_out), the head as torchvision’s, biases 0', (name, last, channels, head) => {
  const first = start(getModel(name), { numClasses: 400 });
  expectNormal(numbersOf(first[last]), Math.sqrt(2 / channels));
  const weights = numbersOf(first[`${head}.weight`]);
  if (name.startsWith('efficientnet')) expectUniform(weights, 1 / Math.sqrt(400));
  else expectNormal(weights, 0.01);
  // torchvision leaves the biases of RegNet's squeeze-and-excitation as PyTorch makes them.
  const random = (key: string) => name.startsWith('regnet') && key.includes('.se.');
  const biases = Object.keys(first).filter((key) => key.endsWith('.bias'));
  for (const key of biases) expect(momentsOf(numbersOf(first[key])).largest > 0, key).toBe(random(key));
});

test('vgg: convolutions by kaiming_normal(fan_out), linear layers normal(0.01), biases 0', () => {
  const first = start(vgg({ depths: [1, 1, 1, 1, 1], width: 16, hidden: 64 }), { numClasses: 100 });
  expectNormal(numbersOf(first['features.6.weight']), Math.sqrt(2 / (64 * 9)));
  expectNormal(numbersOf(first['classifier.0.weight']), 0.01);
  expectNormal(numbersOf(first['classifier.6.weight']), 0.01);
  for (const name of Object.keys(first).filter((key) => key.endsWith('.bias'))) {
    expect(momentsOf(numbersOf(first[name])).largest, name).toBe(0);
  }
});

test('densenet: convolutions by kaiming_normal(fan_in), the head’s bias 0', () => {
  const first = start(densenet({ layers: [1, 1, 1, 1], growth: 32, stem: 64 }), { numClasses: 100 });
  expectNormal(numbersOf(first['features.conv0.weight']), Math.sqrt(2 / (3 * 49)));
  expectNormal(numbersOf(first['features.denseblock1.denselayer1.conv2.weight']), Math.sqrt(2 / (128 * 9)));
  expectUniform(numbersOf(first['classifier.weight']), 1 / Math.sqrt(68));
  expect(momentsOf(numbersOf(first['classifier.bias'])).largest).toBe(0);
});

test('inception: convolutions and the head by trunc_normal(0.1), the auxiliary head by trunc_normal(0.001)', () => {
  const only = /^Mixed_5b\.branch5x5_2|AuxLogits\.(conv1|fc)|^fc/;
  const model = inception({ auxiliary: true, narrow: (channels) => channels / 4 });
  const first = initialised((s) => applyModel(model, s, input('x', 'f32', [1, 3, 299, 299]), { numClasses: 100 }), {
    only,
  });
  expectNormal(numbersOf(first['Mixed_5b.branch5x5_2.conv.weight']), 0.1);
  expectNormal(numbersOf(first['AuxLogits.conv1.conv.weight']), 0.1);
  expectNormal(numbersOf(first['AuxLogits.fc.weight']), 0.001);
  expectNormal(numbersOf(first['fc.weight']), 0.1);
  expectUniform(numbersOf(first['fc.bias']), 1 / Math.sqrt(512));
});

test('convnext: weights by trunc_normal(0.02), biases 0, layer scale 1e-6', () => {
  const narrow = convnext({
    stages: [
      [8, 1],
      [64, 2],
    ],
    stochasticDepth: 0,
  });
  const first = start(narrow, { numClasses: 100 });
  expectNormal(numbersOf(first['features.3.1.block.0.weight']), 0.02);
  expectNormal(numbersOf(first['features.3.1.block.3.weight']), 0.02);
  expectNormal(numbersOf(first['classifier.2.weight']), 0.02);
  expect(momentsOf(numbersOf(first['features.3.1.block.3.bias'])).largest).toBe(0);
  expect([...numbersOf(first['features.1.0.layer_scale'])]).toEqual(new Array(8).fill(Math.fround(1e-6)));
});

test('vit: attention and feed-forward parts by xavier_uniform, the head and the class token 0', () => {
  const narrow = vit({ patch: 16, layers: 1, heads: 2, width: 64, hidden: 1024 });
  const first = start(narrow, { numClasses: 100 });
  const layer = 'encoder.layers.encoder_layer_0';
  expectNormal(numbersOf(first['conv_proj.weight']), 1 / Math.sqrt(3 * 16 * 16));
  expectNormal(numbersOf(first['encoder.pos_embedding']), 0.02);
  expectUniform(numbersOf(first[`${layer}.self_attention.in_proj_weight`]), Math.sqrt(6 / (64 + 192)));
  expectUniform(numbersOf(first[`${layer}.self_attention.out_proj.weight`]), 1 / Math.sqrt(64));
  expectUniform(numbersOf(first[`${layer}.mlp.0.weight`]), Math.sqrt(6 / (64 + 1024)));
  expectNormal(numbersOf(first[`${layer}.mlp.0.bias`]), 1e-6);
  const zero = ['class_token', 'conv_proj.bias', `${layer}.self_attention.in_proj_bias`, 'heads.head.weight'];
  for (const name of zero) expect(momentsOf(numbersOf(first[name])).largest, name).toBe(0);
});

test('swin: linear layers by trunc_normal(0.02), relative positions as torchvision counts them', () => {
  const first = start(narrowModels.swin!);
  const wide = start(
    swin({
      width: 32,
      stages: [
        [1, 2],
        [1, 4],
      ],
      window: 7,
      stochasticDepth: 0,
    }),
  );
  expectUniform(numbersOf(wide['features.0.0.weight']), 1 / Math.sqrt(48));
  for (const part of ['attn.qkv', 'attn.proj', 'mlp.0', 'mlp.3']) {
    expectNormal(numbersOf(wide[`features.3.0.${part}.weight`]), 0.02);
    expect(momentsOf(numbersOf(wide[`features.3.0.${part}.bias`])).largest, part).toBe(0);
  }
  expectNormal(numbersOf(wide['features.3.0.attn.relative_position_bias_table']), 0.02);
  const index = 'features.1.0.attn.relative_position_index';
  expect(first[index]).toEqual(golden('model-swin').tensors[`init/${index}`]);
});

describe('each variable has a stream of its own', () => {
  const narrow = conv4({ filters: 6 });
  const random = (name: string) => name.endsWith('conv.weight') || name.endsWith('conv.bias') || name.startsWith('fc.');
  test('another head leaves the body bit for bit', () => {
    const ten = start(narrow, { numClasses: 10 });
    const seven = start(narrow, { numClasses: 7 });
    const body = Object.keys(ten).filter((name) => !name.startsWith('fc.'));
    expect(body.length).toBeGreaterThan(20);
    for (const name of body) expect(seven[name], name).toEqual(ten[name]);
    expect([ten['fc.weight']!.shape[0], seven['fc.weight']!.shape[0]]).toEqual([10, 7]);
  });
  test('the order in which they are asked for does not matter', () => {
    const { scope, trace } = Scope.root({ training: true });
    applyModel(narrow, scope, input('x', 'f32', [1, 3, 28, 28]), { numClasses: 10 });
    const variables: Variable[] = [...trace.variables.values()];
    expect(initialise(variables.toReversed(), 3)).toEqual(initialise(variables, 3));
  });
  test('the same seed repeats, another seed changes everything that is random', () => {
    const first = start(narrow);
    const same = start(narrow);
    const other = start(narrow, { seed: 1 });
    expect(same).toEqual(first);
    const changed = Object.keys(first).filter((name) => random(name));
    expect(changed.length).toBe(10);
    for (const name of changed) {
      const values = numbersOf(first[name]);
      const equal = numbersOf(other[name]).filter((x, i) => x === values[i]).length;
      expect(equal, name).toBe(0);
    }
  });
  test('layers of one shape differ', () => {
    const first = start(narrow);
    expect(first['layer3.conv.weight']).not.toEqual(first['layer2.conv.weight']);
  });
});
