import { createSession, loadOrt } from 'graft-ml/internal/runtime/index';
import { expect, test } from 'vitest';
import { narrowSource, pixelsOf } from '../../../../test/narrow-exports.ts';
import { narrowModels } from '../../../../test/narrow-models.ts';
import { f32, numbersOf } from '../base/tensor.ts';
import { halfModel, networkModel, type OnnxModel, readOnnxModel, writeOnnx } from './index.ts';

async function logitsOf(model: OnnxModel, crop: number): Promise<Float32Array> {
  const session = await createSession(writeOnnx(model));
  const { logits } = await session.run({
    pixels: new (loadOrt().Tensor)('uint8', pixelsOf(1, crop), [1, 3, crop, crop]),
  });
  await session.release();
  expect(logits!.type).toBe('float32');
  return logits!.data as Float32Array;
}

const bytesOf = ({ initializers }: OnnxModel, dtype: string) =>
  [...initializers.values()].reduce((sum, one) => sum + (one.dtype === dtype ? one.bytes.length : 0), 0);

test.each(Object.keys(narrowModels))('%s in halves is the same network to three digits', async (name) => {
  const source = narrowSource(name);
  const { crop } = source.preprocessing;
  const model = networkModel(source, 'pixels', 1);
  const half = halfModel(model);
  expect(readOnnxModel(writeOnnx(half))).toEqual(half);
  const [expected, given] = [await logitsOf(model, crop), await logitsOf(half, crop)];
  const scale = expected.reduce((most, value) => Math.max(most, Math.abs(value)), 1e-3);
  const error = expected.reduce((most, value, i) => Math.max(most, Math.abs(value - given[i]!)), 0) / scale;
  expect(error).toBeLessThan(0.01);
  // The batch norms are gone, and what stays in f32 are the constants of normalisation.
  const [weights, rest] = [bytesOf(half, 'f16'), bytesOf(half, 'f32')];
  expect(weights).toBeGreaterThan(0.4 * bytesOf(model, 'f32'));
  expect(rest).toBeLessThan(0.15 * weights);
});

test('a layer with a weight beyond the largest half stays as it is', async () => {
  const source = narrowSource('alexnet');
  const weights = source.variables['features.3.weight']!;
  const large = f32(weights.shape, numbersOf(weights).with(0, 70000));
  const changed = { ...source, variables: { ...source.variables, 'features.3.weight': large } };
  const model = networkModel(changed, 'pixels', 1);
  const half = halfModel(model);
  expect(half.initializers.get('features.3.weight_folded')!.dtype).toBe('f32');
  expect(half.initializers.get('features.6.weight_folded/f16')!.dtype).toBe('f16');
  const logits = await logitsOf(half, source.preprocessing.crop);
  expect(logits.every(Number.isFinite)).toBe(true);
});
