import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openOnnx } from 'graft-ml/internal/export/onnx-session';
import { describe, expect, test } from 'vitest';
import { golden } from '../../../../test/golden.ts';
import { narrowSource, pixelsOf } from '../../../../test/narrow-exports.ts';
import { f32, type Tensors, tensor } from '../base/tensor.ts';
import { decode } from '../graph/decode.ts';
import { ActivationHistogram } from './activation-range.ts';
import {
  calibrate,
  foldBatchNorms,
  layerErrors,
  networkModel,
  type OnnxModel,
  quantisableLayers,
  quantise,
  writeOnnx,
} from './index.ts';
import { onnxTensor } from './onnx-model.ts';
import { f32Tensor, floatsOf, i64Tensor, onnxNode } from './onnx-numbers.ts';
import { leastScalesFor, meanErrors, quantiseBias, quantiseWeights, scaleOf } from './quantise-weights.ts';

/** Numbers between -1 and 1 that do not repeat soon. */
const numbers = (count: number, seed = 0) =>
  Float32Array.from({ length: count }, (_, i) => Math.sin(1 + seed + i * 1.7 + (i * i) / 97));

describe('scales', () => {
  test.each([
    [-1, 3],
    [0, 6],
    [0.5, 2],
    [-4, -1],
  ])('from %f to %f: zero is exact, and nothing is off by more than half a step', (minimum, maximum) => {
    const { scale, zeroPoint } = scaleOf({ minimum, maximum });
    expect(Number.isInteger(zeroPoint)).toBe(true);
    const rounded = (x: number) => (Math.min(255, Math.max(0, Math.round(x / scale) + zeroPoint)) - zeroPoint) * scale;
    expect(rounded(0)).toBe(0);
    for (let i = 0; i <= 1000; i++) {
      const x = minimum + ((maximum - minimum) * i) / 1000;
      // The zero point is rounded, too, so that the ends of the range move by up to half a step.
      expect(Math.abs(rounded(x) - x)).toBeLessThanOrEqual(scale * 1.0001);
    }
  });

  test('an activation that is always zero has a scale', () => {
    expect(scaleOf({ minimum: 0, maximum: 0 })).toEqual({ scale: 1, zeroPoint: 0 });
  });
});

