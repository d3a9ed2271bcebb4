import { UserError } from '../base/errors.ts';
import { softmax } from './evaluation.ts';
import { z95 } from './metrics.ts';

/** Logits of an image, one per class, and its class. */
export interface LabelledLogits {
  readonly label: number;
  readonly logits: ArrayLike<number>;
}

/** A temperature T: probabilities are softmax(logits / T). Above 1 they become less sure; the order of classes stays. */
export interface FittedTemperature {
  readonly temperature: number;
  /** 95 % interval, from the curvature of the loss at its minimum. */
  readonly interval: readonly [low: number, high: number];
  /** Mean cross entropy of the images, with a temperature of 1 and with this one. */
  readonly loss: { readonly before: number; readonly after: number };
  /** Newton's steps. */
  readonly steps: number;
}

/** The loss as a function of the inverse temperature, with its two derivatives. */
interface Slope {
  readonly loss: number;
  readonly gradient: number;
  readonly curvature: number;
}

const mostSteps = 100;

/**
 * Temperature scaling (Guo et al. 2017): the one number T that minimises the mean cross entropy of softmax(logits / T) on
 * images that the network was not fitted to. In β = 1/T the loss is convex; Newton's method finds its minimum.
 *
 *     L(β) = mean log Σⱼ exp(β zⱼ) - β z_label,   L' = mean E[z] - z_label,   L'' = mean Var[z]
 *
 * with mean and variance over classes under softmax(β z).
 *
 * @throws UserError where there is no minimum: every image has its own class ahead, or all classes guessed alike would be
 * better
 */
export function fitTemperature(images: readonly LabelledLogits[]): FittedTemperature {
  if (images.length === 0) throw new UserError('fitTemperature: there are no images.');
  assertMinimum(images);
  const before = slopeAt(images, 1);
  let [beta, slope, steps] = [1, before, 0];
  for (; steps < mostSteps; steps++) {
    const next = descend(images, beta, slope);
    if (next === null) break;
    [beta, slope] = [next.beta, next.slope];
  }
  const error = z95 / Math.sqrt(images.length * slope.curvature);
  return {
    temperature: 1 / beta,
    interval: [1 / (beta + error), beta > error ? 1 / (beta - error) : Number.POSITIVE_INFINITY],
    loss: { before: before.loss, after: slope.loss },
    steps,
  };
}

/** A step of Newton's that lowers the loss, halved until it does; null where none does. */
function descend(images: readonly LabelledLogits[], beta: number, { loss, gradient, curvature }: Slope) {
  // Where the loss is as good as straight, Newton's step leads anywhere: at most to the double or the half.
  const newton = curvature > 0 ? -gradient / curvature : -Math.sign(gradient) * beta;
  let step = Math.min(beta, Math.max(-beta / 2, newton));
  for (; Math.abs(step) > 1e-12 * beta; step /= 2) {
    const slope = slopeAt(images, beta + step);
    if (slope.loss < loss) return { beta: beta + step, slope };
  }
  return null;
}

function slopeAt(images: readonly LabelledLogits[], beta: number): Slope {
  let [loss, gradient, curvature] = [0, 0, 0];
  for (const { label, logits } of images) {
    const scaled = Float64Array.from(logits, (z) => beta * z);
    const largest = scaled.reduce((most, value) => Math.max(most, value), Number.NEGATIVE_INFINITY);
    const probabilities = softmax(scaled);
    // Relative to the image's own class, so that nothing is lost where logits are large.
    const own = logits[label]!;
    let [mean, square, sum] = [0, 0, 0];
    for (const [j, p] of probabilities.entries()) {
      const z = logits[j]! - own;
      mean += p * z;
      square += p * z * z;
      sum += Math.exp(scaled[j]! - largest);
    }
    loss += largest + Math.log(sum) - scaled[label]!;
    gradient += mean;
    curvature += Math.max(0, square - mean * mean);
  }
  const count = images.length;
  return { loss: loss / count, gradient: gradient / count, curvature: curvature / count };
}

/** @throws UserError where the loss falls for ever as the temperature does, or as it grows */
function assertMinimum(images: readonly LabelledLogits[]): void {
  const isAhead = ({ label, logits }: LabelledLogits) => Array.from(logits).every((z) => z <= logits[label]!);
  if (images.every(isAhead)) {
    throw new UserError(
      `All ${images.length} images are classified correctly, so that no temperature is too low for them. To calibrate, ` +
        'it takes images that the network gets wrong: validate on more of them.',
    );
  }
  const lead = images.reduce((sum, { label, logits }) => {
    const all = Array.from(logits);
    return sum + logits[label]! - all.reduce((total, z) => total + z, 0) / all.length;
  }, 0);
  if (lead <= 0) {
    throw new UserError(
      `On these ${images.length} images the network is no better than guessing, which no temperature changes. Train it first.`,
    );
  }
}
