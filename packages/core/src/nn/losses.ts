import { OptionError, ShapeError } from '../base/errors.ts';
import { assertOptions } from '../base/options.ts';
import { f32, i64 } from '../base/tensor.ts';
import { constant, typeOf, type Value } from '../graph/index.ts';
import {
  abs,
  add,
  cast,
  clip,
  div,
  equal,
  exp,
  logSoftmax,
  minimum,
  mul,
  neg,
  pow,
  reduceMean,
  reduceSum,
  reshape,
  square,
  sub,
} from '../ops/index.ts';
import { softplus } from './activations.ts';

/**
 * The quantity that training minimises: takes the network's output (n, …) and the target (n, …) to one f32 number, the
 * batch's mean, or to one number per example, (n). Any function of this kind is a loss.
 *
 * @example
 * const quantile: Loss = (output, target) => reduceMean(maximum(sub(target, output), mul(sub(output, target), 9)));
 */
export interface Loss {
  (output: Value, target: Value): Value;
  /** The loss that an evaluation measures instead, where training minimises another: smoothed, or weighted by class. */
  readonly evaluation?: Loss;
  /** Whether the one number of a batch is the mean of each example's own. Default: it is not known. */
  readonly isMean?: boolean;
}

export interface CrossEntropyOptions {
  /** ε of Szegedy et al. 2015, section 7: the target is (1-ε)·one-hot + ε/classes. Default 0. */
  readonly labelSmoothing?: number;
  /** One factor per class, as PyTorch's `weight`. */
  readonly classWeights?: readonly number[];
  /** γ of the focal loss: each class's term times (1 - p)^γ, p its probability. Default 0. */
  readonly focalGamma?: number;
}

/** (n) i64 → (n, classes) f32: 1 at each label. */
export function oneHot(labels: Value, classes: number): Value {
  const columns = constant(
    i64(
      [1, classes],
      Array.from({ length: classes }, (_, i) => i),
    ),
  );
  return cast(equal(reshape(labels, [-1, 1]), columns), 'f32');
}

/**
 * The mean cross entropy of logits (n, classes) against labels (n, i64), as `torch.nn.functional.cross_entropy`:
 * -Σ w[label] · target · log softmax / Σ w[label]; with label smoothing every class's term carries its own weight.
 * With `focalGamma` it is the focal loss for a softmax (Lin et al. 2017, eq. 5): examples that are classified well
 * already count less. Logits (n, classes), labels (n) → ().
 *
 * @throws ShapeError where logits, labels and class weights do not fit together
 */
export function crossEntropy(logits: Value, labels: Value, options: CrossEntropyOptions = {}): Value {
  const { losses, labelWeights } = crossEntropyTerms(logits, labels, options);
  return div(reduceSum(losses), reduceSum(labelWeights));
}

/** The w-weighted loss of each example (n), and the weights of their labels (n). */
function crossEntropyTerms(logits: Value, labels: Value, options: CrossEntropyOptions) {
  const [n, classes] = logits.shape;
  if (logits.shape.length !== 2 || labels.shape.length !== 1 || labels.shape[0] !== n || labels.dtype !== 'i64') {
    throw new ShapeError({
      op: 'crossEntropy',
      expected: 'logits (n, classes) and labels (n) i64',
      received: `${typeOf(logits)} and ${typeOf(labels)}`,
    });
  }
  const { labelSmoothing = 0, classWeights, focalGamma = 0 } = options;
  if (classWeights && classWeights.length !== classes) {
    throw new ShapeError({
      op: 'crossEntropy',
      expected: `${classes} class weights`,
      received: String(classWeights.length),
    });
  }
  const perClass = constant(f32([1, classes!], classWeights ?? new Array<number>(classes!).fill(1)));
  const hot = mul(oneHot(labels, classes!), perClass);
  const smooth = mul(perClass, labelSmoothing / classes!);
  const target = labelSmoothing > 0 ? add(mul(hot, 1 - labelSmoothing), smooth) : hot;
  const logarithms = logSoftmax(logits);
  const terms = focalGamma > 0 ? mul(logarithms, focalFactor(logarithms, focalGamma)) : logarithms;
  return { losses: neg(reduceSum(mul(target, terms), [1])), labelWeights: reduceSum(hot, [1]) };
}

/**
 * (1 - p)^γ of log p. Where p is 1, a γ below 1 has an infinite slope, so 1 - p ends at what f32 can tell from 0.
 */
function focalFactor(logarithms: Value, gamma: number): Value {
  return pow(clip(sub(1, exp(logarithms)), 1e-7, 1), gamma);
}

/**
 * Cross entropy with its options as a loss for `fit`, PyTorch's `CrossEntropyLoss`: logits (n, classes) and labels (n)
 * i64 → (). An evaluation measures the plain one, whatever the options: it tells how good a classifier is.
 *
 * @throws OptionError where an option has a value that it cannot have
 * @example fit(model, images, { loss: crossEntropyLoss({ labelSmoothing: 0.1 }) })
 */
