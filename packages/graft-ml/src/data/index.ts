export type { PartsChoice } from '@graft-ml/core/internal/recipe/config/data';
export { writeContactSheet } from './contact-sheet.ts';
export {
  type Dataset,
  type DatasetOptions,
  fingerprint,
  imagesOf,
  openDataset,
  type Picture,
} from './dataset.ts';
export { decodePicture, type PictureFile, pictureBounds, readPictureFile } from './decode.ts';
export { type FoundImages, findImages } from './find-images.ts';
export { findLabelledImages, type LabelledImage, type LabelledImages } from './labelled-images.ts';
export { type Batch, type BatchOptions, batches, type LabelledPicture } from './loader.ts';
export type { PictureFacts } from './picture-facts.ts';
export { createPicturePool, type PicturePool } from './picture-pool.ts';
export type { EvaluationRequest, TrainingRequest, ViewRequest } from './picture-worker.ts';
export { type PreviewOptions, type PreviewRow, previewAugmentation } from './preview.ts';
export { statDataset } from './readers/find-pictures.ts';
export type { ShapeOptions } from './readers/found.ts';
export { readDecoded } from './scan/decoded.ts';
export { pictureExtensions } from './tree/listing.ts';
