import { blank, channelsOf, type Planes } from './planes.ts';

/*
 * torchvision's operations on u8 tensors: arithmetic in single precision (`fround` after each step), then cut, not
 * rounded, to a whole number.
 */
const { fround } = Math;

/** factor 0: black, 1: as it is, 2: twice as bright. */
export function brightness(image: Planes, factor: number): Planes {
  const level = fround(factor);
  return byLevel(image, () => (value) => fround(level * value));
}

/** factor 0: all in the mean grey of the image, 1: as it is. */
export function contrast(image: Planes, factor: number): Planes {
  const grey = greyOf(image);
  const mean = fround(grey.reduce((sum, value) => sum + value, 0) / grey.length);
  const share = blender(factor);
  return byLevel(image, () => (value) => share(value, mean));
}

/** factor 0: greyscale, 1: as it is, above: more colourful. */
export function saturation(image: Planes, factor: number): Planes {
  const grey = greyOf(image);
  const share = blender(factor);
  return eachChannel(image, (from, to) => {
    for (let i = 0; i < to.length; i++) to[i] = share(from[i]!, grey[i]!);
  });
}

/** Sets all three channels to 0.2989 red + 0.587 green + 0.114 blue. */
export function greyscale(image: Planes): Planes {
  const grey = greyOf(image);
  return eachChannel(image, (_, to) => to.set(grey));
}

/** 255 - x. */
export function invert(image: Planes): Planes {
  return byLevel(image, () => (value) => 255 - value);
}

/** Keeps the upper `bits` of each number's eight. */
export function posterize(image: Planes, bits: number): Planes {
  const mask = -(2 ** (8 - bits));
  return byLevel(image, () => (value) => value & mask);
}

/** Inverts what is as bright as `threshold` or brighter. */
export function solarize(image: Planes, threshold: number): Planes {
  return byLevel(image, () => (value) => (value >= threshold ? 255 - value : value));
}

/** Stretches each channel so that its darkest number becomes 0 and its brightest 255. */
export function autocontrast(image: Planes): Planes {
  return byLevel(image, (channel) => {
    const minimum = channel.reduce((least, value) => Math.min(least, value), 255);
    const maximum = channel.reduce((most, value) => Math.max(most, value), 0);
    if (minimum === maximum) return (value) => value;
    const scale = fround(255 / (maximum - minimum));
    return (value) => fround((value - minimum) * scale);
  });
}

/** Makes the brightnesses of each channel about equally frequent (`ImageOps.equalize` of Pillow). */
export function equalize(image: Planes): Planes {
  return byLevel(image, (channel) => {
    const counts = new Uint32Array(256);
    for (const value of channel) counts[value]!++;
    const brightest = counts.findLastIndex((count) => count > 0);
    const step = Math.floor((channel.length - counts[brightest]!) / 255);
    if (step === 0) return (value) => value;
    let below = 0;
    const levels = counts.map((count) => {
      const level = Math.floor((below + Math.floor(step / 2)) / step);
      below += count;
      return level;
    });
    levels[0] = 0;
    return (value) => levels[value]!;
  });
}

/** Turns the colours by `turns` in [-0.5, 0.5] of the colour circle: RGB to HSV and back. */
export function hue(image: Planes, turns: number): Planes {
  const [red, green, blue] = channelsOf(image);
  const out = blank(image);
  const written = channelsOf(out);
  const shift = fround(turns);
  for (let i = 0; i < red.length; i++) {
    const turned = turnedHue(fround(red[i]! / 255), fround(green[i]! / 255), fround(blue[i]! / 255), shift);
    for (let channel = 0; channel < 3; channel++) written[channel]![i] = Math.trunc(fround(turned[channel]! * 255));
  }
  return out;
}

/** One colour in [0, 1]³ with its hue moved (Smith 1978, as in Pillow's Convert.c). */
function turnedHue(r: number, g: number, b: number, shift: number): [number, number, number] {
  const value = Math.max(r, g, b);
  const range = fround(value - Math.min(r, g, b));
  if (range === 0) return [r, g, b];
  const saturation = fround(range / value);
  const rc = fround(fround(value - r) / range);
  const gc = fround(fround(value - g) / range);
  const bc = fround(fround(value - b) / range);
  const sixth = value === r ? fround(bc - gc) : value === g ? fround(fround(2 + rc) - bc) : fround(fround(4 + gc) - rc);
  const turn = fround(fround(fround(sixth / 6) + 1) % 1);
  const moved = fround(fround(turn + shift) % 1);
  const six = fround((moved < 0 ? fround(moved + 1) : moved) * 6);
  const sector = Math.floor(six);
  const rest = fround(six - sector);
  const p = fround(value * fround(1 - saturation));
  const q = fround(value * fround(1 - fround(saturation * rest)));
  const t = fround(value * fround(1 - fround(saturation * fround(1 - rest))));
  const sectors = [
    [value, t, p],
    [q, value, p],
    [p, value, t],
    [p, q, value],
    [t, p, value],
    [value, p, q],
  ] as const;
  return [...sectors[sector % 6]!];
}

/** factor · a + (1 - factor) · b, within [0, 255], not yet cut to a whole number. */
export function blender(factor: number): (a: number, b: number) => number {
  const ofFirst = fround(factor);
  const ofSecond = fround(1 - factor);
  return (a, b) => Math.min(255, Math.max(0, fround(fround(ofFirst * a) + fround(ofSecond * b))));
}

/** The brightness of each pixel, (height · width). */
function greyOf(image: Planes): Uint8Array {
  const [red, green, blue] = channelsOf(image);
  const ofRed = fround(0.2989);
  const ofGreen = fround(0.587);
  const ofBlue = fround(0.114);
  return red.map((value, i) =>
    fround(fround(fround(ofRed * value) + fround(ofGreen * green[i]!)) + fround(ofBlue * blue[i]!)),
  );
}

/**
 * An image whose numbers depend on the old ones at the same place, by a table of the 256 levels that each channel gets.
 */
function byLevel(image: Planes, levelOf: (channel: Uint8Array) => (value: number) => number): Planes {
  return eachChannel(image, (from, to) => {
    const level = levelOf(from);
    const table = Uint8Array.from({ length: 256 }, (_, value) => Math.min(255, Math.max(0, Math.trunc(level(value)))));
    for (let i = 0; i < to.length; i++) to[i] = table[from[i]!]!;
  });
}

function eachChannel(image: Planes, write: (from: Uint8Array, to: Uint8Array) => void): Planes {
  const out = blank(image);
  const written = channelsOf(out);
  channelsOf(image).forEach((channel, i) => {
    write(channel, written[i]!);
  });
  return out;
}
