import type { RgbImage } from '../resize.ts';
import { viewBytes } from './bytes.ts';
import { cutShort, HeaderError, type ImageHeader } from './header.ts';

/** The layout of a bitmap's pixels. */
interface Bitmap {
  readonly width: number;
  readonly height: number;
  /** The first line stored is the lowest of the image, unless it says otherwise. */
  readonly isTopDown: boolean;
  readonly bits: number;
  readonly isRunLength: boolean;
  /** Bits of red, green, blue and alpha in a pixel of 16 or 32 bits; 0 where there is none. */
  readonly masks: readonly [number, number, number, number];
  /** Blue, green, red, as stored; of `paletteEntry` bytes each. */
  readonly palette: Uint8Array;
  readonly paletteEntry: number;
  readonly pixels: Uint8Array;
}

const compressions = { none: 0, runs8: 1, runs4: 2, masks: 3, alphaMasks: 6 } as const;
const depths: ReadonlySet<number> = new Set([1, 4, 8, 16, 24, 32]);

/** The header of a Windows or OS/2 bitmap. */
export function readBmpHeader(file: Uint8Array): ImageHeader {
  const { width, height, isRunLength } = readBitmap(file);
  return { format: 'bmp', width, height, orientation: 1, working: isRunLength ? width * height : 0, bare: file };
}

/**
 * Lines [first, last) of a bitmap, on white where it is transparent. Any depth, palettes, masks and run lengths; not
 * the JPEG and PNG that printers get. Nothing is allocated but the lines, so that a file of any content costs what its
 * header announces.
 *
 * @throws HeaderError where it is damaged
 */
export function decodeBmp(file: Uint8Array, first = 0, last = Number.POSITIVE_INFINITY): RgbImage {
  const bitmap = readBitmap(file);
  const { width, height, isTopDown, bits, isRunLength } = bitmap;
  const end = Math.min(last, height);
  const data = new Uint8Array(3 * width * (end - first));
  const stride = isRunLength ? width : Math.ceil((width * bits) / 32) * 4;
  const lines = isRunLength ? unpackRuns(bitmap) : bitmap.pixels;
  if (lines.length < stride * height) throw cutShort();
  const paint = painter(isRunLength ? { ...bitmap, bits: 8 } : bitmap, hasAlpha(bitmap, lines));
  for (let y = first; y < end; y++) {
    const stored = isTopDown ? y : height - 1 - y;
    paint(lines.subarray(stored * stride, (stored + 1) * stride), data, 3 * width * (y - first));
  }
  return { width, height: end - first, data };
}

function readBitmap(file: Uint8Array): Bitmap {
  if (file.length < 26) throw cutShort();
  const view = viewBytes(file);
  const headerBytes = view.getUint32(14, true);
  const isCore = headerBytes === 12;
  if (14 + headerBytes > file.length) throw cutShort();
  const [width, storedHeight] = isCore
    ? [view.getUint16(18, true), view.getUint16(20, true)]
    : [view.getInt32(18, true), view.getInt32(22, true)];
  const bits = view.getUint16(isCore ? 24 : 28, true);
  const compression = isCore ? compressions.none : view.getUint32(30, true);
  const isRunLength = compression === compressions.runs8 || compression === compressions.runs4;
  const hasMasks = compression === compressions.masks || compression === compressions.alphaMasks;
  const isSound = isRunLength
    ? bits === (compression === compressions.runs8 ? 8 : 4) && storedHeight > 0
    : compression === compressions.none || (hasMasks && (bits === 16 || bits === 32));
  if (width <= 0 || storedHeight === 0) throw damaged(`${width} x ${storedHeight} pixels`);
  if (!depths.has(bits) || !isSound) throw damaged(`${bits} bits in coding ${compression}, which is not read`);

  const start = view.getUint32(10, true);
  const table =
    14 + headerBytes + (hasMasks && headerBytes === 40 ? (compression === compressions.masks ? 12 : 16) : 0);
  const paletteEntry = isCore ? 3 : 4;
  const announced = isCore ? 0 : view.getUint32(46, true);
  const colours = bits > 8 ? 0 : announced === 0 ? 2 ** bits : Math.min(announced, 2 ** bits);
  if (start > file.length || start < table) throw cutShort();
  return {
    width,
    height: Math.abs(storedHeight),
    isTopDown: storedHeight < 0,
    bits,
    isRunLength,
    masks: hasMasks
      ? readMasks(file, headerBytes, compression)
      : bits === 16
        ? [0x7c00, 0x3e0, 0x1f, 0]
        : [0xff0000, 0xff00, 0xff, 0],
    palette: file.subarray(table, Math.min(table + colours * paletteEntry, start)),
    paletteEntry,
    pixels: file.subarray(start),
  };
}

/** They stand behind the 40 bytes that all headers begin with. */
function readMasks(file: Uint8Array, headerBytes: number, compression: number): [number, number, number, number] {
  const hasAlphaMask = headerBytes >= 56 || compression === compressions.alphaMasks;
  if (file.length < 70) throw cutShort();
  const view = viewBytes(file);
  const [red, green, blue, alpha] = [54, 58, 62, 66].map((at) => view.getUint32(at, true)) as [
    number,
    number,
    number,
    number,
  ];
  return [red, green, blue, hasAlphaMask ? alpha : 0];
}

