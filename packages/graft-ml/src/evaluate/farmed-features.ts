import { OptionError, UserError } from '@graft-ml/core/internal/base/errors';
import type { FeatureVector } from '@graft-ml/core/internal/evaluate/classifier';
import { ImageError } from '@graft-ml/core/internal/image/problem';
import { type ImageFile, readImageFile } from '../data/decode.ts';
import type { Farm } from '../jobs/farm.ts';
import { computeShard, farmedOut, isOutside, type ShardOptions, shardSize } from '../jobs/shards.ts';
import { contentHash, shareProgram } from '../jobs/shared-program.ts';
import type { Classifier } from './classifier.ts';

/** Options of `farmedFeatures`. */
export interface FarmedFeaturesOptions extends ShardOptions {
  /** The folder or archive that the images are in, which workers elsewhere are sent. */
  readonly base: string;
}

/**
 * What `classifier.features(images)` gives, to the bit, computed by a farm: shard by shard, in the order of the images.
 * A shard whose features are in the store is not computed again.
 *
 * @throws OptionError where several views are averaged; UserError where an image lies outside the base
 */
export async function* farmedFeatures(
  farm: Farm,
  classifier: Classifier,
  images: readonly ImageFile[],
  { base, shard, signal, onTraffic }: FarmedFeaturesOptions,
): AsyncGenerator<FeatureVector, void, undefined> {
  if (classifier.tta !== 'none') {
    throw new OptionError({ option: 'tta', expected: 'none, where workers compute', received: classifier.tta });
  }
  const stray = farm.ship && images.find((image) => isOutside(base, image));
  if (stray) throw new UserError(`${stray.path} is not in ${base}, which is what workers are sent.`);
  const { runtime, preprocessing, pool } = classifier;
  const size = runtime.rowsAtOnce(images.length, (rows) => classifier.featuresGraph(rows));
  const features = classifier.featuresGraph(size);
  const graph = await runtime.encode({ features });
  const { program, sent } = await shareProgram(farm.store, graph, { threads: runtime.threads, isOptimized: true });
  onTraffic?.({ sent, received: 0 });
  const wanted = { program, base, view: { preprocessing }, epoch: 0, decoder: pool.identity };
  const length = shardSize({ shard }, features.shape.slice(1), size);
  const starts = Array.from({ length: Math.ceil(images.length / length) }, (_, i) => i * length);
  const shards = farmedOut(farm, starts, signal, async (start, stop) => {
    const own = images.slice(start, start + length).map(async (file, i) => {
      return { file, content: await contentOf(file), index: start + i };
    });
    return computeShard(farm, wanted, await Promise.all(own), { onTraffic, signal: stop });
  });
  let next = 0;
  for await (const { rows, problems } of shards) {
    const wrong = new Map(problems.map((problem) => [problem.image, problem]));
    for (const [i, row] of rows.entries()) {
      const { path } = images[next++]!;
      const problem = wrong.get(i);
      yield problem
        ? { path, problem: { path, kind: problem.kind, message: problem.message } }
        : { path, features: row };
    }
  }
}

/** SHA-256 of an image file; its problem where it cannot be read, which a worker will find, too. */
async function contentOf(file: ImageFile): Promise<string> {
  try {
    return contentHash(await readImageFile(file));
  } catch (error) {
    if (error instanceof ImageError) return error.problem.kind;
    throw error;
  }
}
