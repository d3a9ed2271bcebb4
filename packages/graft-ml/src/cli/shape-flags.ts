import { trainConfigSchema } from '@graft-ml/core/internal/recipe/config/index';

/** How a command finds the images and their classes, in the words of `graft train`. */
export const shapeFlags = trainConfigSchema.pick({
  parts: true,
  followLinks: true,
  labelRegex: true,
  pathColumn: true,
  labelColumn: true,
  splitColumn: true,
}).shape;
