import { describe, expect, test } from 'vitest';
import { evaluate, gaussian, numbers } from '../../../../test/run.ts';
import { ShapeError } from '../base/errors.ts';
import { randomStream } from '../base/random.ts';
import { f32, i64, type Tensor, type Tensors, tensor } from '../base/tensor.ts';
import { grad } from '../grad/index.ts';
import { constant, input, reachable, type Value } from '../graph/index.ts';
import { reduceSum } from '../ops/index.ts';
import { batchNorm } from './batch-norm.ts';
import { filled } from './initialisers.ts';
import { adaptiveAveragePool, conv2d, dropout, globalAveragePool, linear, normalisePixels } from './layers.ts';
import { crossEntropy, oneHot } from './losses.ts';
import { type BatchNormPolicy, drawNoise, initialise, Scope, type TraceOptions } from './scope.ts';

const expectClose = (actual: Tensor | undefined, expected: readonly number[], digits = 5) => {
  expect(actual!.data.length).toBe(expected.length);
  numbers(actual).forEach((value, i) => {
    expect(value).toBeCloseTo(expected[i]!, digits);
  });
};

describe('batchNorm', () => {
  const x = gaussian([4, 2, 3, 1], 'images');
  const variables: Tensors = {
    weight: f32([2], [1.5, -0.5]),
    bias: f32([2], [0.25, 2]),
    running_mean: f32([2], [0.3, -0.2]),
    running_var: f32([2], [2, 0.5]),
    num_batches_tracked: i64([], [41]),
  };
  const of = (name: string) => numbers(variables[name]);

  /** The numbers of one channel, and each channel's mean and biased variance. */
  const channel = (c: number) => numbers(x).filter((_, i) => Math.floor(i / 3) % 2 === c);
  const mean = [0, 1].map((c) => channel(c).reduce((sum, value) => sum + value, 0) / 12);
  const variance = [0, 1].map((c) => channel(c).reduce((sum, value) => sum + (value - mean[c]!) ** 2, 0) / 12);
  const normalised = (m: readonly number[], v: readonly number[]) =>
    numbers(x).map((value, i) => {
      const c = Math.floor(i / 3) % 2;
      return ((value - m[c]!) / Math.sqrt(v[c]! + 1e-5)) * of('weight')[c]! + of('bias')[c]!;
    });
  const byBatch = normalised(mean, variance);
  const byRunning = normalised(of('running_mean'), of('running_var'));

  const table: [BatchNormPolicy, training: boolean, y: number[], updates: number][] = [
    ['running', true, byBatch, 3],
    ['running', false, byRunning, 0],
    ['batch', true, byBatch, 0],
    ['batch', false, byBatch, 0],
    ['frozen', true, byRunning, 0],
    ['frozen', false, byRunning, 0],
  ];
  const build = (options: TraceOptions) => {
    const { scope, trace } = Scope.root(options);
    return { y: batchNorm(scope, input('x', 'f32', x.shape)), trace };
  };

  test.each(table)('%s, training %s', async (policy, training, expected, updates) => {
    const { y, trace } = build({ training, batchNorm: policy });
    expect(trace.updates.size).toBe(updates);
    expectClose((await evaluate({ y }, { ...variables, x })).y, expected);
  });

  test('`running` folds in a tenth of the batch, with the unbiased variance, and counts', async () => {
    const { trace } = build({ training: true, batchNorm: 'running' });
    const updates = await evaluate(Object.fromEntries(trace.updates), { ...variables, x });
    const folded = (name: string, batch: readonly number[]) => of(name).map((old, c) => 0.9 * old + 0.1 * batch[c]!);
    expectClose(updates.running_mean, folded('running_mean', mean));
    expectClose(
      updates.running_var,
      folded(
        'running_var',
        variance.map((v) => (v * 12) / 11),
      ),
    );
    expect(updates.num_batches_tracked).toEqual(i64([], [42]));
  });

  test('a policy by path', () => {
    const policies: Record<string, BatchNormPolicy> = { 'layer1.bn': 'frozen', bn: 'running' };
    const { scope, trace } = Scope.root({ training: true, batchNorm: (path) => policies[path]! });
    batchNorm(scope.at('layer1').at('bn'), input('x', 'f32', x.shape));
    expect(trace.updates.size).toBe(0);
    batchNorm(scope.at('bn'), input('x', 'f32', x.shape));
    expect([...trace.updates.keys()]).toEqual(['bn.running_mean', 'bn.running_var', 'bn.num_batches_tracked']);
  });

  test('the gradient goes through the batch’s own statistics, and not through the running ones', async () => {
    const image = input('x', 'f32', x.shape);
    const gradientWith = async (policy: BatchNormPolicy) => {
      const { scope } = Scope.root({ training: true, batchNorm: policy });
      const [dx] = grad(reduceSum(batchNorm(scope, image)), [image]);
      return (await evaluate({ dx: dx! }, { ...variables, x })).dx;
    };
    expectClose(await gradientWith('batch'), numbers(x).fill(0)); // Σ y is Σ bias, whatever x is
    const slopes = of('running_var').map((v, c) => of('weight')[c]! / Math.sqrt(v + 1e-5));
    expectClose(
      await gradientWith('frozen'),
      numbers(x).map((_, i) => slopes[Math.floor(i / 3) % 2]!),
    );
  });
});

