export type { PartsChoice } from '@graft-ml/core/internal/recipe/config/data';
export {
  type CaptionedImage,
  type ImageSheetOptions,
  type SheetImage,
  writeContactSheet,
  writeImageSheet,
} from './contact-sheet.ts';
export {
  type Dataset,
  type DatasetImage,
  type DatasetOptions,
  fingerprint,
  imagesOf,
  openDataset,
} from './dataset.ts';
export { decodeImage, type ImageFacts, type ImageFile, imageFileBounds, readImageFile } from './decode.ts';
export { openImagePool } from './decoder-pool.ts';
export { type FoundImages, findImages } from './find-images.ts';
export { createImagePool, type ExaminingPool, type ImagePool } from './image-pool.ts';
export { findLabelledImages, type LabelledImage, type LabelledImages } from './labelled-images.ts';
export { batches, type LabelledImageFile } from './loader.ts';
export { type Preview, type PreviewOptions, type PreviewRow, previewAugmentation } from './preview.ts';
export { statDataset } from './readers/find-candidates.ts';
export type { ShapeOptions } from './readers/found.ts';
export { readDecoded } from './scan/decoded.ts';
export { imageExtensions } from './tree/listing.ts';