export function crossEntropyLoss(options: CrossEntropyOptions = {}): Loss {
  assertOptions('crossEntropyLoss', options, {
    labelSmoothing: 'number',
    classWeights: 'numbers',
    focalGamma: 'number',
  });
  const { labelSmoothing = 0, focalGamma = 0 } = options;
  if (labelSmoothing < 0 || labelSmoothing > 1) {
    throw new OptionError({ option: 'labelSmoothing', expected: 'a share from 0 to 1', received: labelSmoothing });
  }
  if (focalGamma < 0) throw new OptionError({ option: 'focalGamma', expected: 'at least 0', received: focalGamma });
  const plain: Loss = (logits, labels) => crossEntropyTerms(logits, labels, {}).losses;
  return Object.assign((logits: Value, labels: Value) => crossEntropy(logits, labels, options), {
    evaluation: plain,
    isMean: !options.classWeights,
  });
}

/** Targets of mixed examples: `share` ([] f32) of one, the rest of the other. */
export interface MixedTargets {
  /** (n, …) */
  readonly targets: Value;
  /** (n, …) */
  readonly partners: Value;
  readonly share: Value;
}

/**
 * The loss of mixed examples, share · loss(targets) + (1 - share) · loss(partners). For cross entropy that is the one
 * against the mixed targets.
 */
export function mixedLoss(loss: Loss, output: Value, { targets, partners, share }: MixedTargets): Value {
  return add(mul(share, meanOf(loss(output, targets))), mul(sub(1, share), meanOf(loss(output, partners))));
}

/** The mean of losses per example (n); a scalar is one already. */
export function meanOf(loss: Value): Value {
  return loss.shape.length === 0 ? loss : reduceMean(loss);
}

/**
 * The mean squared difference, over all elements. A loss as it stands: `fit(model, data, { loss: meanSquaredError })`.
 */
export function meanSquaredError(prediction: Value, target: Value): Value {
  return reduceMean(square(sub(prediction, target)));
}

/**
 * Squared differences, PyTorch's `MSELoss`: outputs and targets (n, …) f32 of one shape → (n), each a mean over its
 * elements.
 */
export function mseLoss(): Loss {
  return perExample('mseLoss', (output, target) => square(sub(output, target)));
}

/**
 * Absolute differences, PyTorch's `L1Loss`: outputs and targets (n, …) f32 of one shape → (n), each a mean over its
 * elements.
 */
export function l1Loss(): Loss {
  return perExample('l1Loss', (output, target) => abs(sub(output, target)));
}

export interface HuberLossOptions {
  /** The absolute error at which the parabola becomes a line. Default 1. */
  readonly delta?: number;
}

/**
 * ½d² where |d| ≤ δ, else δ·(|d| - ½δ) (Huber 1964), PyTorch's `HuberLoss`: outputs and targets (n, …) f32 of one shape
 * → (n), each a mean over its elements.
 */
export function huberLoss(options: HuberLossOptions = {}): Loss {
  assertOptions('huberLoss', options, { delta: 'number' });
  const { delta = 1 } = options;
  if (!(delta > 0)) throw new OptionError({ option: 'delta', expected: 'a number above 0', received: delta });
  return perExample('huberLoss', (output, target) => {
    const distance = abs(sub(output, target));
    const inside = minimum(distance, delta);
    // ½·m² + δ·(|d| - m) with m = min(|d|, δ) is both branches in one.
    return add(mul(square(inside), 0.5), mul(sub(distance, inside), delta));
  });
}

export interface BceWithLogitsLossOptions {
  /** One factor per label on the terms of its positive examples, PyTorch's `pos_weight`. */
  readonly positiveWeights?: readonly number[];
}

/**
 * Binary cross entropy of logits, PyTorch's `BCEWithLogitsLoss`: logits (n, …) and targets (n, …) f32 in [0, 1] → (n),
 * each a mean over its elements. For several labels per example (multi-label), or for two classes and one logit.
 */
export function bceWithLogitsLoss(options: BceWithLogitsLossOptions = {}): Loss {
  assertOptions('bceWithLogitsLoss', options, { positiveWeights: 'numbers' });
  const { positiveWeights } = options;
  return perExample('bceWithLogitsLoss', (logits, target) => {
    if (!positiveWeights) return sub(softplus(logits), mul(logits, target));
    const labels = logits.shape.at(-1);
    if (positiveWeights.length !== labels) {
      throw new ShapeError({
        op: 'bceWithLogitsLoss',
        expected: `${labels} positive weights`,
        received: String(positiveWeights.length),
      });
    }
    // -w·z·log σ(x) - (1 - z)·log(1 - σ(x)), where log σ(x) = -softplus(-x) and log(1 - σ(x)) = -softplus(x).
    const weights = constant(f32([labels], positiveWeights));
    const positive = mul(mul(weights, target), softplus(neg(logits)));
    return add(positive, mul(sub(1, target), softplus(logits)));
  });
}

/** A loss that is a mean over the elements of each example. */
function perExample(op: string, lossOf: (output: Value, target: Value) => Value): Loss {
  return (output, target) => {
    if (output.dtype !== target.dtype || String(output.shape) !== String(target.shape)) {
      throw new ShapeError({
        op,
        expected: `targets ${typeOf(output)}, as the outputs are`,
        received: typeOf(target),
      });
    }
    const losses = lossOf(output, target);
    const axes = losses.shape.map((_, axis) => axis).slice(1);
    return axes.length === 0 ? losses : reduceMean(losses, axes);
  };
}
