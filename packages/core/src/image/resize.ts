/** A decoded image: 8-bit RGB, interleaved, `data[(y · width + x) · 3 + channel]`. */
export interface RgbImage {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array;
}

/** A rectangle in source pixels. May be fractional, and may reach beyond the image. */
export interface Box {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

export type Interpolation = 'bilinear' | 'bicubic';

/** The output of a resize: `width` x `height` pixels, read from right to left if `mirror`. */
export interface ResizeTarget {
  readonly width: number;
  readonly height: number;
  readonly mirror?: boolean;
  /** Default bilinear. */
  readonly interpolation?: Interpolation | undefined;
}

/** Pillow's fixed point: 8 bits of pixel and 2 bits of headroom leave 22 bits for a coefficient. */
const precisionBits = 32 - 8 - 2;
const half = 1 << (precisionBits - 1);

/** A filter as a function of the distance from the output pixel's centre, and the distance from which on it is 0. */
interface Filter {
  readonly support: number;
  readonly weight: (distance: number) => number;
}

const filters: { readonly [I in Interpolation]: Filter } = {
  bilinear: { support: 1, weight: (x) => Math.max(0, 1 - x) },
  // Keys 1981, equation 4, with a = -1/2.
  bicubic: {
    support: 2,
    weight: (x) => (x < 1 ? (1.5 * x - 2.5) * x * x + 1 : x < 2 ? ((2.5 - 0.5 * x) * x - 4) * x + 2 : 0),
  },
};

/**
 * Antialiased resize of `box` into planar `out` (3, height, width); equal to Pillow's
 * `Image.resize((width, height), BILINEAR or BICUBIC, box)` to within one grey level, in training and evaluation alike.
 *
 * As in Pillow the filter is stretched by the downscale factor, it may read pixels next to the box, and the horizontal
 * pass is rounded to 8 bits before the vertical one (Resample.c). Beyond Pillow, the box may leave the image: an output
 * pixel whose centre lies outside is black, which is what padding before a centre crop gives.
 *
 * @throws RangeError where `out` has not 3 · height · width elements
 */
export function resize(source: RgbImage, box: Box, target: ResizeTarget, out: Uint8Array): void {
  const started = startResize(source, box, target);
  started.add(source, 0);
  started.finish(out);
}

/** A resize whose source comes in bands of rows, so that no more of it is in memory than one of them. */
export interface StartedResize {
  /** The rows of the source that it reads are [firstRow, lastRow). */
  readonly firstRow: number;
  readonly lastRow: number;
  /** Takes a band whose first row is row `top` of the source. Each row that is read has to come once, in any order. */
  add(band: RgbImage, top: number): void;
  /** Writes what `resize` would. @throws RangeError where `out` does not have 3 · height · width elements */
  finish(out: Uint8Array): void;
}

/** Begins the resize of `box` in a source of this size. */
export function startResize(source: Pick<RgbImage, 'width' | 'height'>, box: Box, target: ResizeTarget): StartedResize {
  const { width, height, mirror = false, interpolation = 'bilinear' } = target;
  const filter = filters[interpolation];
  const columns = filterTaps(filter, source.width, box.left, box.width, width);
  const rows = filterTaps(filter, source.height, box.top, box.height, height);
  const firstRow = rows.starts[0]!;
  const lastRow = rows.starts.reduce((last, start, i) => Math.max(last, start + rows.counts[i]!), firstRow);
  const narrow = new Uint8ClampedArray(3 * (lastRow - firstRow) * width);
  return {
    firstRow,
    lastRow,
    add: (band, top) => resizeRows(band, top, columns, { firstRow, lastRow, mirror }, narrow),
    finish: (out) => {
      if (out.length !== 3 * height * width) {
        throw new RangeError(
          `resize: out has ${out.length} elements, 3 x ${height} x ${width} has ${3 * height * width}`,
        );
      }
      resizeColumns(narrow, width, lastRow - firstRow, rows, firstRow, out);
    },
  };
}

/**
 * Output pixel i is the sum over k < counts[i] of weights[i · stride + k] · source[starts[i] + k], in units of 2^-22.
 * Weights sum to 1, and their absolute values to less than 1.5, so that no sum leaves 32 bits. Sums may leave [0, 255]
 * where weights are negative.
 */
interface FilterTaps {
  readonly starts: Int32Array;
  readonly counts: Int32Array;
  readonly weights: Int32Array;
  readonly stride: number;
}

/**
 * The taps along one axis that map `length` source pixels from `offset` on to `outputs` pixels (`precompute_coeffs` in
 * Resample.c).
 */
function filterTaps(filter: Filter, sourceLength: number, offset: number, length: number, outputs: number): FilterTaps {
  const scale = length / outputs;
  const stretch = Math.max(scale, 1);
  const support = filter.support * stretch;
  const stride = Math.ceil(support) * 2 + 1;
  const starts = new Int32Array(outputs);
  const counts = new Int32Array(outputs);
  const weights = new Int32Array(outputs * stride);
  const exact = new Float64Array(stride);
  for (let i = 0; i < outputs; i++) {
    const centre = offset + (i + 0.5) * scale;
    const start = Math.max(Math.trunc(centre - support + 0.5), 0);
    const end = Math.min(Math.trunc(centre + support + 0.5), sourceLength);
    starts[i] = Math.min(start, sourceLength);
    if (centre < 0 || centre > sourceLength) continue;
    counts[i] = end - start;
    let sum = 0;
    for (let k = 0; k < end - start; k++) {
      exact[k] = filter.weight(Math.abs(start + k + 0.5 - centre) / stretch);
      sum += exact[k]!;
    }
    for (let k = 0; k < end - start; k++) {
      weights[i * stride + k] = Math.round((exact[k]! / sum) * (1 << precisionBits));
    }
  }
  return { starts, counts, weights, stride };
}

/**
 * The horizontal pass over those of the source rows [firstRow, lastRow) that `band` has: interleaved in, planar out
 * (3, lastRow - firstRow, width).
 */
function resizeRows(
  band: RgbImage,
  top: number,
  taps: FilterTaps,
  { firstRow, lastRow, mirror }: { firstRow: number; lastRow: number; mirror: boolean },
  narrow: Uint8ClampedArray,
): void {
  const { starts, counts, weights, stride } = taps;
  const { data } = band;
  const width = starts.length;
  const plane = (lastRow - firstRow) * width;
  const last = Math.min(lastRow, top + band.height);
  for (let y = Math.max(firstRow, top); y < last; y++) {
    const line = (y - firstRow) * width;
    for (let x = 0; x < width; x++) {
      const end = x * stride + counts[x]!;
      let from = ((y - top) * band.width + starts[x]!) * 3;
      let red = half;
      let green = half;
      let blue = half;
      for (let k = x * stride; k < end; k++) {
        const weight = weights[k]!;
        red += Math.imul(data[from]!, weight);
        green += Math.imul(data[from + 1]!, weight);
        blue += Math.imul(data[from + 2]!, weight);
        from += 3;
      }
      const to = line + (mirror ? width - 1 - x : x);
      narrow[to] = red >> precisionBits;
      narrow[to + plane] = green >> precisionBits;
      narrow[to + 2 * plane] = blue >> precisionBits;
    }
  }
}

/**
 * The vertical pass: planar (3, lines, width), whose line 0 is source row `firstRow`, to planar `out` (3, height,
 * width).
 */
function resizeColumns(
  narrow: Uint8ClampedArray,
  width: number,
  lines: number,
  taps: FilterTaps,
  firstRow: number,
  out: Uint8Array,
): void {
  const { starts, counts, weights, stride } = taps;
  const height = starts.length;
  const clamped = new Uint8ClampedArray(out.buffer, out.byteOffset, out.length);
  let to = 0;
  for (let channel = 0; channel < 3; channel++) {
    for (let y = 0; y < height; y++) {
      const top = (channel * lines + starts[y]! - firstRow) * width;
      const begin = y * stride;
      const end = begin + counts[y]!;
      for (let x = 0; x < width; x++) {
        let sum = half;
        let from = top + x;
        for (let k = begin; k < end; k++) {
          sum += Math.imul(narrow[from]!, weights[k]!);
          from += width;
        }
        clamped[to++] = sum >> precisionBits;
      }
    }
  }
}