describe('dropout', () => {
  const shape = [100, 201]; // odd: two numbers are made of each random word
  const size = 100 * 201;
  const ones = tensor('f32', shape, new Float32Array(size).fill(1));
  const masked = async (p: number, seed = 0, step = 0, path = 'drop') => {
    const { scope, trace } = Scope.root({ training: true });
    const y = dropout(scope.at(path), input('x', 'f32', shape), p);
    return (await evaluate({ y }, { x: ones, ...drawNoise(trace.noise, seed, step) })).y!;
  };

  test.each([0.1, 0.5, 0.9])('p = %f: that share is zero, the others are scaled by 1/(1-p)', async (p) => {
    const y = numbers(await masked(p));
    const zeros = y.filter((value) => value === 0).length;
    expect(Math.abs(zeros / size - p)).toBeLessThan(4 * Math.sqrt((p * (1 - p)) / size));
    for (const value of new Set(y.filter((each) => each !== 0))) expect(value).toBeCloseTo(1 / (1 - p), 5);
  });
  test('neighbours are independent', async () => {
    const y = numbers(await masked(0.5)).map((value) => value - 1); // ±1
    for (const distance of [1, 2, 201]) {
      const sum = y.slice(distance).reduce((total, value, i) => total + value * y[i]!, 0);
      expect(Math.abs(sum)).toBeLessThan(4 * Math.sqrt(size));
    }
  });
  test('the same seed, step and place give the same mask; any other another', async () => {
    const first = await masked(0.5);
    expect(await masked(0.5)).toEqual(first);
    for (const other of [await masked(0.5, 1), await masked(0.5, 0, 1), await masked(0.5, 0, 0, 'elsewhere')]) {
      const same = numbers(other).filter((value, i) => value === first.data[i]).length;
      expect(Math.abs(same / size - 0.5)).toBeLessThan(4 * Math.sqrt(0.25 / size));
    }
  });
  test.each([1, 7, 2048, 5001])('of %i elements, each half of a random word decides one, for ever', (length) => {
    for (const keep of [0, 0.3, 0.5, 0.8, 1]) {
      const { mask } = drawNoise([{ name: 'mask', shape: [length], keep }], 9, 4);
      const stream = randomStream(9, 'noise', 4, 'mask');
      const words = Array.from({ length: Math.ceil(length / 2) }, () => stream.integer(2 ** 32));
      const halves = words.flatMap((word) => [Math.floor(word / 2 ** 16), word % 2 ** 16]).slice(0, length);
      expect(numbers(mask!)).toEqual(halves.map((half) => (half < keep * 2 ** 16 ? 1 : 0)));
    }
  });
  test.each([
    ['in evaluation', false, 0.5],
    ['with p = 0', true, 0],
  ])('%s it is nothing', (_name, training, p) => {
    const { scope, trace } = Scope.root({ training });
    const x = input('x', 'f32', [2]);
    expect(dropout(scope, x, p)).toBe(x);
    expect(trace.noise).toEqual([]);
  });
});

