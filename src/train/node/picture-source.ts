import { tensor } from '../../base/tensor.ts';
import {
  type Augmentation,
  type BatchOptions,
  batches,
  type Colour,
  type Picture,
  type PicturePool,
} from '../../data/index.ts';
import type { Preprocessing } from '../../models/index.ts';
import { labelTensor, type Source } from '../source.ts';

/** How the pictures of a run are augmented. */
export interface SeededAugmentation {
  readonly seed: number;
  readonly augmentation: Augmentation;
}

/** Pictures from files, decoded ahead by the pool: as evaluation sees them, or augmented anew in each epoch. */
export function pictureSource(
  pool: PicturePool,
  pictures: readonly Picture[],
  preprocessing: Preprocessing,
  augmented: SeededAugmentation | null,
): Source {
  const size = preprocessing.crop;
  const view = (epoch: number): BatchOptions['view'] =>
    augmented
      ? { kind: 'training', preprocessing, fill: meanColour(preprocessing), epoch, ...augmented }
      : { kind: 'evaluation', preprocessing };
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

/** The colour that is 0 after the normalisation, to the nearest grey level. */
export function meanColour({ mean: [red, green, blue] }: Preprocessing): Colour {
  return [Math.round(255 * red), Math.round(255 * green), Math.round(255 * blue)];
}
