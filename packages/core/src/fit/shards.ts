import { randomStream } from '../base/random.ts';

/**
 * Divides examples among workers, by class: any two have as many of each class, and in all, up to one. Within a worker
 * they keep their order, so that one worker has them as they are.
 *
 * @returns the positions of each worker's examples
 */
export function workerShards(labels: readonly number[], workers: number, seed: number): number[][] {
  const shards: number[][] = Array.from({ length: workers }, () => []);
  const shuffled = randomStream(seed, 'workers').shuffle(labels.map((_, index) => index));
  const dealt = shuffled.sort((a, b) => labels[a]! - labels[b]!);
  dealt.forEach((index, i) => {
    shards[i % workers]!.push(index);
  });
  for (const shard of shards) shard.sort((a, b) => a - b);
  return shards;
}

/** The seed of a worker's order, augmentation and dropout. The first has the run's own. */
export function workerSeed(seed: number, worker: number): number {
  return worker === 0 ? seed : randomStream(seed, 'worker', worker).integer(2 ** 32);
}
