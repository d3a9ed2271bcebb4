/// <reference lib="esnext.disposable" preserve="true" />
import { type Tensor, type TensorOf, zeros } from '../base/tensor.ts';
import type { AttributionOptions } from './subject.ts';

/** What speaks for a class, pixel by pixel. */
export interface Attribution {
  /** f32 (n, h, w) in the method's own unit; below 0 is what speaks against the class. */
  readonly raw: TensorOf<'f32'>;
  /**
   * f32 (n, h, w): `raw` of each image over its largest absolute value, in [-1, 1]; of a single pixel that stands out
   * (integrated gradients) over the 99th percentile, and cut off there. All 0 where nothing speaks for or against it.
   */
  readonly normalised: TensorOf<'f32'>;
  /** The class that is explained of each image, by its position. */
  readonly targets: readonly number[];
  /** The network's outputs f32 (n, classes): logits. */
  readonly outputs: TensorOf<'f32'>;
}

/** A method that is ready to explain a network's outputs: compiled once, for one batch of images after the other. */
export interface Explainer<A extends Attribution = Attribution> extends AsyncDisposable {
  /** The number of the network's outputs. */
  readonly classes: number;
  /** The endpoint whose activations are looked at; null where the method looks at pixels. */
  readonly endpoint: string | null;
  /** The passes of one image through the network, of itself or of variants of it. */
  readonly passes: number;
  /**
   * Explains images (n, c, h, w) as the network takes them.
   * @throws OptionError where they, or the targets, do not fit; the signal's reason
   */
  attribute(images: Tensor, options?: AttributeOptions): Promise<A>;
  /** Frees what was compiled. Idempotent. */
  close(): Promise<void>;
}

/** Options of one call of an `Explainer`. */
export type AttributeOptions = Omit<AttributionOptions, 'batchSize'>;

/**
 * Each map over its largest absolute value, or over the one below which a share of all values lies; those beyond it
 * are cut off. A map of zeros stays one.
 */
export function normalise(raw: TensorOf<'f32'>, share = 1): TensorOf<'f32'> {
  const [n, height, width] = raw.shape as [number, number, number];
  const size = height * width;
  const scaled = zeros('f32', raw.shape);
  for (let i = 0; i < n; i++) {
    const map = raw.data.subarray(i * size, (i + 1) * size);
    const absolute = Float32Array.from(map, Math.abs).sort();
    const largest = absolute[Math.max(0, Math.ceil(share * size) - 1)]! || absolute[size - 1]!;
    if (largest === 0) continue;
    for (let p = 0; p < size; p++) scaled.data[i * size + p] = Math.max(-1, Math.min(1, map[p]! / largest));
  }
  return scaled;
}

/** The share of a map's values that `normalise` keeps where single pixels stand out (Smilkov et al. 2017, section 3). */
export const withoutOutliers = 0.99;

/**
 * Maps (n, h, w) at another size by bilinear interpolation, pixels being squares (`align_corners=False`); what lies
 * beyond the centres of the outer ones is as they are.
 */
export function upsample(maps: TensorOf<'f32'>, height: number, width: number): TensorOf<'f32'> {
  const [n, rows, columns] = maps.shape as [number, number, number];
  const result = zeros('f32', [n, height, width]);
  const across = taps(columns, width);
  taps(rows, height).forEach(({ first: top, second: bottom, share: down }, y) => {
    for (let i = 0; i < n; i++) {
      across.forEach(({ first, second, share }, x) => {
        const at = (row: number, column: number) => maps.data[(i * rows + row) * columns + column]!;
        const above = at(top, first) * (1 - share) + at(top, second) * share;
        const below = at(bottom, first) * (1 - share) + at(bottom, second) * share;
        result.data[(i * height + y) * width + x] = above * (1 - down) + below * down;
      });
    }
  });
  return result;
}

/** For each output position the two inputs it lies between, and the share of the second. */
function taps(inputs: number, outputs: number): { first: number; second: number; share: number }[] {
  return Array.from({ length: outputs }, (_, i) => {
    const centre = Math.max(0, ((i + 0.5) * inputs) / outputs - 0.5);
    const first = Math.min(Math.floor(centre), inputs - 1);
    return { first, second: Math.min(first + 1, inputs - 1), share: centre - first };
  });
}
