import { createSession, loadOrt } from 'graft-ml/internal/runtime/index';
import { expect, test } from 'vitest';
import { narrowSource, pixelsOf } from '../../../../test/narrow-exports.ts';
import { narrowModels } from '../../../../test/narrow-models.ts';
import { networkModel, openBatch, writeOnnx } from './index.ts';

test.each(Object.keys(narrowModels))(
  '%s: a model of an open batch says of each image what one of a fixed batch does',
  async (name) => {
    const source = narrowSource(name);
    const { crop } = source.preprocessing;
    const model = openBatch((n) => networkModel(source, 'pixels', n));
    expect(model.inputs[0]!.shape).toEqual(['n', 3, crop, crop]);
    const open = await createSession(writeOnnx(model));
    for (const n of [1, 3]) {
      const pixels = new (loadOrt().Tensor)('uint8', pixelsOf(n, crop), [n, 3, crop, crop]);
      const fixed = await createSession(writeOnnx(networkModel(source, 'pixels', n)));
      const [given, expected] = [await open.run({ pixels }), await fixed.run({ pixels })];
      await fixed.release();
      expect(given.logits!.dims).toEqual([n, source.classes.length]);
      (expected.probabilities!.data as Float32Array).forEach((p, i) => {
        expect(Math.abs(Number(given.probabilities!.data[i]) - p)).toBeLessThan(1e-5);
      });
    }
    await open.release();
  },
);

test('a network that depends on the batch otherwise is refused with the reason', () => {
  const source = narrowSource('conv4');
  const modelOf = (n: number) => {
    const model = networkModel(source, 'pixels', n);
    return n === 1009 ? model : { ...model, nodes: model.nodes.slice(1) };
  };
  expect(() => openBatch(modelOf)).toThrow('cannot take a batch of any size: its Cast node depends on the batch');
});
