import { OptionError } from '../base/errors.ts';
import { type Tensor, zeros } from '../base/tensor.ts';
import { feedNames } from '../fit/step.ts';
import { grad } from '../grad/index.ts';
import { type Attribution, type Explainer, normalise, withoutOutliers } from './attribution.ts';
import {
  type AttributionOptions,
  assertImages,
  baselineOf,
  type ExplainedNetwork,
  explainedGraph,
  imageShape,
  inBatches,
  oneHot,
  openOutputs,
  outputsAndTargets,
  targetFeed,
  usualBatch,
} from './subject.ts';

export interface IntegratedGradientsOptions extends AttributionOptions {
  /** The points between baseline and image at which the gradient is taken. Default 50, as in captum. */
  readonly steps?: number | undefined;
  /**
   * An image without content: the value of each channel, in the units of the network's input (0 to 255 for image
   * models). Default: the mean colour of the preprocessing.
   */
  readonly baseline?: readonly number[] | undefined;
}

/** What each pixel adds to a class's output, against an image without content. */
export interface IntegratedGradientsAttribution extends Attribution {
  /**
   * What is missing of completeness for each image: the sum of `raw` minus the difference of the outputs for image and
   * baseline. It shrinks with more steps.
   */
  readonly gaps: readonly number[];
}

const gradientName = 'explain/gradient';
const scoreName = 'explain/scores';

/**
 * What each pixel adds to the class's output y, summed over its channels: (x − b) · ∫₀¹ ∂y/∂x(b + t (x − b)) dt
 * (Sundararajan et al. 2017, equation 1), the integral by Gauss-Legendre quadrature. All pixels together make
 * y(x) − y(b).
 *
 * @param images (n, c, h, w) as the network takes them: of an image model u8, resized and cropped
 * @throws OptionError where the images, targets or options do not fit; the signal's reason
 * @example const { raw, gaps } = await integratedGradients(model, images, { steps: 100 });
 */
export async function integratedGradients(
  subject: ExplainedNetwork,
  images: Tensor,
  options: IntegratedGradientsOptions = {},
): Promise<IntegratedGradientsAttribution> {
  assertImages(subject, images);
  await using explainer = await openIntegratedGradients(subject, options);
  return await explainer.attribute(images, options);
}

/** Compiles integrated gradients for one batch of images after the other. */
export async function openIntegratedGradients(
  subject: ExplainedNetwork,
  options: Pick<IntegratedGradientsOptions, 'steps' | 'baseline' | 'batchSize'> = {},
): Promise<Explainer<IntegratedGradientsAttribution>> {
  const { steps = 50, batchSize: size = usualBatch } = options;
  if (!(Number.isInteger(steps) && steps >= 1 && steps <= mostSteps)) {
    throw new OptionError({ option: 'steps', expected: `a whole number from 1 to ${mostSteps}`, received: steps });
  }
  const { channels, height, width } = imageShape(subject);
  const baseline = baselineOf(subject, options.baseline);
  // Between two images there are no bytes: the network is given numbers.
  const graph = explainedGraph(subject, size, 'f32');
  const [gradient] = grad(graph.score, [graph.input]);
  const program = await subject.runtime.compile({ [gradientName]: gradient!, [scoreName]: graph.outputs });
  const forward = await openOutputs(subject, size);
  const points = [...gaussLegendre(steps), { at: 1, weight: 0 }, { at: 0, weight: 0 }];
  const plane = height * width;
  const close = async () => {
    await program.release();
    await forward.release();
  };
  return {
    classes: forward.classes,
    passes: points.length,
    endpoint: null,
    close,
    [Symbol.asyncDispose]: close,
    async attribute(images, options = {}) {
      const { count, outputs, targets } = await outputsAndTargets(subject, forward, images, options);
      const raw = zeros('f32', [count, height, width]);
      const sums = new Float64Array(plane);
      const ends = new Map<number, number>();
      const gaps: number[] = [];
      const rowOf = (row: number) => ({ image: Math.floor(row / points.length), ...points[row % points.length]! });
      const value = (i: number, c: number, p: number) => Number(images.data[(i * channels + c) * plane + p]);
      const feeds = (first: number, some: number) => {
        const batch = zeros('f32', [size, channels, height, width]);
        const asked = Array.from({ length: some }, (_, k) => rowOf(first + k));
        for (const [k, { image, at }] of asked.entries()) {
          for (let c = 0; c < channels; c++) {
            const from = baseline[c]!;
            const to = (k * channels + c) * plane;
            for (let p = 0; p < plane; p++) batch.data[to + p] = from + at * (value(image, c, p) - from);
          }
        }
        return {
          ...subject.variables,
          [feedNames.input]: batch,
          [targetFeed]: oneHot(
            asked.map(({ image }) => targets[image]!),
            [size, forward.classes],
          ),
        };
      };
      await inBatches(
        program,
        { count: count * points.length, size, feeds },
        (row, of) => {
          const { image, at, weight } = rowOf(row);
          if (weight === 0) ends.set(at, of(scoreName)[targets[image]!]!);
          const gradients = of(gradientName);
          for (let c = 0; weight > 0 && c < channels; c++) {
            for (let p = 0; p < plane; p++) {
              sums[p]! += weight * gradients[c * plane + p]! * (value(image, c, p) - baseline[c]!);
            }
          }
          if ((row + 1) % points.length > 0) return;
          raw.data.set(sums, image * plane);
          gaps.push(sums.reduce((sum, one) => sum + one, 0) - (ends.get(1)! - ends.get(0)!));
          sums.fill(0);
        },
        options,
      );
      return { raw, normalised: normalise(raw, withoutOutliers), targets, outputs, gaps };
    },
  };
}

const mostSteps = 1000;

/**
 * The points and weights on [0, 1] with which a sum of n terms integrates polynomials of degree 2n − 1 exactly: the
 * roots of the Legendre polynomial P_n, by Newton's method (Press et al., Numerical Recipes, section 4.6).
 */
export function gaussLegendre(n: number): { at: number; weight: number }[] {
  return Array.from({ length: n }, (_, i) => {
    let x = Math.cos((Math.PI * (n - i - 0.25)) / (n + 0.5));
    let slope = 1;
    for (let step = 0; step < 100; step++) {
      let [before, value] = [0, 1];
      for (let k = 1; k <= n; k++) [before, value] = [value, ((2 * k - 1) * x * value - (k - 1) * before) / k];
      slope = (n * (x * value - before)) / (x * x - 1);
      const change = value / slope;
      x -= change;
      if (Math.abs(change) < 1e-15) break;
    }
    return { at: (x + 1) / 2, weight: 1 / ((1 - x * x) * slope * slope) };
  });
}