describe('pooling', () => {
  const x = f32([1, 2, 2, 3], [1, 2, 3, 4, 5, 6, 10, 20, 30, 40, 50, 60]);
  const image = input('x', 'f32', x.shape);
  const table: [string, Value, number[], number[]][] = [
    ['global', globalAveragePool(image), [1, 2], [3.5, 35]],
    ['adaptive to 1x1', adaptiveAveragePool(image, [1, 1]), [1, 2, 1, 1], [3.5, 35]],
    ['adaptive to 1x3', adaptiveAveragePool(image, [1, 3]), [1, 2, 1, 3], [2.5, 3.5, 4.5, 25, 35, 45]],
    ['adaptive to 2x2', adaptiveAveragePool(image, [2, 2]), [1, 2, 2, 2], [1.5, 2.5, 4.5, 5.5, 15, 25, 45, 55]],
    ['adaptive to its own size', adaptiveAveragePool(image, [2, 3]), [1, 2, 2, 3], numbers(x)],
  ];
  test.each(table)('%s', async (_name, y, shape, expected) => {
    expect(y.shape).toEqual(shape);
    expectClose((await evaluate({ y }, { x })).y, expected);
  });
  test('1x1 is a plain mean, without matrices', () => {
    const ops = reachable([adaptiveAveragePool(image, [1, 1])]).map((value) => value.op.name);
    expect(ops).not.toContain('MatMul');
  });
});

describe('linear and pixels', () => {
  test('y = x · Wᵀ + b on any number of leading axes', async () => {
    const { scope, trace } = Scope.root({ training: false });
    const y = linear(scope, input('x', 'f32', [2, 1, 3]), { features: 2 });
    expect([...trace.variables.values()].map(({ name, shape }) => [name, shape])).toEqual([
      ['weight', [2, 3]],
      ['bias', [2]],
    ]);
    const feeds = { weight: f32([2, 3], [1, 2, 3, 4, 5, 6]), bias: f32([2], [10, 20]) };
    const results = await evaluate({ y }, { ...feeds, x: f32([2, 1, 3], [1, 0, 0, 1, 1, 1]) });
    expect(results.y).toEqual(f32([2, 1, 2], [11, 24, 16, 35]));
  });
  test('bytes are normalised as torchvision does', async () => {
    const [mean, std] = [
      [0.485, 0.456, 0.406],
      [0.229, 0.224, 0.225],
    ];
    const y = normalisePixels(input('x', 'u8', [1, 3, 1, 2]), { mean, std });
    const bytes = [0, 255, 1, 128, 17, 200];
    const results = await evaluate({ y }, { x: tensor('u8', [1, 3, 1, 2], Uint8Array.from(bytes)) });
    const expected = bytes.map((byte, i) => (byte / 255 - mean[i >> 1]!) / std[i >> 1]!);
    expectClose(results.y, expected);
  });
});

