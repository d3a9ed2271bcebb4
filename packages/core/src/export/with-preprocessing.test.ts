import { createSession, loadOrt } from 'graft-ml/internal/runtime/index';
import { describe, expect, test } from 'vitest';
import { randomStream } from '../base/random.ts';
import { resize } from '../image/resize.ts';
import { evaluationView, type Framing } from '../image/transform.ts';
import { type OnnxModel, writeOnnx } from './index.ts';
import { withPreprocessing } from './with-preprocessing.ts';

/** Gives back the bytes that the network would get. */
function identity(crop: number): OnnxModel {
  const shape = [1, 3, crop, crop];
  return {
    opsets: new Map([['', 18]]),
    metadata: {},
    nodes: [
      { name: '', operator: 'Identity', domain: '', inputs: ['pixels'], outputs: ['seen'], attributes: new Map() },
    ],
    initializers: new Map(),
    inputs: [{ name: 'pixels', dtype: 'u8', shape }],
    outputs: [{ name: 'seen', dtype: 'u8', shape }],
  };
}

const sizes = [
  [37, 23],
  [20, 20],
  [41, 300],
  [5, 9],
  [64, 64],
  [130, 61],
  [1, 1],
  [3, 90],
] as const;

const framings: Readonly<Record<string, Framing>> = {
  'resize and crop': { resize: 32, crop: 28 },
  'an odd rest': { resize: 33, crop: 28 },
  bicubic: { resize: 32, crop: 24, interpolation: 'bicubic' },
  squash: { resize: 24, squash: true, crop: 24 },
  'a crop beyond the image': { resize: 24, crop: 31 },
  'a crop beyond the image, bicubic': { resize: 20, crop: 27, interpolation: 'bicubic' },
};

describe.each(Object.entries(framings))('%s', (_, framing) => {
  test.each(['image', 'rawPixelValues'] as const)('%s: the graph sees what training saw', async (form) => {
    const { crop } = framing;
    const session = await createSession(writeOnnx(withPreprocessing(identity(crop), framing, form)));
    const { Tensor } = loadOrt();
    for (const [width, height] of sizes) {
      const stream = randomStream(0, 'image', width, height);
      const data = Uint8Array.from({ length: 3 * width * height }, () => stream.integer(256));
      const { box } = evaluationView({ width, height }, framing);
      const expected = new Uint8Array(3 * crop * crop);
      const target = { width: crop, height: crop, interpolation: framing.interpolation ?? 'bilinear' };
      resize({ width, height, data }, box, target, expected);
      const planar = data.map((_, i) => data[(i % (width * height)) * 3 + Math.trunc(i / (width * height))]!);
      const dims = [1, 3, height, width];
      const [name, type] = form === 'image' ? (['image', 'uint8'] as const) : (['pixel_values', 'float32'] as const);
      const values = type === 'uint8' ? planar : Float32Array.from(planar);
      const feeds = { [name]: new Tensor(type, values, dims) };
      const { seen } = await session.run(feeds);
      const worst = expected.reduce((most, value, i) => Math.max(most, Math.abs(value - Number(seen!.data[i]))), 0);
      expect(worst, `${width} x ${height}`).toBeLessThanOrEqual(1);
    }
    await session.release();
  });
});
