import { describe, expect, it } from 'vitest';
import { golden, relativeError, tolerance, withPrefix } from '../../../../test/golden.ts';
import { evaluate, numbers } from '../../../../test/run.ts';
import { randomStream } from '../base/random.ts';
import { f32, type TensorOf, tensor } from '../base/tensor.ts';
import { grad } from '../grad/index.ts';
import { constant, input as inputValue } from '../graph/index.ts';
import { crossEntropyLoss, mixedLoss } from '../nn/index.ts';
import { cutmixBox, drawMix, mixed, mixImages } from './mixing.ts';
import { inOrder, labelTensor, type Source } from './source.ts';

const { tensors, metadata } = golden('mixing');
const input = tensors.input as TensorOf<'u8'>;
const boxes: Record<string, [number, number, number, number, number]> = JSON.parse(metadata.boxes!);

describe('as torchvision mixes', () => {
  it.each(Object.entries(withPrefix(tensors, 'mixup/')))(
    'mixup with share %s, to half a grey level',
    (share, expected) => {
      const { data } = mixImages(input, { kind: 'mixup', share: Number(share) });
      const errors = Array.from(data, (value, i) => Math.abs(value - Number(expected.data[i])));
      expect(Math.max(...errors)).toBeLessThanOrEqual(0.5 + 1e-5);
    },
  );

  it.each(Object.entries(withPrefix(tensors, 'cutmix/')))('cutmix with share, x, y %s', (name, expected) => {
    const [share, x, y] = name.split(',').map(Number) as [number, number, number];
    const [left, top, right, bottom] = boxes[name]!;
    const box = cutmixBox(share, x, y, 8, 10);
    expect(box).toEqual({ left, top, right, bottom });
    const { data } = mixImages(input, { kind: 'cutmix', share, box });
    expect([...data]).toEqual([...expected.data]);
  });
});

it.each(['0.31', '0.875'])('the loss of share %s and its gradient are those against mixed targets', async (share) => {
  const logits = inputValue('logits', 'f32', tensors.logits!.shape);
  const ids = tensors.labels!.data as BigInt64Array;
  const labels = constant(tensor('i64', [4], ids));
  const partners = constant(
    tensor(
      'i64',
      [4],
      BigInt64Array.from(ids, (_, i) => ids.at(i - 1)!),
    ),
  );
  const mix = { targets: labels, partners, share: constant(f32([], [Number(share)])) };
  const loss = mixedLoss(crossEntropyLoss({ labelSmoothing: 0.1 }), logits, mix);
  const results = await evaluate({ loss, gradient: grad(loss, [logits])[0]! }, { logits: tensors.logits! });
  expect(relativeError(results.loss!, tensors[`loss/${share}`]!)).toBeLessThan(tolerance.value);
  expect(relativeError(results.gradient!, tensors[`gradient/${share}`]!)).toBeLessThan(tolerance.gradient);
});

describe('what is drawn', () => {
  it('cutmix: the share is what is left of the image, in the mean of what Beta gives less what falls outside', () => {
    const mixes = Array.from({ length: 500 }, (_, i) =>
      drawMix(randomStream(1, i), { mixup: null, cutmix: 1 }, 20, 30),
    );
    for (const mix of mixes) {
      if (mix.kind !== 'cutmix') throw new Error('expected cutmix');
      const { left, top, right, bottom } = mix.box;
      expect(left >= 0 && top >= 0 && right <= 30 && bottom <= 20 && left <= right && top <= bottom).toBe(true);
      expect(mix.share).toBeCloseTo(1 - ((right - left) * (bottom - top)) / 600, 12);
    }
    const mean = mixes.reduce((sum, { share }) => sum + share, 0) / 500;
    expect(mean).toBeGreaterThan(0.6);
    expect(mean).toBeLessThan(0.8);
  });

  it('with both, each in half of the batches; with one, always that one', () => {
    const kinds = (mixing: { mixup: number | null; cutmix: number | null }) =>
      Array.from({ length: 400 }, (_, i) => drawMix(randomStream(2, i), mixing, 8, 8).kind);
    const mixups = kinds({ mixup: 0.2, cutmix: 1 }).filter((kind) => kind === 'mixup').length;
    expect(Math.abs(mixups - 200)).toBeLessThan(4 * 10);
    expect(new Set(kinds({ mixup: 0.2, cutmix: null }))).toEqual(new Set(['mixup']));
    expect(new Set(kinds({ mixup: null, cutmix: 1 }))).toEqual(new Set(['cutmix']));
  });
});

describe('a mixed source', () => {
  /** Nine images of 2x2, each all of its own number, with that as its label. */
  const source: Source = {
    size: 9,
    async *batches({ batchSize, order }) {
      for (let start = 0; start + batchSize <= order.length; start += batchSize) {
        const chosen = order.slice(start, start + batchSize);
        yield {
          inputs: tensor('u8', [batchSize, 3, 2, 2], Uint8Array.from(chosen.flatMap((i) => Array(12).fill(10 * i)))),
          targets: labelTensor(chosen),
          weights: tensor('f32', [batchSize], new Float32Array(batchSize).fill(1)),
        };
      }
    },
  };
  const mixing = { mixup: 0.8, cutmix: null };
  const collect = async (order: number[], epoch = 1) => {
    const all = [];
    const request = { batchSize: 3, order, lastBatch: 'drop', epoch } as const;
    for await (const batch of mixed(source, mixing, 5).batches(request)) all.push(batch);
    return all;
  };

  it('carries the labels of both, the larger share first, and images in that proportion', async () => {
    for (const { inputs, targets, mix } of await collect(inOrder(9))) {
      expect(mix!.share).toBeGreaterThanOrEqual(0.5);
      const partners = numbers(mix!.partners);
      numbers(targets).forEach((label, i) => {
        const level = 10 * (mix!.share * label + (1 - mix!.share) * partners[i]!);
        expect(Math.abs(Number(inputs.data[12 * i]) - level)).toBeLessThanOrEqual(0.5);
        expect([1, 2]).toContain((label - partners[i]! + 3) % 3);
      });
    }
  });

  it('depends on seed, epoch and the images of the batch, not on the batches before it', async () => {
    const all = await collect([4, 2, 0, 7, 8, 1, 3, 5, 6]);
    expect((await collect([7, 8, 1, 3, 5, 6]))[0]).toEqual(all[1]);
    const shares = [...all, ...(await collect([4, 2, 0, 7, 8, 1, 3, 5, 6], 2))].map(({ mix }) => mix!.share);
    expect(new Set(shares).size).toBe(6);
  });
});