describe('losses', () => {
  test('oneHot', async () => {
    const y = oneHot(constant(i64([3], [2, 0, 1])), 3);
    expect((await evaluate({ y })).y).toEqual(f32([3, 3], [0, 0, 1, 1, 0, 0, 0, 1, 0]));
  });
  test('large logits overflow nothing', async () => {
    const loss = crossEntropy(constant(f32([1, 3], [1e4, -1e4, 0])), constant(i64([1], [1])));
    expect(numbers((await evaluate({ loss })).loss)).toEqual([20_000]);
  });
  test('the focal loss and its gradient are numbers where the answer is certain', async () => {
    const logits = input('logits', 'f32', [2, 3]);
    const labels = constant(i64([2], [0, 1]));
    const certain = { logits: f32([2, 3], [200, 0, 0, 200, 0, 0]) };
    for (const focalGamma of [0.5, 1, 2]) {
      const loss = crossEntropy(logits, labels, { focalGamma });
      const results = await evaluate({ loss, slope: grad(loss, [logits])[0]! }, certain);
      expect(numbers(results.loss)).toEqual([100]);
      expectClose(results.slope, [0, 0, 0, 0.5, -0.5, 0]);
    }
  });
  test('class weights of another number', () => {
    const logits = input('logits', 'f32', [2, 3]);
    const labels = input('labels', 'i64', [2]);
    expect(() => crossEntropy(logits, labels, { classWeights: [1, 2] })).toThrow(
      new ShapeError({ op: 'crossEntropy', expected: '3 class weights', received: '2' }),
    );
  });
});

describe('Scope', () => {
  const shape = [1, 3, 4, 4];
  test('names are joined by dots; the same name is the same value', () => {
    const { scope, trace } = Scope.root({ training: true });
    const layer = scope.at('layer1').at(0);
    const first = layer.param('weight', [2], filled(0));
    expect(layer.path).toBe('layer1.0');
    expect(layer.param('weight', [2], filled(0))).toBe(first);
    expect([...trace.variables.keys()]).toEqual(['layer1.0.weight']);
  });
  test('endpoints are named by the model, wherever they stand', () => {
    const { scope, trace } = Scope.root({ training: true });
    const x = input('x', 'f32', [2]);
    expect(scope.at('deep').at('down').endpoint('relu', x)).toBe(x);
    expect([...trace.endpoints]).toEqual([['relu', x]]);
  });
  test('a variable can be replaced, by name', () => {
    const weight = constant(f32([2, 3, 1, 1], [1, 1, 1, 2, 2, 2]));
    const { scope, trace } = Scope.root({
      training: true,
      variable: ({ name, dtype, shape: own }) => (name === 'conv.weight' ? weight : input(name, dtype, own)),
    });
    conv2d(scope.at('conv'), input('x', 'f32', shape), { channels: 2, kernel: 1 });
    expect(trace.values.get('conv.weight')).toBe(weight);
    expect([...trace.variables.keys()]).toEqual(['conv.weight', 'conv.bias']);
  });
  test('locate adds the innermost place to a shape error, and leaves other errors alone', () => {
    const { scope } = Scope.root({ training: true });
    const outer = scope.at('layer1');
    const shapes = () => {
      throw new ShapeError({ op: 'add', expected: 'a', received: 'b' });
    };
    expect(() => outer.locate(() => outer.at('conv1').locate(shapes))).toThrow(
      'add: expected a, received b at layer1.conv1.',
    );
    const bug = new TypeError('a bug');
    expect(() =>
      outer.locate(() => {
        throw bug;
      }),
    ).toThrow(bug);
    expect(outer.locate(() => 3)).toBe(3);
  });
  test('a layer that does not fit says where', () => {
    const { scope } = Scope.root({ training: true });
    const call = () => conv2d(scope.at('features').at(3), input('x', 'f32', shape), { channels: 4, kernel: 5 });
    expect(call).toThrow(/^conv2d: a 5x5 kernel does not fit into 4x4 .* at features\.3\.$/);
    const groups = () => conv2d(scope.at('dw'), input('x', 'f32', shape), { channels: 4, kernel: 1, groups: 2 });
    expect(groups).toThrow(/^conv2d: 3 input and 4 output channels do not divide into 2 groups .* at dw\.$/);
  });
  test('buffers keep their type', () => {
    const { scope, trace } = Scope.root({ training: true });
    scope.buffer('count', 'i64', [2], filled(3));
    expect(initialise(trace.variables.values(), 0).count).toEqual(i64([2], [3, 3]));
  });
});
