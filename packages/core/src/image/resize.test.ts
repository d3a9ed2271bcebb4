import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { type Interpolation, type RgbImage, resize } from './resize.ts';
import { evaluationView } from './transform.ts';

/** golden/resize.safetensors: 8 bytes of header length, a JSON header, raw bytes. */
function openGolden() {
  const file = readFileSync(new URL('../../../../golden/resize.safetensors', import.meta.url));
  const start = 8 + Number(file.readBigUInt64LE(0));
  const { __metadata__: metadata, ...tensors } = JSON.parse(file.toString('utf8', 8, start));
  const image = (name: string): RgbImage => {
    const { shape, data_offsets: range } = tensors[name];
    return {
      height: shape[0],
      width: shape[1],
      data: Uint8Array.from(file.subarray(start + range[0], start + range[1])),
    };
  };
  const boxes: Record<string, [number, number, number, number]> = JSON.parse(metadata.boxes);
  const views: Record<string, [number, number]> = JSON.parse(metadata.views);
  return { image, boxes: Object.entries(boxes), views: Object.entries(views) };
}

const { image, boxes, views } = openGolden();

/** `down, bicubic` is `down` with the other filter. */
function parse(name: string) {
  const [source, interpolation = 'bilinear'] = name.split(', ');
  return { source: image(`${source}.input`), interpolation: interpolation as Interpolation };
}

/** The largest and the mean difference in grey levels between planar and interleaved pixels. */
function difference(planar: Uint8Array, expected: RgbImage): { max: number; mean: number } {
  const plane = expected.width * expected.height;
  let max = 0;
  let sum = 0;
  for (let i = 0; i < expected.data.length; i++) {
    const distance = Math.abs(planar[(i % 3) * plane + Math.floor(i / 3)]! - expected.data[i]!);
    max = Math.max(max, distance);
    sum += distance;
  }
  return { max, mean: sum / expected.data.length };
}

/** Planar pixels, each row reversed. */
function mirrored(planar: Uint8Array, width: number): Uint8Array {
  return planar.map((_, i) => planar[i - (i % width) + width - 1 - (i % width)]!);
}

describe('resize against Pillow', () => {
  it.each(boxes)('%s', (name, [left, top, right, bottom]) => {
    const { source, interpolation } = parse(name);
    const expected = image(`${name}.output`);
    const { width, height } = expected;
    const box = { left, top, width: right - left, height: bottom - top };
    const out = new Uint8Array(expected.data.length);
    resize(source, box, { width, height, interpolation }, out);
    const { max, mean } = difference(out, expected);
    expect(max).toBeLessThanOrEqual(1);
    expect(mean).toBeLessThan(0.001);

    const reversed = new Uint8Array(out.length);
    resize(source, box, { width, height, interpolation, mirror: true }, reversed);
    expect(reversed).toEqual(mirrored(out, width));
  });
});

describe("one resample against torchvision's Resize and CenterCrop", () => {
  it.each(views)('%s', (name, [shorter, crop]) => {
    const { source, interpolation } = parse(name);
    const expected = image(`${name}.output`);
    const { width, height } = expected;
    const { box } = evaluationView(source, { resize: shorter, crop });
    const out = new Uint8Array(expected.data.length);
    resize(source, box, { width, height, interpolation }, out);
    const { max, mean } = difference(out, expected);
    expect(max).toBeLessThanOrEqual(1);
    expect(mean).toBeLessThan(0.001);
  });
});

it('a box outside the image is black', () => {
  const white = { width: 6, height: 6, data: new Uint8Array(108).fill(255) };
  const out = new Uint8Array(3 * 16).fill(7);
  resize(white, { left: 20, top: -40, width: 4, height: 4 }, { width: 4, height: 4 }, out);
  expect(out).toEqual(new Uint8Array(48));
});

it('names both sizes where the output does not fit', () => {
  const source = { width: 4, height: 4, data: new Uint8Array(48) };
  const whole = { left: 0, top: 0, width: 4, height: 4 };
  expect(() => resize(source, whole, { width: 5, height: 6 }, new Uint8Array(75))).toThrow(
    'resize: out has 75 elements, 3 x 6 x 5 has 90',
  );
});
