export * from './augment/index.ts';
export { type ClassCount, fewestToTrain, imbalanceOf, mostImbalance } from './class-balance.ts';
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
export * from './episodes/index.ts';
export { type FoundImages, findImages } from './find-images.ts';
export type { PartsChoice } from './folder-layout.ts';
export {
  distanceBetween,
  farApart,
  type ImageStatistics,
  imageStatisticsSchema,
  inverted,
  statisticsOf,
} from './image-statistics.ts';
export { findLabelledImages, type LabelledImage, type LabelledImages } from './labelled-images.ts';
export { type Batch, type BatchOptions, batches, type LabelledPicture } from './loader.ts';
export type { PictureFacts } from './picture-facts.ts';
export { createPicturePool, type PicturePool } from './picture-pool.ts';
export type { EvaluationRequest, TrainingRequest, ViewRequest } from './picture-worker.ts';
export { type PreviewOptions, type PreviewRow, previewAugmentation } from './preview.ts';
export { formatProblems, PictureError, type PictureProblem, type Problem, type ProblemKind } from './problem.ts';
export { statDataset } from './readers/find-pictures.ts';
export type { ShapeOptions } from './readers/found.ts';
export { type Box, type Interpolation, type ResizeTarget, type RgbImage, resize } from './resize.ts';
export { readDecoded } from './scan/decoded.ts';
export {
  type ContentKey,
  contentKey,
  decodeSeen,
  encodeSeen,
  nothingSeen,
  type Seen,
  seenAfter,
  seenOf,
  seenSchema,
  unrecorded,
} from './seen.ts';
export type { Fold } from './split.ts';
export { type TestTimeAugmentation, testTimeNames, testTimeViews } from './test-time.ts';
export {
  type CropPlace,
  evaluationView,
  type Framing,
  type RandomCrop,
  randomResizedCrop,
  type View,
} from './transform.ts';
export { pictureExtensions } from './tree/listing.ts';
