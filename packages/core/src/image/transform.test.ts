import { describe, expect, it } from 'vitest';
import { type RandomStream, randomStream } from '../base/random.ts';
import { testTimeViews } from './test-time.ts';
import { evaluationView, type Framing, randomResizedCrop, type Size } from './transform.ts';

describe('evaluationView', () => {
  // By hand: 256x192 to shorter side 224 is 298x224 (298.67 cut), its centre crop starts at round(37) = 37.
  it.each([
    [256, 192, 224, 224, { left: (37 * 256) / 298, top: 0, width: (224 * 256) / 298, height: 192 }],
    [192, 256, 224, 224, { left: 0, top: (37 * 256) / 298, width: 192, height: (224 * 256) / 298 }],
    [500, 500, 256, 224, { left: 31.25, top: 31.25, width: 437.5, height: 437.5 }],
    // (83 - 40) / 2 = 21.5 and (41 - 40) / 2 = 0.5 go to the even neighbours 22 and 0.
    [83, 41, 41, 40, { left: 22, top: 0, width: 40, height: 40 }],
    // 20x16 padded to 21: one pixel on the right; two above, three below.
    [20, 16, 16, 21, { left: -0, top: -2, width: 21, height: 21 }],
  ])('%i x %i, resize %i, crop %i', (width, height, resize, crop, expected) => {
    const { box, mirror } = evaluationView({ width, height }, { resize, crop });
    for (const side of ['left', 'top', 'width', 'height'] as const) {
      expect(box[side]).toBeCloseTo(expected[side], 10);
    }
    expect(mirror).toBe(false);
  });
});

it('squashed, the whole image is seen, or the centre of both sides', () => {
  const source = { width: 300, height: 200 };
  expect(evaluationView(source, { resize: 384, crop: 384, squash: true }).box).toEqual({
    left: 0,
    top: 0,
    width: 300,
    height: 200,
  });
  expect(evaluationView(source, { resize: 400, crop: 200, squash: true }).box).toEqual({
    left: 75,
    top: 50,
    width: 150,
    height: 100,
  });
});

// 80x60 is resized to 64x48, at 1.25 pixels a pixel: crops of 40 begin at 0 and 24, and at 0 and 8.
it("the places are torchvision's five and ten crops", () => {
  const boxes = (source: Size, framing: Framing) =>
    testTimeViews['five-crop'].map((place) => {
      const { left, top, width, height } = evaluationView(source, framing, place).box;
      return [left, top, width, height];
    });
  expect(boxes({ width: 80, height: 60 }, { resize: 48, crop: 40 })).toEqual([
    [0, 0, 50, 50],
    [30, 0, 50, 50],
    [0, 10, 50, 50],
    [30, 10, 50, 50],
    [15, 5, 50, 50],
  ]);
  // No room along the shorter side; none at all; less than none, where the crop is padded.
  const tops = (source: Size, framing: Framing) => new Set(boxes(source, framing).map(([, top]) => top));
  expect(tops({ width: 80, height: 60 }, { resize: 48, crop: 48 })).toEqual(new Set([0]));
  expect(new Set(boxes({ width: 60, height: 60 }, { resize: 48, crop: 48 }).map(String)).size).toBe(1);
  expect(tops({ width: 20, height: 16 }, { resize: 16, crop: 21 })).toEqual(new Set([-2]));
  expect(testTimeViews['ten-crop'].map(({ mirror }) => mirror)).toEqual([
    ...Array(5).fill(false),
    ...Array(5).fill(true),
  ]);
});

/** A stream that gives these numbers in turn. */
function scripted(...numbers: number[]): RandomStream {
  const uniform = () => numbers.shift()!;
  return { ...randomStream(0), uniform, integer: (bound) => Math.floor(uniform() * bound) };
}

describe('randomResizedCrop', () => {
  it('stays inside the image and covers the ranges', () => {
    const source = { width: 256, height: 192 };
    const areas: number[] = [];
    const aspects: number[] = [];
    for (let i = 0; i < 4000; i++) {
      const box = randomResizedCrop(randomStream(3, 'augment', 1, i), source, { scale: [0.3, 1] });
      expect(box.left).toBeGreaterThanOrEqual(0);
      expect(box.top).toBeGreaterThanOrEqual(0);
      expect(box.left + box.width).toBeLessThanOrEqual(source.width);
      expect(box.top + box.height).toBeLessThanOrEqual(source.height);
      areas.push((box.width * box.height) / (source.width * source.height));
      aspects.push(box.width / box.height);
    }
    expect(Math.min(...areas)).toBeGreaterThan(0.295);
    expect(Math.min(...areas)).toBeLessThan(0.31);
    expect(Math.max(...areas)).toBeGreaterThan(0.95);
    expect(Math.min(...aspects)).toBeGreaterThan(0.74);
    expect(Math.min(...aspects)).toBeLessThan(0.76);
    expect(Math.max(...aspects)).toBeGreaterThan(1.3);
    expect(Math.max(...aspects)).toBeLessThan(1.35);
  });

  // Draws: area, log aspect, top, left. Half the area of 100x80 at aspect 1 is 63.2 square.
  it('is the crop that torchvision computes from these draws', () => {
    const even = { scale: [0.5, 0.5], ratio: [1, 1] } as const;
    const source = { width: 100, height: 80 };
    expect(randomResizedCrop(scripted(0.3, 0.6, 0.5, 0.999), source, even)).toEqual({
      left: 37,
      top: 9,
      width: 63,
      height: 63,
    });
    expect(randomResizedCrop(scripted(0.3, 0.6, 0, 0), source, even)).toEqual({
      left: 0,
      top: 0,
      width: 63,
      height: 63,
    });
  });

  it.each([
    [
      { width: 1000, height: 30 },
      { left: 480, top: 0, width: 40, height: 30 },
    ],
    [
      { width: 30, height: 1000 },
      { left: 0, top: 480, width: 30, height: 40 },
    ],
    [
      { width: 10, height: 9 },
      { left: 0, top: 0, width: 10, height: 9 },
    ],
  ])('falls back to the centre where ten shapes do not fit: %j', (source, box) => {
    expect(randomResizedCrop(randomStream(1), source, { scale: [2, 2] })).toEqual(box);
  });
});