describe('weights', () => {
  const weight = f32Tensor(
    [4, 3, 3, 3],
    numbers(108).map((x, i) => x * 10 ** -Math.floor(i / 27)),
  );

  test.each([7, 8] as const)('of %i bits are within half a step of each channel', (bits) => {
    const { weights, scales } = quantiseWeights(weight, 0, { bits });
    const integers = new Int8Array(weights.bytes.buffer);
    floatsOf(weight).forEach((value, i) => {
      const scale = scales[Math.floor(i / 27)]!;
      expect(Math.abs(integers[i]! * scale - value)).toBeLessThanOrEqual(scale * 0.5001);
    });
    for (const channel of [0, 1, 2, 3]) {
      const magnitudes = [...integers.slice(channel * 27, (channel + 1) * 27)].map(Math.abs).sort((a, b) => b - a);
      if (bits === 8) expect(magnitudes[0]).toBe(127);
      else expect(magnitudes[0]).toBeGreaterThanOrEqual(64);
    }
  });

  /** The largest sum of two products with an activation of 255, over the channels. */
  const largestPair = (bits: 7 | 8, values: Float32Array) => {
    const width = 9;
    const { weights } = quantiseWeights(f32Tensor([values.length / width, width], values), 0, { bits });
    const integers = [...new Int8Array(weights.bytes.buffer)].map(Math.abs);
    const sums = Array.from({ length: values.length / width }, (_, row) => {
      const [a, b] = integers.slice(row * width, (row + 1) * width).sort((p, q) => q - p);
      return 255 * (a! + b!);
    });
    return Math.max(...sums);
  };

  test('of 7 bits never add up to more than 16 bits in pairs, those of 8 bits can', () => {
    const many = numbers(9 * 2000).map((x, i) => x ** (1 + 2 * (i % 4)));
    expect(largestPair(7, many)).toBeLessThanOrEqual(2 ** 15 - 1);
    expect(largestPair(8, many)).toBeGreaterThan(2 ** 15 - 1);
  });

  test('of 8 bits are nearer than those of 7', () => {
    const error = (bits: 7 | 8) => {
      const { weights, scales } = quantiseWeights(weight, 0, { bits });
      const integers = new Int8Array(weights.bytes.buffer);
      return Math.hypot(...floatsOf(weight).map((value, i) => integers[i]! * scales[Math.floor(i / 27)]! - value));
    };
    expect(error(8)).toBeLessThan(0.7 * error(7));
  });

  test('of auto bits never add up to more than 16 bits in the pairs of channels-last kernels, and are nearer than 7', () => {
    const shape = [40, 6, 3, 3];
    const values = numbers(40 * 54).map((x, i) => x ** (1 + 2 * (i % 4)) + 0.4);
    const quantised = (bits: 7 | 8 | 'auto', isDepthwise = false) =>
      quantiseWeights(f32Tensor(shape, values), 0, { bits, isDepthwise });
    const pairs = ({ weights }: ReturnType<typeof quantised>) => {
      const integers = new Int8Array(weights.bytes.buffer);
      // (kernel position, input channel), the channel the fastest
      const at = (row: number, k: number) => integers[row * 54 + (k % 6) * 9 + Math.floor(k / 6)]!;
      return Array.from(
        { length: 40 * 53 },
        (_, i) => at(Math.floor(i / 53), i % 53) + at(Math.floor(i / 53), (i % 53) + 1),
      );
    };
    const error = ({ weights, scales }: ReturnType<typeof quantised>) => {
      const integers = new Int8Array(weights.bytes.buffer);
      return Math.hypot(...values.map((value, i) => integers[i]! * scales[Math.floor(i / 54)]! - value));
    };
    const largest = (sums: number[]) => Math.max(...sums.map(Math.abs));
    expect(largest(pairs(quantised('auto')))).toBeLessThanOrEqual(128);
    expect(largest(pairs(quantised(8)))).toBeGreaterThan(128);
    expect(error(quantised('auto'))).toBeLessThan(error(quantised(7)));
    expect(error(quantised(8))).toBeLessThan(error(quantised('auto')));
    // Depthwise convolutions are not computed in pairs.
    expect(quantised('auto', true)).toEqual(quantised(8));
  });

  test('that are multiplied with larger numbers are nearer', () => {
    const values = numbers(2 * 64).map((x, i) => (i % 64 === 5 ? 0.3337 : x));
    const importance = Float64Array.from({ length: 64 }, (_, i) => (i === 5 ? 1e6 : 1));
    const error = (options: { importance?: Float64Array }) => {
      const { weights, scales } = quantiseWeights(f32Tensor([2, 64], values), 0, { bits: 8, ...options });
      return Math.abs(new Int8Array(weights.bytes.buffer)[5]! * scales[0]! - values[5]!);
    };
    expect(error({ importance })).toBeLessThan(error({}));
  });

  test('add what their rounding adds, on average', () => {
    const values = numbers(4 * 2 * 3);
    const weight2 = f32Tensor([4, 2, 1, 3], values); // 4 outputs in 2 groups, of 2 inputs each
    const rounded = quantiseWeights(weight2, 0, { bits: 7 });
    const integers = new Int8Array(rounded.weights.bytes.buffer);
    const means = Float64Array.of(1, -2, 3, 0.5);
    const errors = meanErrors(weight2, 0, rounded, means)!;
    for (const output of [0, 1, 2, 3]) {
      let expected = 0;
      for (let i = 0; i < 6; i++) {
        const mean = means[(output < 2 ? 0 : 2) + Math.floor(i / 3)]!;
        expected += (integers[output * 6 + i]! * rounded.scales[output]! - values[output * 6 + i]!) * mean;
      }
      expect(errors[output]).toBeCloseTo(expected, 10);
    }
    expect(meanErrors(weight2, 0, rounded, Float64Array.of(1, 2, 3))).toBeUndefined();
  });

  test('of 7 bits use the eighth where one of a channel stands out', () => {
    const { weights } = quantiseWeights(f32Tensor([1, 3], Float32Array.of(1, -0.25, 0.1)), 0, { bits: 7 });
    expect([...new Int8Array(weights.bytes.buffer)]).toEqual([102, -25, 10]);
    const lone = quantiseWeights(f32Tensor([2, 1], Float32Array.of(0.3, 0)), 0, { bits: 7 });
    expect([...new Int8Array(lone.weights.bytes.buffer)]).toEqual([127, 0]);
    expect([...lone.scales].every((scale) => scale > 0)).toBe(true);
  });

  test('along the last axis, as matrices have their channels', () => {
    const { scales } = quantiseWeights(f32Tensor([2, 3], Float32Array.of(1, 20, 0, -2, 10, 0)), 1, { bits: 8 });
    expect(scales[1]! / scales[0]!).toBeCloseTo(10, 5);
    expect(scales[2]).toBe(1);
    const { weights } = quantiseWeights(f32Tensor([2, 3], Float32Array.of(1, 20, 0, -2, 10, 0)), 1, { bits: 8 });
    [...new Int8Array(weights.bytes.buffer)].forEach((integer, i) => {
      expect(integer * scales[i % 3]!).toBeCloseTo([1, 20, 0, -2, 10, 0][i]!, 0);
    });
  });

  test('a bias that is far larger than its weights still fits into 32 bits', () => {
    const bias = Float32Array.of(1000, -3);
    const least = leastScalesFor(bias, 1e-3);
    const { scales } = quantiseWeights(f32Tensor([2, 1], Float32Array.of(1e-9, 1)), 0, { bits: 8, leastScales: least });
    const { bias: integers, scales: products } = quantiseBias(bias, scales, 1e-3);
    const values = new Int32Array(integers.bytes.buffer);
    bias.forEach((value, c) => {
      expect(values[c]! * products[c]!).toBeCloseTo(value, 3);
    });
  });
});