function damaged(what: string): HeaderError {
  return new HeaderError('unreadable', `damaged bmp: ${what}`);
}

/** Writes a line of pixels as RGB bytes at `to`. */
type Painter = (line: Uint8Array, data: Uint8Array, to: number) => void;

function painter({ width, bits, palette, paletteEntry, masks }: Bitmap, isTransparent: boolean): Painter {
  if (bits <= 8) return palettePainter(width, bits, palette, paletteEntry);
  const isPlain = masks.every((mask, i) => mask === (plainMasks[i] ?? mask));
  if (bits === 24 || (bits === 32 && isPlain && !isTransparent)) return bytePainter(width, bits / 8);
  const [red, green, blue, alpha] = masks.map(levelsOf) as [Level, Level, Level, Level];
  return (line, data, to) => {
    const view = viewBytes(line);
    for (let x = 0; x < width; x++) {
      const pixel = bits === 16 ? view.getUint16(2 * x, true) : view.getUint32(4 * x, true);
      const opacity = isTransparent ? alpha(pixel) : 255;
      for (const [channel, level] of [red, green, blue].entries()) {
        data[to + 3 * x + channel] = Math.round((level(pixel) * opacity + 255 * (255 - opacity)) / 255);
      }
    }
  };
}

/** Blue, green and red in a byte each. */
const plainMasks: readonly number[] = [0xff0000, 0xff00, 0xff];

function bytePainter(width: number, stride: number): Painter {
  return (line, data, to) => {
    for (let x = 0; x < width; x++) {
      data[to + 3 * x] = line[stride * x + 2]!;
      data[to + 3 * x + 1] = line[stride * x + 1]!;
      data[to + 3 * x + 2] = line[stride * x]!;
    }
  };
}

function palettePainter(width: number, bits: number, palette: Uint8Array, entry: number): Painter {
  const colours = Math.floor(palette.length / entry);
  const most = (1 << bits) - 1;
  return (line, data, to) => {
    for (let x = 0; x < width; x++) {
      const bit = x * bits;
      const index = (line[bit >> 3]! >> (8 - bits - (bit & 7))) & most;
      // A colour beyond the palette is black, as in Windows.
      if (index >= colours) continue;
      data[to + 3 * x] = palette[index * entry + 2]!;
      data[to + 3 * x + 1] = palette[index * entry + 1]!;
      data[to + 3 * x + 2] = palette[index * entry]!;
    }
  };
}

/** The bits of a mask in a pixel, spread over 0 to 255. */
type Level = (pixel: number) => number;

function levelsOf(mask: number): Level {
  if (mask === 0) return () => 0;
  const shift = 31 - Math.clz32(mask & -mask);
  const most = mask >>> shift;
  return (pixel) => Math.round((((pixel & mask) >>> shift) * 255) / most);
}

/** Many writers leave the alpha of all pixels at 0 and mean an opaque image. */
function hasAlpha({ masks, bits }: Bitmap, lines: Uint8Array): boolean {
  const alpha = masks[3];
  if (alpha === 0) return false;
  const view = viewBytes(lines);
  const bytes = bits / 8;
  for (let at = 0; at + bytes <= lines.length; at += bytes) {
    const pixel = bits === 16 ? view.getUint16(at, true) : view.getUint32(at, true);
    if ((pixel & alpha) !== 0) return true;
  }
  return false;
}

/** Run lengths as one byte for each pixel. What no run covers is the palette's first colour. */
function unpackRuns({ width, height, bits, pixels }: Bitmap): Uint8Array {
  const lines = new Uint8Array(width * height);
  let [at, x, y] = [0, 0, 0];
  const put = (index: number) => {
    if (x < width && y < height) lines[y * width + x] = index;
    x++;
  };
  const indexIn = (byte: number, i: number) => (bits === 8 ? byte : i % 2 === 0 ? byte >> 4 : byte & 15);
  for (;;) {
    const [count, code] = [pixels[at], pixels[at + 1]];
    if (count === undefined || code === undefined) throw cutShort();
    at += 2;
    if (count > 0) {
      for (let i = 0; i < count; i++) put(indexIn(code, i));
    } else if (code === 0) {
      [x, y] = [0, y + 1];
    } else if (code === 1) {
      return lines;
    } else if (code === 2) {
      if (at + 2 > pixels.length) throw cutShort();
      [x, y] = [x + pixels[at]!, y + pixels[at + 1]!];
      at += 2;
    } else {
      const bytes = bits === 8 ? code : Math.ceil(code / 2);
      if (at + bytes > pixels.length) throw cutShort();
      for (let i = 0; i < code; i++) put(indexIn(pixels[at + (bits === 8 ? i : i >> 1)]!, i));
      at += bytes + (bytes % 2);
    }
  }
}
