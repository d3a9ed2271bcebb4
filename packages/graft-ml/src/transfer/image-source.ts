import { tensor } from '@graft-ml/core/internal/base/tensor';
import { labelTensor, type Source } from '@graft-ml/core/internal/fit/source';
import type { Augmentation } from '@graft-ml/core/internal/image/augment/augmentation';
import type { Colour } from '@graft-ml/core/internal/image/augment/planes';
import type { Preprocessing } from '@graft-ml/core/models';
import type { DatasetImage } from '../data/dataset.ts';
import type { ImagePool } from '../data/image-pool.ts';
import { type BatchOptions, batches } from '../data/loader.ts';

/** The augmentation of a run's images, with its seed. */
export interface SeededAugmentation {
  readonly seed: number;
  readonly augmentation: Augmentation;
}

/** Images from files, decoded ahead by the pool: as evaluation sees them, or augmented anew in each epoch. */
export function imageSource(
  pool: ImagePool,
  images: readonly DatasetImage[],
  preprocessing: Preprocessing,
  augmented: SeededAugmentation | null,
): Source {
  const size = preprocessing.crop;
  const view = (epoch: number): BatchOptions['view'] =>
    augmented
      ? { kind: 'training', preprocessing, fill: meanColour(preprocessing), epoch, ...augmented }
      : { kind: 'evaluation', preprocessing };
  return {
    size: images.length,
    async *batches({ batchSize, order, lastBatch, epoch }) {
      const options = { batchSize, size, order, lastBatch, view: view(epoch) };
      for await (const { pixels, labels, weights } of batches(pool, images, options)) {
        yield {
          inputs: tensor('u8', [batchSize, 3, size, size], pixels),
          targets: labelTensor(labels),
          weights: tensor('f32', [batchSize], weights),
        };
      }
    },
  };
}

/** The colour that is 0 after the normalisation, to the nearest grey level. */
export function meanColour({ mean: [red, green, blue] }: Preprocessing): Colour {
  return [Math.round(255 * red), Math.round(255 * green), Math.round(255 * blue)];
}
