import { input, print } from '@graft-ml/core/graph';
import { noFeatures } from '@graft-ml/core/internal/fit/cache';
import { Scope } from '@graft-ml/core/nn';
import type { DatasetImage } from '../data/dataset.ts';
import type { ImagePool } from '../data/image-pool.ts';
import type { FolderCache } from '../files/cache-folder.ts';
import { ortVersion } from '../runtime/index.ts';
import { imageSource } from '../transfer/folder-images.ts';
import type { Model } from '../transfer/model.ts';

export interface PooledFeaturesOptions {
  readonly pool: ImagePool;
  readonly cache: FolderCache | null;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
  readonly onNote?: ((note: string) => void) | undefined;
}

/** Images that are computed at once. */
const batchSize = 16;
/** Bytes of the cache for the features of all backbones together, as by default in training. */
const limit = 2 ** 31;

/**
 * The features (f) that a model without a head makes of images: its backbone's, averaged over the image. Those that the
 * cache has are taken from there, by content, and the others kept.
 *
 * @throws ImageError where an image turns out to be damaged; the signal's reason
 */
export async function pooledFeatures(
  model: Model,
  images: readonly DatasetImage[],
  { pool, cache, signal, onProgress, onNote = () => {} }: PooledFeaturesOptions,
): Promise<Float32Array[]> {
  const { preprocessing } = model.image!;
  const { dtype, shape } = model.network.input;
  const features = model.network.forward(Scope.root({ training: false }).scope, input('pixels', dtype, [1, ...shape]));
  const width = features.shape[1]!;
  // What kernels were chosen is no part of it, as it is in training: it moves a feature by its last bits.
  const origin = {
    graph: print({ features }),
    variables: model.variables,
    preprocessing,
    backend: ortVersion(),
    choices: {},
    decoder: pool.identity,
  };
  const rows = images.map(() => new Float32Array(width));
  await using table = (await cache?.features(origin, [width], { limit, onNote })) ?? noFeatures;
  const missing: number[] = [];
  for (const [i, { sha256 }] of images.entries()) if (!(await table.read(sha256, rows[i]!))) missing.push(i);
  let done = images.length - missing.length;
  if (done > 0) onProgress?.(done, images.length);
  let taken = 0;
  const request = { batchSize, order: missing, lastBatch: 'pad', epoch: 0 } as const;
  for await (const { inputs } of imageSource(pool, images, { preprocessing }).batches(request)) {
    signal?.throwIfAborted();
    const { data } = await model.features(inputs);
    for (let row = 0; row < batchSize && taken < missing.length; row++, taken++) {
      const image = missing[taken]!;
      rows[image]!.set((data as Float32Array).subarray(row * width, (row + 1) * width));
      await table.add(images[image]!.sha256, rows[image]!);
      done++;
    }
    onProgress?.(done, images.length);
  }
  return rows;
}
