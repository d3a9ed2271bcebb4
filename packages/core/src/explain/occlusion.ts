import { OptionError } from '../base/errors.ts';
import { type Tensor, zeros } from '../base/tensor.ts';
import { rowsFrom, setRow } from '../fit/source.ts';
import { feedNames, resultNames } from '../fit/step.ts';
import { type Attribution, type Explainer, normalise } from './attribution.ts';
import {
  type AttributionOptions,
  assertImages,
  baselineOf,
  type ExplainedNetwork,
  imageShape,
  inBatches,
  openOutputs,
  outputsAndTargets,
  usualBatch,
} from './subject.ts';

export interface OcclusionOptions extends AttributionOptions {
  /** The side of the square that is covered, in pixels. Default: a seventh of the image's shorter side. */
  readonly window?: number | undefined;
  /** From one square to the next, in pixels. Default: half a window. */
  readonly stride?: number | undefined;
  /**
   * The colour of the square: the value of each channel, in the units of the network's input (0 to 255 for image
   * models). Default: the mean colour of the preprocessing.
   */
  readonly baseline?: readonly number[] | undefined;
}

/**
 * How much the class's output falls when a square of the image is covered (Zeiler & Fergus 2014, section 4.1): for each
 * pixel the mean over all squares that cover it. It asks the network once for each square: 196 times at 224 pixels.
 *
 * @param images (n, c, h, w) as the network takes them: of an image model u8, resized and cropped
 * @throws OptionError where the images, targets or options do not fit; the signal's reason
 * @example const { raw } = await occlusion(model, images, { window: 32, stride: 16 }); // in logits
 */
export async function occlusion(
  subject: ExplainedNetwork,
  images: Tensor,
  options: OcclusionOptions = {},
): Promise<Attribution> {
  assertImages(subject, images);
  await using explainer = await openOcclusion(subject, options);
  return await explainer.attribute(images, options);
}

/** Compiles occlusion for one batch of images after the other. */
export async function openOcclusion(
  subject: ExplainedNetwork,
  options: Pick<OcclusionOptions, 'window' | 'stride' | 'baseline' | 'batchSize'> = {},
): Promise<Explainer> {
  const { channels, height, width } = imageShape(subject);
  const side = Math.min(height, width);
  const window = pixels('window', options.window ?? Math.max(1, Math.round(side / 7)), side);
  const stride = pixels('stride', options.stride ?? Math.max(1, Math.round(window / 2)), window);
  const baseline = baselineOf(subject, options.baseline);
  const squares = squaresOf(height, width, { window, stride });
  const size = options.batchSize ?? usualBatch;
  const forward = await openOutputs(subject, size);
  const close = () => forward.release();
  return {
    classes: forward.classes,
    passes: squares.length,
    endpoint: null,
    close,
    [Symbol.asyncDispose]: close,
    async attribute(images, options = {}) {
      const { count, outputs, targets } = await outputsAndTargets(subject, forward, images, options);
      const raw = zeros('f32', [count, height, width]);
      const covered = coverage(squares, height, width);
      const feeds = (first: number, some: number) => {
        const batch = zeros(images.dtype, [size, channels, height, width]);
        for (let k = 0; k < some; k++) {
          setRow(batch, k, rowsFrom(images, Math.floor((first + k) / squares.length), 1).data);
          cover(batch, k, squares[(first + k) % squares.length]!, baseline);
        }
        return { ...subject.variables, [feedNames.input]: batch };
      };
      const use = (row: number, of: (name: string) => Float32Array) => {
        const image = Math.floor(row / squares.length);
        const target = targets[image]!;
        const fall = outputs.data[image * forward.classes + target]! - of(resultNames.outputs)[target]!;
        eachPixel(squares[row % squares.length]!, width, (p) => {
          raw.data[image * height * width + p]! += fall / covered[p]!;
        });
      };
      await inBatches(forward.program, { count: count * squares.length, size, feeds }, use, options);
      return { raw, normalised: normalise(raw), targets, outputs };
    },
  };
}

function pixels(option: string, value: number, most: number): number {
  if (Number.isInteger(value) && value >= 1 && value <= most) return value;
  throw new OptionError({ option, expected: `a whole number of pixels from 1 to ${most}`, received: value });
}

interface Square {
  readonly top: number;
  readonly left: number;
  readonly bottom: number;
  readonly right: number;
}

/** Squares row by row, as many as cover the image; those at the right and lower edge may be cut off. */
function squaresOf(
  height: number,
  width: number,
  { window, stride }: { readonly window: number; readonly stride: number },
): Square[] {
  const starts = (side: number) =>
    Array.from({ length: Math.ceil((side - window) / stride) + 1 }, (_, i) => i * stride);
  return starts(height).flatMap((top) =>
    starts(width).map((left) => ({
      top,
      left,
      bottom: Math.min(top + window, height),
      right: Math.min(left + window, width),
    })),
  );
}

/** The number of squares that cover each pixel. */
function coverage(squares: readonly Square[], height: number, width: number): Uint32Array {
  const counts = new Uint32Array(height * width);
  for (const square of squares) eachPixel(square, width, (p) => counts[p]!++);
  return counts;
}

function eachPixel({ top, left, bottom, right }: Square, width: number, use: (position: number) => void): void {
  for (let y = top; y < bottom; y++) for (let x = left; x < right; x++) use(y * width + x);
}

/** Fills a square of one image with the baseline; of bytes with the nearest ones. */
function cover({ dtype, shape, data }: Tensor, image: number, square: Square, baseline: readonly number[]): void {
  const [, channels, height, width] = shape as [number, number, number, number];
  if (data instanceof BigInt64Array)
    throw new OptionError({ option: 'images', expected: 'f32 or u8', received: dtype });
  const isWhole = dtype !== 'f32' && dtype !== 'f64';
  for (let c = 0; c < channels; c++) {
    const colour = isWhole ? Math.round(baseline[c]!) : baseline[c]!;
    const plane = (image * channels + c) * height * width;
    eachPixel(square, width, (p) => {
      data[plane + p] = colour;
    });
  }
}
