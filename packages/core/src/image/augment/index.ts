export { type Augmentation, augmentedPixels, augmentedView, type RandomOperation } from './augmentation.ts';
export { gaussianBlur, sharpness } from './blur.ts';
export {
  autocontrast,
  brightness,
  contrast,
  equalize,
  greyscale,
  hue,
  invert,
  posterize,
  saturation,
  solarize,
} from './colour.ts';
export { erase, type Region } from './erasing.ts';
export {
  type AffineMap,
  affine,
  flipVertically,
  rotate,
  type Sampling,
  shearX,
  shearY,
  translate,
} from './geometry.ts';
export { type AugmentationLevel, augmentationLevels, augmentationOf } from './levels.ts';
export type { Colour, Planes } from './planes.ts';
export { autoAugment, randAugment, trivialAugment } from './policies.ts';
