import { tensor } from '../../base/tensor.ts';
import { type BatchOptions, batches, type Picture, type PicturePool } from '../../data/index.ts';
import type { Preprocessing } from '../../models/index.ts';
import { labelTensor, type Source } from '../source.ts';

export interface Augmentation {
  readonly seed: number;
  readonly minCropScale: number;
  readonly flip: number;
}

/** Pictures from files, decoded ahead by the pool: as evaluation sees them, or with an augmentation. */
export function pictureSource(
  pool: PicturePool,
  pictures: readonly Picture[],
  preprocessing: Preprocessing,
  augmentation: Augmentation | null,
): Source {
  const { crop: size, interpolation } = preprocessing;
  const view = (epoch: number): BatchOptions['view'] => {
    if (!augmentation) return { kind: 'evaluation', preprocessing };
    const { seed, minCropScale, flip } = augmentation;
    return { kind: 'training', seed, epoch, crop: { cropScale: [minCropScale, 1], flip }, interpolation };
  };
  return {
    size: pictures.length,
    async *batches({ batchSize, order, lastBatch, epoch }) {
      const options = { batchSize, size, order, lastBatch, view: view(epoch) };
      for await (const { pixels, labels, weights } of batches(pool, pictures, options)) {
        yield {
          inputs: tensor('u8', [batchSize, 3, size, size], pixels),
          labels: labelTensor(labels),
          weights: tensor('f32', [batchSize], weights),
        };
      }
    },
  };
}
