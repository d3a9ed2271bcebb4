import { ShapeError } from '../base/errors.ts';
import { f32, i64 } from '../base/tensor.ts';
import { constant, typeOf, type Value } from '../graph/index.ts';
import {
  add,
  cast,
  clip,
  div,
  equal,
  exp,
  logSoftmax,
  mul,
  neg,
  pow,
  reduceMean,
  reduceSum,
  reshape,
  square,
  sub,
} from '../ops/index.ts';

export interface CrossEntropyOptions {
  /** ε of Szegedy et al. 2015, section 7: the target is (1-ε)·one-hot + ε/classes. Default 0. */
  readonly labelSmoothing?: number;
  /** One factor per class, as PyTorch's `weight`. */
  readonly classWeights?: readonly number[];
  /** γ of the focal loss: each class's term times (1 - p)^γ, p its probability. Default 0. */
  readonly focalGamma?: number;
  /** (n) f32: how much each image counts; 0 for padding. Default: all alike. */
  readonly imageWeights?: Value;
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
 * With `focalGamma` it is the focal loss for a softmax (Lin et al. 2017, eq. 5): what is already known well counts less.
 */
export function crossEntropy(logits: Value, labels: Value, options: CrossEntropyOptions = {}): Value {
  const [n, classes] = logits.shape;
  if (logits.shape.length !== 2 || labels.shape.length !== 1 || labels.shape[0] !== n) {
    throw new ShapeError({
      op: 'crossEntropy',
      expected: 'logits (n, classes) and labels (n)',
      received: `${typeOf(logits)} and ${typeOf(labels)}`,
    });
  }
  const { labelSmoothing = 0, classWeights, focalGamma = 0, imageWeights } = options;
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
  const terms = focalGamma > 0 ? mul(logarithms, doubt(logarithms, focalGamma)) : logarithms;
  const losses = neg(reduceSum(mul(target, terms), [1]));
  const labelWeights = reduceSum(hot, [1]);
  if (!imageWeights) return div(reduceSum(losses), reduceSum(labelWeights));
  return div(reduceSum(mul(losses, imageWeights)), reduceSum(mul(labelWeights, imageWeights)));
}

/** What mixed examples are: `share` ([] f32) of one class, the rest of another. */
export interface MixedLabels {
  /** (n) i64 */
  readonly labels: Value;
  /** (n) i64 */
  readonly partners: Value;
  readonly share: Value;
}

/** The cross entropy of mixed examples: share · CE(labels) + (1 - share) · CE(partners), which is that against the mixed targets. */
export function mixedCrossEntropy(
  logits: Value,
  { labels, partners, share }: MixedLabels,
  options: CrossEntropyOptions = {},
): Value {
  const own = mul(share, crossEntropy(logits, labels, options));
  return add(own, mul(sub(1, share), crossEntropy(logits, partners, options)));
}

/** (1 - p)^γ of log p. Where p is 1 the slope of a γ below 1 would be infinite, so 1 - p ends at what f32 can tell from 0. */
function doubt(logarithms: Value, gamma: number): Value {
  return pow(clip(sub(1, exp(logarithms)), 1e-7, 1), gamma);
}

/** The mean squared difference, over all elements. */
export function meanSquaredError(prediction: Value, target: Value): Value {
  return reduceMean(square(sub(prediction, target)));
}
