import { randomStream } from '../base/random.ts';
import { inOrder } from './source.ts';

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
