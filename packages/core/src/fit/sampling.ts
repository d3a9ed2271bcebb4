import { OptionError } from '../base/errors.ts';
import { randomStream } from '../base/random.ts';
import { inOrder, type Source } from './source.ts';

/**
 * The order in which an epoch goes through the training images. `shuffle`: each once. `balanced`: as many draws as
 * there are images, with replacement, in which every class is equally likely (PyTorch's `WeightedRandomSampler` with 1
 * / class size).
 */
export function epochOrder(
  sampling: 'shuffle' | 'balanced',
  labels: readonly number[],
  seed: number,
): (epoch: number) => readonly number[] {
  const stream = (epoch: number) => randomStream(seed, 'order', epoch);
  if (sampling === 'shuffle') return (epoch) => stream(epoch).shuffle(inOrder(labels.length));
  const classes = [...new Set(labels)];
  const members = classes.map((label) => inOrder(labels.length).filter((index) => labels[index] === label));
  return (epoch) => {
    const draws = stream(epoch);
    return labels.map(() => {
      const own = members[draws.integer(members.length)]!;
      return own[draws.integer(own.length)]!;
    });
  };
}

/** Positions in a source, in the order of an epoch (from 1). @throws OptionError where a source cannot be sampled so */
export function orderOf(
  source: Source,
  sampling: 'shuffle' | 'balanced',
  seed: number,
): (epoch: number) => readonly number[] {
  const order = inOrder(source.size);
  if (sampling === 'shuffle') return source.isSequential ? () => order : epochOrder('shuffle', order, seed);
  if (source.labels && !source.isSequential) return epochOrder('balanced', source.labels, seed);
  const expected = 'shuffle: the labels of these examples are not known beforehand';
  throw new OptionError({ option: 'sampling', expected, received: sampling });
}
