import { describe, expect, it } from 'vitest';
import { parseAugmentation } from '../../../../../test/augmentation.ts';
import { type RandomStream, randomStream } from '../../base/random.ts';
import { type Augmentation, augmentedPixels, augmentedView, randomRegion } from './augmentation.ts';
import { brightness, contrast, greyscale, hue, saturation } from './colour.ts';
import { flipVertically } from './geometry.ts';
import type { Colour, Planes } from './planes.ts';

const fill: Colour = [124, 116, 104];
const image: Planes = {
  width: 30,
  height: 20,
  data: Uint8Array.from({ length: 3 * 600 }, (_, i) => (i * 7919) % 241),
};
const draws = Array.from({ length: 400 }, (_, i) => i);

function augmented(augmentation: Augmentation, index: number): Planes {
  return augmentedPixels(randomStream(5, 'augment', 1, index), image, augmentation, fill);
}

/** A stream that gives these numbers in turn and leaves every order as it is. */
function scripted(...numbers: number[]): RandomStream {
  const uniform = () => numbers.shift()!;
  return {
    ...randomStream(0),
    uniform,
    integer: (bound) => Math.floor(uniform() * bound),
    shuffle: (items) => [...items],
  };
}

/** How often something happened, in standard deviations from how often it should. */
function deviation(count: number, probability: number): number {
  return (count - draws.length * probability) / Math.sqrt(draws.length * probability * (1 - probability));
}

describe('the view', () => {
  const source = { width: 100, height: 80 };
  const framing = { resize: 64, crop: 56 };

  it('is the crop, then the flip, from the first numbers of the stream, wherever both stand in the list', () => {
    for (const list of ['crop=0.5:0.5,flip', 'flip,blur=1,crop=0.5:0.5']) {
      const view = (...numbers: number[]) =>
        augmentedView(scripted(...numbers), source, framing, parseAugmentation(list));
      // Half the area of 100x80 at aspect 1 is 63.2 square.
      expect(view(0.3, 0.5, 0.5, 0.999, 0.4)).toEqual({
        box: { left: 37, top: 9, width: 63, height: 63 },
        mirror: true,
      });
      expect(view(0.3, 0.5, 0, 0, 0.5)).toEqual({ box: { left: 0, top: 0, width: 63, height: 63 }, mirror: false });
    }
  });

  it('is that of evaluation where there is no crop', () => {
    const seen = { left: 15, top: 5, width: 70, height: 70 };
    expect(augmentedView(randomStream(0), source, framing, [])).toEqual({ box: seen, mirror: false });
    expect(augmentedView(scripted(0.6), source, framing, parseAugmentation('flip=0.7'))).toEqual({
      box: seen,
      mirror: true,
    });
  });

  it('is mirrored as often as the list says', () => {
    const augmentation = parseAugmentation('crop,flip=0.3');
    const mirrored = draws.filter((i) => augmentedView(randomStream(2, i), source, framing, augmentation).mirror);
    expect(Math.abs(deviation(mirrored.length, 0.3))).toBeLessThan(3);
  });
});

describe('the pixels', () => {
  it('are the same for the same stream, others for others, and the image is left alone', () => {
    const before = image.data.slice();
    const augmentation = parseAugmentation(
      'rotate=20,jitter=0.4:0.3:0.2:0.1,greyscale,blur=0.5,randaugment=3:20,erase=0.5',
    );
    const once = draws.slice(0, 20).map((i) => augmented(augmentation, i).data.join());
    expect(draws.slice(0, 20).map((i) => augmented(augmentation, i).data.join())).toEqual(once);
    expect(new Set(once).size).toBe(20);
    expect(image.data).toEqual(before);
  });

  it.each([
    ['vflip', 0.5, (data: Uint8Array) => data.join() === flipVertically(image).data.join()],
    ['greyscale=0.2', 0.2, (data: Uint8Array) => data.join() === greyscale(image).data.join()],
    ['blur=0.4', 0.4, (data: Uint8Array) => data.join() !== image.data.join()],
    ['erase', 0.25, (data: Uint8Array) => data.join() !== image.data.join()],
  ])('%s happens with probability %d', (list, probability, happened) => {
    const augmentation = parseAugmentation(list);
    // A blur of 0.1 pixels changes nothing that can be seen in bytes: about a tenth of them.
    const count = draws.filter((i) => happened(augmented(augmentation, i).data)).length;
    const invisible = list.startsWith('blur') ? 0.9 : 1;
    expect(Math.abs(deviation(count, probability * invisible))).toBeLessThan(3);
  });

  it('jitter: each factor from its range, in random order', () => {
    const jitter = parseAugmentation('jitter=0.4:0.2:0.6:0.1');
    // Brightness 0.6 + 0.8 · 0.25, contrast 0.8 + 0.4 · 0.5, saturation 0.4 + 1.2 · 0.75, hue -0.1 + 0.2 · 1.
    const expected = hue(saturation(contrast(brightness(image, 0.6 + 0.8 * 0.25), 1), 0.4 + 1.2 * 0.75), 0.1);
    expect(augmentedPixels(scripted(0.25, 0.5, 0.75, 1), image, jitter, fill)).toEqual(expected);
    const first = augmentedPixels(randomStream(1), image, parseAugmentation('jitter=0'), fill);
    expect(first).toEqual(image);
  });

  it('a rotation turns evenly to either side, as far as it may', () => {
    const corner = draws.map((i) => {
      const { data } = augmentedPixels(randomStream(9, i), image, parseAugmentation('rotate=40'), fill);
      return data[0];
    });
    // Below 2 or 3 degrees the corner is still the image's; from then on it is filled.
    expect(corner.filter((level) => level === fill[0]).length / draws.length).toBeGreaterThan(0.8);
  });

  it('what is erased is one rectangle in the fill colour, of 2 to 33 % of the area and any shape between 0.3 and 3.3', () => {
    const wide = { ...image, width: 120, height: 100 };
    const regions = draws.map((i) => randomRegion(randomStream(3, i), wide)!);
    const areas = regions.map(({ width, height }) => (width * height) / 12000);
    const shapes = regions.map(({ width, height }) => height / width);
    expect(Math.min(...areas)).toBeGreaterThan(0.018);
    expect(Math.min(...areas)).toBeLessThan(0.03);
    expect(Math.max(...areas)).toBeGreaterThan(0.31);
    expect(Math.max(...areas)).toBeLessThan(0.335);
    expect(areas.reduce((sum, area) => sum + area, 0) / areas.length).toBeCloseTo(0.175, 1);
    expect(Math.min(...shapes)).toBeGreaterThan(0.28);
    expect(Math.max(...shapes)).toBeLessThan(3.5);
    const mean = shapes.reduce((sum, shape) => sum + Math.log(shape), 0) / shapes.length;
    expect(Math.abs(mean)).toBeLessThan(0.1); // ln 0.3 + ln 3.3 = -0.01
    for (const { left, top, width, height } of regions) {
      expect(left >= 0 && top >= 0 && left + width <= 120 && top + height <= 100).toBe(true);
    }
    const erased = augmentedPixels(scripted(0, 0.5, 0.5, 0, 0), image, parseAugmentation('erase=1'), fill);
    expect([0, 600, 1200].map((at) => erased.data[at])).toEqual([...fill]);
    expect(erased.data.at(-1)).toBe(image.data.at(-1));
  });
});
