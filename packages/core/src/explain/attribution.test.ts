import { createRuntime } from 'graft-ml/internal/runtime/index';
import { describe, expect, test } from 'vitest';
import { golden, pattern, relativeError, tolerance, withPrefix } from '../../../../test/golden.ts';
import { narrowModels } from '../../../../test/narrow-models.ts';
import { evaluate } from '../../../../test/run.ts';
import { OptionError } from '../base/errors.ts';
import { f32, formatType, type Tensor, type TensorOf, type Tensors, tensor, zeros } from '../base/tensor.ts';
import { createModel } from '../fit/model.ts';
import { traceOf } from '../fit/step.ts';
import { constant, input } from '../graph/index.ts';
import { applyModel } from '../models/index.ts';
import { conv2d, globalAveragePool, linear, Scope } from '../nn/index.ts';
import { relu } from '../ops/index.ts';
import { normalise, upsample } from './attribution.ts';
import { gradCam, openGradCam } from './grad-cam.ts';
import { gaussLegendre, integratedGradients } from './integrated-gradients.ts';
import { occlusion } from './occlusion.ts';
import type { ExplainedNetwork } from './subject.ts';

const runtime = createRuntime({ cache: null, threads: 1 });
const references = golden('explain').tensors;

/** A narrow network with the numbers and images of its reference run. */
function reference(name: string): { subject: ExplainedNetwork; images: Tensor; expected: Tensors; targets: number[] } {
  const { tensors, metadata } = golden(`model-${name}`);
  const { numClasses, input: stored } = JSON.parse(metadata.config!);
  const images = tensors.input ?? pattern(stored);
  const network = {
    input: { dtype: 'f32', shape: images.shape.slice(1) },
    forward: (s: Scope, x: Parameters<typeof applyModel>[2]) => applyModel(narrowModels[name]!, s, x, { numClasses }),
  } as const;
  const counters = [...traceOf(network).variables.values()].filter(({ dtype }) => dtype === 'i64');
  const variables = {
    ...Object.fromEntries(counters.map(({ name: counter, shape }) => [counter, zeros('i64', shape)])),
    ...withPrefix(tensors, 'init/'),
  };
  const expected = withPrefix(references, `${name}/`);
  const targets = Array.from(expected.targets!.data, Number);
  return { subject: { network, variables, runtime }, images, expected, targets };
}

/** The networks of the golden, each with its default endpoint. */
const networks = [
  ['resnet_basic', 'layer4'],
  ['squeezenet1_1', 'features.7'], // beyond it one pixel is left of 32,
  ['densenet', 'features.norm5'],
  ['vit', 'encoder.layers.encoder_layer_0'],
  ['swin', 'norm'],
] as const;

describe.each(networks)('%s equals PyTorch', (name, usual) => {
  const { subject, images, expected, targets } = reference(name);
  const places = Object.keys(withPrefix(expected, 'gradcam/'));

  test.each(places)('Grad-CAM at %s, its grid and at the size of the image', async (endpoint) => {
    // Batches that the images do not fill.
    const found = await gradCam(subject, images, { endpoint, targets, batchSize: 3 });
    expect(relativeError(found.outputs, expected.logits!)).toBeLessThan(tolerance.model);
    expect(relativeError(found.grid, expected[`gradcam/${endpoint}`]!)).toBeLessThan(tolerance.model);
    expect(relativeError(found.raw, expected[`gradcam-image/${endpoint}`]!)).toBeLessThan(tolerance.model);
    expect(found.targets).toEqual(targets);
  });

  test(`the default endpoint is ${usual}`, async () => {
    await using explainer = await openGradCam(subject);
    expect(explainer.endpoint).toBe(usual);
  });

  if ('occlusion' in expected)
    test('integrated gradients and occlusion', async () => {
      const integrated = await integratedGradients(subject, images, { targets });
      expect(relativeError(integrated.raw, expected['integrated-gradients']!)).toBeLessThan(tolerance.model);
      const occluded = await occlusion(subject, images, { targets, window: 7, stride: 4, batchSize: 5 });
      expect(relativeError(occluded.raw, expected.occlusion!)).toBeLessThan(tolerance.model);
    });
});

