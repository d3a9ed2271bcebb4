import type { Augmentation } from '@graft-ml/core/internal/image/augment/augmentation';
import { augmentationOf } from '@graft-ml/core/internal/image/augment/levels';
import { augment } from 'graft-ml/internal/text/augmentation';

/** The operations of a text such as `crop=0.35,flip`. */
export function parseAugmentation(text: string): Augmentation {
  return augmentationOf(augment.parse(text));
}