describe('ranges', () => {
  const rangeOf = (method: 'minmax' | 'percentile' | 'mse', ...parts: Float32Array[]) => {
    const histogram = new ActivationHistogram();
    for (const part of parts) histogram.add(part);
    return histogram.range(method);
  };
  const bulk = numbers(50_000).map((x) => Math.max(0, x) * 2);
  const outlier = Float32Array.of(90);

  test('do not depend on the order of the images', () => {
    for (const method of ['minmax', 'percentile', 'mse'] as const) {
      expect(rangeOf(method, bulk, outlier)).toEqual(rangeOf(method, outlier, bulk));
    }
  });

  test('minmax holds every number, percentile and mse leave a lone one out', () => {
    expect(rangeOf('minmax', bulk, outlier)).toEqual({ minimum: 0, maximum: 90 });
    const percentile = rangeOf('percentile', bulk, outlier);
    expect(percentile.minimum).toBe(0);
    expect(percentile.maximum).toBeLessThan(2.1);
    expect(percentile.maximum).toBeGreaterThan(1.9);
    const lowest = rangeOf(
      'mse',
      bulk.map((x) => x - 1),
      Float32Array.of(-1, 1),
    ).minimum;
    expect(lowest).toBeLessThan(-0.9);
  });

  test('mse weighs clipping against rounding', () => {
    const many = new Float32Array(200).fill(90);
    expect(rangeOf('mse', bulk, many).maximum).toBeCloseTo(90, 0);
    // Of 400,000 numbers up to 1, finer steps gain more than clipping a 2 costs.
    const { maximum } = rangeOf('mse', numbers(400_000), Float32Array.of(2));
    expect(maximum).toBeLessThan(1.2);
    expect(maximum).toBeGreaterThan(0.8);
  });
});

const images = (count: number, side: number): Tensors[] =>
  Array.from({ length: count }, (_, i) => {
    const pixels = pixelsOf(count, side).slice(i * 3 * side * side, (i + 1) * 3 * side * side);
    return { pixels: tensor('u8', [1, 3, side, side], pixels) };
  });

async function logitsOf(model: OnnxModel, feeds: readonly Tensors[]): Promise<number[]> {
  const session = await openOnnx(writeOnnx(model));
  const logits: number[] = [];
  for (const feed of feeds) logits.push(...((await session.run(feed)).logits!.data as Float32Array));
  await session.release();
  return logits;
}

async function calibrated(name: string) {
  const source = narrowSource(name);
  const model = foldBatchNorms(networkModel(source, 'pixels', 1));
  const feeds = images(3, source.preprocessing.crop);
  return { model, feeds, ranges: await calibrate(model, feeds, { open: openOnnx }) };
}