describe('a network of one’s own', () => {
  const small = (s: Scope, x: Parameters<typeof conv2d>[1]) => {
    const map = s.endpoint('map', relu(conv2d(s.at('conv'), x, { channels: 4, kernel: 3, padding: 1 })));
    const pooled = s.endpoint('pooled', globalAveragePool(map));
    return linear(s.at('out'), pooled, { features: 3 });
  };
  const model = createModel(small, { input: { dtype: 'f32', shape: [2, 6, 8] }, runtime, seed: 3 });
  const images = pattern([5, 2, 6, 8]);

  const outputsOf = async (batch: Tensor) => {
    const variable = ({ name }: { name: string }) => constant(model.variables[name]!, name);
    const { scope } = Scope.root({ training: false, variable });
    const { y } = await evaluate({ y: small(scope, input('x', 'f32', batch.shape)) }, { x: batch });
    return y as TensorOf<'f32'>;
  };

  test('integrated gradients add up to the difference of the outputs, with any baseline', async () => {
    const baseline = [1, -1];
    const { raw, gaps, targets, outputs } = await integratedGradients(model, images, { steps: 400, baseline });
    const plain = zeros('f32', images.shape);
    plain.data.forEach((_, i) => {
      plain.data[i] = baseline[Math.floor(i / 48) % 2]!;
    });
    const without = await outputsOf(plain);
    for (const [i, target] of targets.entries()) {
      const sum = raw.data.subarray(48 * i, 48 * (i + 1)).reduce((total, value) => total + value, 0);
      const difference = outputs.data[3 * i + target]! - without.data[3 * i + target]!;
      expect(Math.abs(difference)).toBeGreaterThan(0.05);
      expect(Math.abs(sum - difference)).toBeLessThan(2e-3 * Math.abs(difference));
      expect(gaps[i]!).toBeCloseTo(sum - difference, 4);
    }
  });

  test('occlusion is what a plain loop over squares gives', async () => {
    const { raw, targets } = await occlusion(model, images, { window: 3, stride: 2, baseline: [1, 0] });
    const before = await outputsOf(images);
    const sums = new Float64Array(5 * 48);
    const counts = new Float64Array(48);
    for (const top of [0, 2, 4]) {
      for (const left of [0, 2, 4, 6]) {
        const covered = f32(images.shape, images.data as Float32Array);
        const inside = (y: number, x: number) => y >= top && y < top + 3 && x >= left && x < left + 3;
        for (let i = 0; i < covered.data.length; i++) {
          const [x, y, channel] = [i % 8, Math.floor(i / 8) % 6, Math.floor(i / 48) % 2];
          if (inside(y, x)) covered.data[i] = channel === 0 ? 1 : 0;
        }
        const after = await outputsOf(covered);
        for (let p = 0; p < 48; p++) {
          if (!inside(Math.floor(p / 8), p % 8)) continue;
          counts[p]!++;
          for (const [i, target] of targets.entries()) {
            sums[48 * i + p]! += before.data[3 * i + target]! - after.data[3 * i + target]!;
          }
        }
      }
    }
    // The last squares are cut off at 6 rows and 8 columns, and reach no further than 4 and 6 need.
    const expected = f32(
      [5, 6, 8],
      sums.map((sum, i) => sum / counts[i % 48]!),
    );
    expect(relativeError(raw, expected)).toBeLessThan(1e-5);
  });

  test('does not depend on the batches, and reports them', async () => {
    const whole = await gradCam(model, images, { batchSize: 5 });
    const passes: number[][] = [];
    const parts = await gradCam(model, images, { batchSize: 2, onProgress: (...pass) => passes.push(pass) });
    expect(relativeError(parts.raw, whole.raw)).toBeLessThan(1e-6);
    expect(passes).toEqual([2, 4, 5].map((done) => [done, 5]));
    expect(formatType(whole.normalised)).toBe('f32[5,6,8]');
  });

  test('ends at a signal, with its reason', async () => {
    const controller = new AbortController();
    const reason = new Error('enough');
    const onProgress = (done: number) => done >= 4 && controller.abort(reason);
    const work = integratedGradients(model, images, { batchSize: 2, signal: controller.signal, onProgress });
    await expect(work).rejects.toBe(reason);
  });

  const refused = [
    ['endpoint', () => gradCam(model, images, { endpoint: 'mop' }), /"mop" is not known. Did you mean "map"/],
    ['endpoint', () => gradCam(model, images, { endpoint: 'pooled' }), /pooled: it is f32\[4\] for each image, no map/],
    ['targets', () => gradCam(model, images, { targets: [0, 1, 2, 3, 0] }), /a class from 0 to 2 for each of 5 images/],
    ['targets', () => occlusion(model, images, { targets: [0] }), /for each of 5 images/],
    ['images', () => gradCam(model, tensor('u8', [1, 2, 6, 8], new Uint8Array(96))), /received "u8\[1,2,6,8\]"/],
    ['steps', () => integratedGradients(model, images, { steps: 0 }), /from 1 to 1000, received 0/],
    ['window', () => occlusion(model, images, { window: 7 }), /from 1 to 6, received 7/],
    ['baseline', () => occlusion(model, images, { baseline: [1] }), /2 numbers, one a channel/],
  ] as const;
  test.each(refused)('says what is wrong with %s', async (option, work, message) => {
    const error = await work().catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(OptionError);
    expect(error).toMatchObject({ option, message: expect.stringMatching(message) });
  });
});

test('Gauss-Legendre points integrate polynomials exactly', () => {
  for (const n of [1, 2, 5, 50]) {
    const points = gaussLegendre(n);
    for (const degree of [0, 1, 2 * n - 1]) {
      const integral = points.reduce((sum, { at, weight }) => sum + weight * at ** degree, 0);
      expect(integral, `${n} points, degree ${degree}`).toBeCloseTo(1 / (degree + 1), 12);
    }
  }
});

test('maps are divided by their largest value, or by a percentile and cut off; zeros stay zeros', () => {
  const raw = f32([3, 1, 4], [1, -2, 0, 4, 0, 0, 0, 0, 1, 1, 1, -100]);
  expect(Array.from(normalise(raw).data.slice(0, 8))).toEqual([0.25, -0.5, 0, 1, 0, 0, 0, 0]);
  expect(Array.from(normalise(raw, 0.75).data.slice(8))).toEqual([1, 1, 1, -1]);
});

test('a map is brought to another size as PyTorch does', () => {
  const map = f32([1, 2, 2], [0, 4, 8, 12]);
  // torch.nn.functional.interpolate(x, (4, 4), mode='bilinear', align_corners=False)
  const rows = [0, 1, 3, 4, 2, 3, 5, 6, 6, 7, 9, 10, 8, 9, 11, 12];
  expect(Array.from(upsample(map, 4, 4).data)).toEqual(rows);
});
