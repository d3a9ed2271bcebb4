export { decodePicture, pictureBounds, readPictureFile } from './decode.ts';
export { pictureExtensions } from './folder-scan.ts';
export {
  fingerprint,
  type ImageFolder,
  type ImageFolderOptions,
  openImageFolder,
  type Picture,
} from './image-folder.ts';
export { type Batch, type BatchOptions, batches } from './loader.ts';
export { createPicturePool, type PicturePool } from './picture-pool.ts';
export type { PictureFacts, ViewRequest } from './picture-worker.ts';
export { formatProblems, PictureError, type PictureProblem, type Problem, type ProblemKind } from './problem.ts';
export { type Box, type Interpolation, type ResizeTarget, type RgbImage, resize } from './resize.ts';
export { evaluationView, type Framing, type TrainingCrop, trainingView, type View } from './transform.ts';
