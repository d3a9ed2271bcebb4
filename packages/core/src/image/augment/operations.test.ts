import { describe, expect, it } from 'vitest';
import { golden, withPrefix } from '../../../../../test/golden.ts';
import type { Tensor } from '../../base/tensor.ts';
import { gaussianBlur, sharpness } from './blur.ts';
import {
  autocontrast,
  brightness,
  contrast,
  equalize,
  greyscale,
  hue,
  invert,
  posterize,
  saturation,
  solarize,
} from './colour.ts';
import { erase } from './erasing.ts';
import { flipVertically, rotate, type Sampling, shearX, shearY, translate } from './geometry.ts';
import type { Colour, Planes } from './planes.ts';

const fill: Colour = [124, 116, 104];
const nearest: Sampling = { interpolation: 'nearest', fill };
const bilinear: Sampling = { interpolation: 'bilinear', fill };

const operations: Readonly<Record<string, (image: Planes, ...numbers: number[]) => Planes>> = {
  'rotate nearest': (image, degrees) => rotate(image, degrees!, nearest),
  'rotate bilinear': (image, degrees) => rotate(image, degrees!, bilinear),
  'shear x nearest': (image, slope) => shearX(image, slope!, nearest),
  'shear x bilinear': (image, slope) => shearX(image, slope!, bilinear),
  'shear y bilinear': (image, slope) => shearY(image, slope!, bilinear),
  'translate x nearest': (image, pixels) => translate(image, pixels!, 0, nearest),
  'translate x bilinear': (image, pixels) => translate(image, pixels!, 0, bilinear),
  'translate y bilinear': (image, pixels) => translate(image, 0, pixels!, bilinear),
  'flip vertically': flipVertically,
  brightness,
  contrast,
  saturation,
  hue,
  greyscale,
  posterize,
  solarize,
  autocontrast,
  equalize,
  invert,
  sharpness,
  blur: gaussianBlur,
  erase: (image, left, top, width, height) =>
    erase(image, { left: left!, top: top!, width: width!, height: height! }, fill),
};

/**
 * The share of numbers that may differ from torchvision's by one grey level: it computes positions in single precision.
 */
const mayDiffer: Readonly<Record<string, number>> = { 'shear x bilinear': 0.03, 'shear y bilinear': 0.03 };

const { tensors } = golden('augment');
const inputs = withPrefix(tensors, 'input.');
const cases = Object.entries(tensors).filter(([name]) => !name.startsWith('input.'));

function planes({ shape, data }: Tensor): Planes {
  return { height: shape[1]!, width: shape[2]!, data: Uint8Array.from(data as Uint8Array) };
}

describe("torchvision's operations", () => {
  it('are all here', () => {
    expect(new Set(cases.map(([name]) => name.split('/')[0]))).toEqual(new Set(Object.keys(operations)));
  });

  it.each(cases)('%s', (name, expected) => {
    const [operation, numbers, image] = name.split('/') as [string, string, string];
    const input = planes(inputs[image]!);
    const before = input.data.slice();
    const result = operations[operation]!(input, ...numbers.split(',').filter(Boolean).map(Number));
    expect(input.data, 'the input is left alone').toEqual(before);
    expect([3, result.height, result.width]).toEqual(expected.shape);
    const differences = Array.from(result.data, (value, i) => Math.abs(value - Number(expected.data[i])));
    const different = differences.filter((difference) => difference > 0);
    expect(Math.max(0, ...different)).toBeLessThanOrEqual(1);
    expect(different.length / differences.length).toBeLessThanOrEqual(mayDiffer[operation] ?? 0);
  });
});
