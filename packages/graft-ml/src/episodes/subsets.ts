import type { EpisodeSets } from '@graft-ml/core/internal/runs/episode-sets';
import { assertSubsetsFit, subsetImages, subsetSets } from '@graft-ml/core/internal/runs/subset-sets';
import type { Preprocessing } from '@graft-ml/core/models';
import { type DatasetImage, fingerprint, openDataset } from '../data/dataset.ts';
import type { ImagePool } from '../data/image-pool.ts';
import type { FolderCache } from '../files/cache-folder.ts';

export interface SubsetOptions {
  readonly seed: number;
  readonly preprocessing: Preprocessing;
  /** The most that the images may take, in MiB. */
  readonly memory: number;
  readonly pool: ImagePool;
  readonly cache?: FolderCache | null | undefined;
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
}

/**
 * A dataset for episodes with fixed labels: all classes are in each, and only the images are drawn. They are those of
 * the dataset's own parts, or a fifth of each class to validate with.
 *
 * @throws UserError where there is no such dataset, or its images take more memory than they may
 */
export async function openSubsets(path: string, options: SubsetOptions): Promise<EpisodeSets> {
  const { seed, preprocessing, memory, pool, cache, onProgress } = options;
  const dataset = await openDataset(path, { seed, pool, cache });
  const side = preprocessing.crop;
  const bytes = assertSubsetsFit(path, dataset, side, memory);
  const all = subsetImages(dataset);
  let done = 0;
  const decode = async (image: DatasetImage): Promise<Uint8Array> => {
    const view = await pool.view(image, { kind: 'evaluation', preprocessing }, side);
    onProgress?.(++done, all.length);
    return view;
  };
  const views = new Map(await Promise.all(all.map(async (image) => [image, await decode(image)] as const)));
  return subsetSets(dataset, { seed, side, fingerprint: fingerprint(dataset), views, bytes });
}
