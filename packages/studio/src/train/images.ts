import type { ImageCollection } from '@graft-ml/web/internal/data/collection';
import type { ImageClass } from '../collection/collection.ts';
import { collection } from '../collection/page-collection.ts';

/** The classes that have images. */
export function filledClasses(): readonly ImageClass[] {
  return collection.classes.filter(({ images }) => images.length > 0);
}

/** The collection as Graft takes it. */
export function collectionImages(): ImageCollection {
  return Object.fromEntries(
    filledClasses().map(({ name, images }) => [
      name,
      images.map((image) => ({ name: image.name, content: image.file })),
    ]),
  );
}