/** The operators that a session of ONNX Runtime runs. */
async function runOperators(model: OnnxModel): Promise<Set<string>> {
  const folder = mkdtempSync(join(tmpdir(), 'graft-int8-'));
  try {
    const optimizedModelFilePath = join(folder, 'optimised.onnx');
    const options = { optimizedModelFilePath, graphOptimizationLevel: 'all', logSeverityLevel: 3 } as const;
    await (await openOnnx(writeOnnx(model), options)).release();
    return new Set(decode(readFileSync(optimizedModelFilePath)).nodes.map(({ operator }) => operator));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

describe('quantised networks', () => {
  test.each([
    ['squeezenet1_1', ['QLinearConv', 'QLinearConcat']],
    ['resnet_basic', ['QLinearConv', 'QLinearAdd', 'QLinearGlobalAveragePool', 'QGemm']],
    ['mobilenet_v3', ['QLinearConv', 'QLinearAdd', 'QLinearMul', 'QGemm']],
    ['efficientnet', ['QLinearConv', 'QLinearSigmoid', 'QLinearMul']],
    ['densenet', ['QLinearConv', 'QLinearConcat', 'QLinearAveragePool']],
    ['conv4', ['QLinearConv', 'QGemm']],
    ['vit', ['QLinearConv', 'QGemm']],
  ])('%s runs on integers, and its logits stay near', async (name, expected) => {
    const { model, feeds, ranges } = await calibrated(name);
    const quantised = quantise(model, ranges);
    const [before, after] = [await logitsOf(model, feeds), await logitsOf(quantised, feeds)];
    const scale = Math.max(...before.map(Math.abs));
    before.forEach((value, i) => {
      expect(Math.abs(after[i]! - value) / scale).toBeLessThan(0.15);
    });
    expect(after).not.toEqual(before);
    const operators = await runOperators(quantised);
    expect([...operators]).toEqual(expect.arrayContaining(expected));
    for (const floating of ['Conv', 'Relu', 'Clip', 'MaxPool']) expect([...operators]).not.toContain(floating);
  });

  test('zeros around the input of a convolution become its padding', async () => {
    const x = numbers(2 * 5 * 4);
    const model: OnnxModel = {
      opsets: new Map([['', 18]]),
      metadata: {},
      nodes: [
        onnxNode('Pad', ['x', 'around'], 'padded'),
        onnxNode('Conv', ['padded', 'weight'], 'c', { strides: { kind: 'ints', value: [2, 2] } }),
        onnxNode('Relu', ['c'], 'logits'),
      ],
      initializers: new Map([
        ['around', i64Tensor([0, 0, 0, 1, 0, 0, 2, 1])],
        ['weight', f32Tensor([3, 2, 3, 3], numbers(54, 2))],
      ]),
      inputs: [{ name: 'x', dtype: 'f32', shape: [1, 2, 5, 4] }],
      outputs: [{ name: 'logits', dtype: 'f32', shape: [1, 3, 3, 2] }],
    };
    const feeds = [{ x: f32([1, 2, 5, 4], x) }];
    const quantised = quantise(model, await calibrate(model, feeds, { open: openOnnx }));
    expect(quantised.nodes.map(({ operator }) => operator)).not.toContain('Pad');
    const [before, after] = [await logitsOf(model, feeds), await logitsOf(quantised, feeds)];
    before.forEach((value, i) => {
      expect(after[i]).toBeCloseTo(value, 1);
    });
  });

  test.each(['resnet_basic', 'mobilenet_v3'])('a layer of %s that is kept is computed in f32', async (name) => {
    const { model, feeds, ranges } = await calibrated(name);
    const layers = quantisableLayers(model, ranges);
    expect(new Set(layers).size).toBe(layers.length);
    const errors = await layerErrors(model, ranges, feeds, { open: openOnnx });
    expect(errors.map((layer) => layer.name).toSorted()).toEqual(layers.toSorted());
    expect(errors[0]!.error).toBeGreaterThanOrEqual(errors.at(-1)!.error);
    // A layer between others: a session would quantise its weights by itself if it could.
    const middle = layers[Math.floor(layers.length / 2)]!;
    const quantised = quantise(model, ranges, { keep: new Set([middle]) });
    expect([...quantised.initializers.keys()].filter((key) => key.startsWith(`${middle}.`))).toContainEqual(
      expect.stringMatching(/weight(_folded)?$/),
    );
    const operators = await runOperators(quantised);
    const floating = [...operators].filter((operator) => /^(Fused)?(Conv|Gemm|MatMul)$/.test(operator));
    expect(floating).toHaveLength(1);
    expect([...(await runOperators(quantise(model, ranges)))]).not.toContain(floating[0]);
    const all = await logitsOf(quantise(model, ranges, { keep: new Set(layers) }), feeds);
    const exact = await logitsOf(model, feeds);
    all.forEach((value, i) => {
      expect(value).toBeCloseTo(exact[i]!, 4);
    });
  });

  test('ranges and zero points are those of ONNX Runtime’s own quantiser, and scales of weights as near', async () => {
    const { tensors } = golden('int8');
    const parameters = ['first', 'depthwise', 'last'].flatMap((layer) => [`${layer}.weight`, `${layer}.bias`]);
    const around = { pads: { kind: 'ints', value: [1, 1, 1, 1] } } as const;
    const model: OnnxModel = {
      opsets: new Map([['', 18]]),
      metadata: {},
      nodes: [
        onnxNode('Conv', ['x', 'first.weight', 'first.bias'], 'a', around),
        onnxNode('Relu', ['a'], 'b'),
        onnxNode('Conv', ['b', 'depthwise.weight', 'depthwise.bias'], 'c', {
          ...around,
          group: { kind: 'int', value: 8 },
        }),
        onnxNode('Clip', ['c', 'zero', 'six'], 'd'),
        onnxNode('Conv', ['d', 'last.weight', 'last.bias'], 'logits'),
      ],
      initializers: new Map([
        ...parameters.map((name) => [name, onnxTensor(tensors[name]!)] as const),
        ['zero', f32Tensor([], Float32Array.of(0))],
        ['six', f32Tensor([], Float32Array.of(6))],
      ]),
      inputs: [{ name: 'x', dtype: 'f32', shape: [1, 3, 10, 10] }],
      outputs: [{ name: 'logits', dtype: 'f32', shape: [1, 5, 10, 10] }],
    };
    const images = tensors.images!.data as Float32Array;
    const feeds = Array.from({ length: 8 }, (_, i) => ({
      x: f32([1, 3, 10, 10], images.slice(300 * i, 300 * i + 300)),
    }));
    const ranges = await calibrate(model, feeds, { open: openOnnx, method: 'minmax' });
    expect(quantisableLayers(model, ranges)).toEqual(['first', 'depthwise', 'last']);
    for (const name of ['x', 'b', 'd']) {
      const { scale, zeroPoint } = scaleOf(ranges.get(name)!);
      expect(scale / Number(tensors[`scale/${name}`]!.data[0])).toBeCloseTo(1, 5);
      expect(zeroPoint + 0).toBe(Number(tensors[`zero/${name}`]!.data[0]));
    }
    // Theirs are the largest weight over 127; ours clip or widen where that is nearer, but not by far.
    const theirs = tensors['weight_scale/first']!.data as Float32Array;
    const weight = onnxTensor(tensors['first.weight']!);
    const { weights, scales } = quantiseWeights(weight, 0, { bits: 8 });
    const integers = new Int8Array(weights.bytes.buffer);
    const error = (channel: number, rounded: (value: number, i: number) => number) =>
      Math.hypot(
        ...floatsOf(weight)
          .slice(27 * channel, 27 * channel + 27)
          .map((value, i) => rounded(value, i) - value),
      );
    theirs.forEach((scale, channel) => {
      const ours = error(channel, (_, i) => integers[27 * channel + i]! * scales[channel]!);
      expect(ours).toBeLessThanOrEqual(error(channel, (value) => Math.round(value / scale) * scale) * 1.0001);
    });
  });

  test('their weights take a quarter of the bytes', async () => {
    const { model, ranges } = await calibrated('resnet_basic');
    expect(writeOnnx(quantise(model, ranges)).length).toBeLessThan(0.45 * writeOnnx(model).length);
  });

  test('a product of matrices is within two percent', async () => {
    const x = numbers(640);
    const model = dense(f32Tensor([64, 8], numbers(512, 5)));
    const feeds = Array.from({ length: 10 }, (_, i) => ({ x: f32([1, 64], x.subarray(64 * i, 64 * i + 64)) }));
    const ranges = await calibrate(model, feeds, { open: openOnnx });
    const exact = await logitsOf(model, feeds);
    const logits = await logitsOf(quantise(model, ranges), feeds);
    expect(Math.hypot(...logits.map((value, i) => value - exact[i]!)) / Math.hypot(...exact)).toBeLessThan(0.02);
  });

  test('without images there is nothing to calibrate with', async () => {
    await expect(calibrate(dense(f32Tensor([64, 8], numbers(512))), [], { open: openOnnx })).rejects.toThrow(
      'there are no images to calibrate with',
    );
  });

  test('an activation that is not finite is named', async () => {
    const model = dense(f32Tensor([64, 8], new Float32Array(512).fill(3e38)));
    const feeds = [{ x: f32([1, 64], new Float32Array(64).fill(10)) }];
    await expect(calibrate(model, feeds, { open: openOnnx })).rejects.toThrow('"logits" is not finite');
  });
});

/** x (1, k) · weight (k, n). */
function dense(weight: ReturnType<typeof f32Tensor>): OnnxModel {
  return {
    opsets: new Map([['', 18]]),
    metadata: {},
    nodes: [onnxNode('MatMul', ['x', 'weight'], 'logits')],
    initializers: new Map([['weight', weight]]),
    inputs: [{ name: 'x', dtype: 'f32', shape: [1, weight.shape[0]!] }],
    outputs: [{ name: 'logits', dtype: 'f32', shape: [1, weight.shape[1]!] }],
  };
}
