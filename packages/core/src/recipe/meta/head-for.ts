import { option } from '../../base/code.ts';
import { UserError } from '../../base/errors.ts';
import { type Tensor, type TensorOf, type Tensors, zeros } from '../../base/tensor.ts';
import { innerRateName } from '../../meta/learner.ts';
import { isAdapting, learners } from '../../meta/learners.ts';
import { type Architecture, headPattern } from '../../models/index.ts';
import type { ResolvedMetaConfig } from './index.ts';

/** A head for another number of classes than a start was meta-learned with. */
export interface HeadChange {
  /** The start's name, for messages. */
  readonly start: string;
  readonly config: Pick<ResolvedMetaConfig, 'learner' | 'way'>;
  readonly model: Architecture;
  readonly way: number;
}

/** A start with a head for so many classes. */
export interface FittedHead {
  /** The values of the learner's variables. */
  readonly values: Tensors;
  /** Notes on the head, a sentence each. */
  readonly notes: readonly string[];
}

/**
 * A start's head for another number of classes. Classes get their labels by chance in meta-learning, so its rows differ
 * only by chance too: for fewer classes the first ones do; for more, every class begins with the mean of the rows (Ye
 * and Chao 2021: a MAML with one row for all classes is as good). The inner loop then tells them apart, except BOIL's,
 * which leaves the head as it is.
 *
 * @param tensors of the start
 * @throws UserError for more classes than a head has that the inner loop leaves as it is
 */
export function headFor(tensors: Tensors, { start, config, model, way }: HeadChange): FittedHead {
  const learner = learners[config.learner];
  if (!isAdapting(learner) || way === config.way) return { values: tensors, notes: [] };
  if (way > config.way && learner.adapts === 'body') {
    throw new UserError(
      `${start}: ${config.learner} does not adapt its head, which tells ${config.way} classes apart; ${way} are ` +
        `too many. Meta-train with ${option('way', way)}, or with another learner, such as protonet, which takes any ` +
        'number.',
    );
  }
  const head = headPattern(model);
  const isOfHead = (name: string) => head.test(name) || head.test(name.slice(innerRateName('').length));
  const values = Object.entries(tensors).map(([name, value]): [string, Tensor] => {
    const isByClass = isOfHead(name) && value.dtype === 'f32' && value.shape[0] === config.way;
    // A learned rate per step is no row of the head, even where there are as many steps as classes.
    const isPerStep =
      name.startsWith(innerRateName('')) && learner.kind === 'gradient' && learner.learnedRates === 'per-step';
    return [name, isByClass && !isPerStep ? rows(value, way) : value];
  });
  const how =
    way < config.way ? 'the first rows of its head are taken' : 'each class begins with the mean of its head’s rows';
  return {
    values: Object.fromEntries(values),
    notes: [`The run was trained on ${config.way} classes at a time, and there are ${way}: ${how}.`],
  };
}

/** The first `count` rows, or that many times the mean row where there are not so many. */
function rows(value: TensorOf<'f32'>, count: number): TensorOf<'f32'> {
  const [have, width] = [value.shape[0]!, value.data.length / value.shape[0]!];
  const made = zeros('f32', [count, ...value.shape.slice(1)]);
  if (count <= have) {
    made.data.set(value.data.subarray(0, count * width));
    return made;
  }
  for (let i = 0; i < width; i++) {
    let sum = 0;
    for (let row = 0; row < have; row++) sum += value.data[row * width + i]!;
    for (let row = 0; row < count; row++) made.data[row * width + i] = sum / have;
  }
  return made;
}
