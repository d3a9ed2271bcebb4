import { describe, expect, it } from 'vitest';
import { golden } from '../../../../../test/golden.ts';
import { type RandomStream, randomStream } from '../../base/random.ts';
import { equalize, solarize } from './colour.ts';
import { rotate, type Sampling } from './geometry.ts';
import type { Planes } from './planes.ts';
import {
  autoAugment,
  autoAugmentSpace,
  imageNetPolicy,
  type PolicySpace,
  randAugment,
  randAugmentSpace,
  trivialAugment,
  trivialAugmentSpace,
} from './policies.ts';

const { metadata } = golden('augment');
const reference: Record<string, Record<string, [number[] | null, boolean]>> = JSON.parse(metadata.spaces!);
const size = { width: 224, height: 160 };
const sampling: Sampling = { interpolation: 'bilinear', fill: [1, 2, 3] };
const image: Planes = {
  width: 16,
  height: 16,
  data: Uint8Array.from({ length: 768 }, (_, i) => (i * 7919) % 251),
};

/** `torch.linspace` rounds once or twice, depending on the processor. */
const closeTo = (numbers: readonly number[]) => numbers.map((number) => expect.closeTo(number, 4));

describe("torchvision's tables", () => {
  const spaces: Record<string, PolicySpace> = {
    randaugment: randAugmentSpace(size),
    trivialaugment: trivialAugmentSpace,
    autoaugment: autoAugmentSpace(size),
  };

  it.each(Object.entries(spaces))('%s: operations, magnitudes and signs, in their order', (name, space) => {
    const expected = Object.entries(reference[name]!);
    expect(Object.keys(space)).toEqual(expected.map(([operation]) => operation));
    for (const [operation, [magnitudes, signed]] of expected) {
      const ours = space[operation as keyof PolicySpace]!;
      expect(ours.signed, operation).toBe(signed);
      expect(ours.magnitudes ?? null, operation).toEqual(magnitudes && closeTo(magnitudes));
      expect(ours.magnitudes?.map(Math.trunc), operation).toEqual(magnitudes?.map(Math.trunc));
    }
  });

  it('the pairs of the ImageNet policy', () => {
    expect(imageNetPolicy).toEqual(JSON.parse(metadata.policies!));
  });
});

/** A stream that gives these numbers in turn. */
function scripted(...numbers: number[]): RandomStream {
  const uniform = () => numbers.shift()!;
  return { ...randomStream(0), uniform, integer: (bound) => Math.floor(uniform() * bound) };
}

describe('the draws', () => {
  it('RandAugment: so many operations at one magnitude', () => {
    // Operation 5 of 14 is Rotate, 12 is Solarize; magnitude 9 of 31 is 9 degrees, to the other side, and 178.5.
    const stream = scripted(5.5 / 14, 0.9, 11.5 / 14);
    const expected = solarize(rotate(image, -9, sampling), 178.5);
    expect(randAugment(stream, image, { count: 2, magnitude: 9 }, sampling)).toEqual(expected);
  });

  it('TrivialAugment: one operation at a random magnitude', () => {
    const expected = rotate(image, 135, sampling);
    expect(trivialAugment(scripted(5.5 / 14, 30.5 / 31, 0.1), image, sampling)).toEqual(expected);
  });

  it('AutoAugment: a pair, each of it as often as it says', () => {
    // Pair 5: Equalize with 0.4, Rotate with 0.8 at bin 8 of ten.
    const angle = autoAugmentSpace(image).Rotate!.magnitudes![8]!;
    expect(autoAugment(scripted(5.5 / 25, 0.3, 0.7, 0.1), image, sampling)).toEqual(
      rotate(equalize(image), angle, sampling),
    );
    expect(autoAugment(scripted(5.5 / 25, 0.5, 0.9), image, sampling)).toEqual(image);
  });

  it('all operations come about equally often', () => {
    const changed = Array.from({ length: 560 }, (_, i) => {
      const result = randAugment(randomStream(4, i), image, { count: 1, magnitude: 0 }, sampling);
      return result.data.join() === image.data.join() ? 'none' : 'some';
    });
    // At magnitude 0 only AutoContrast (which finds 0 and 250), Equalize and Solarize from 255 on can be seen.
    const seen = changed.filter((change) => change === 'some').length / 560;
    expect(Math.abs(seen - 2 / 14)).toBeLessThan(3 * Math.sqrt(((2 / 14) * (12 / 14)) / 560));
  });
});
