/**
 * Decoded images: resizing and cropping as the models want it, augmentation, and what can be wrong with a file.
 *
 * @module @graft-ml/core/data
 */

export type { DatasetParts, ImageDataset, ImageFacts, ImageRecord } from '../image/dataset.ts';
export {
  type Augmentation,
  type AugmentationLevel,
  augmentationLevels,
  augmentationOf,
  augmentedPixels,
  augmentedView,
  type Box,
  type Colour,
  type CropPlace,
  type EncodedImage,
  type EvaluationRequest,
  evaluationView,
  type Framing,
  formatProblems,
  type ImageDecoder,
  ImageError,
  type ImageProblem,
  type ImageStatistics,
  type Interpolation,
  type PixelImage,
  type Planes,
  type Problem,
  type ProblemKind,
  type RandomCrop,
  type RandomOperation,
  type ResizeTarget,
  type RgbImage,
  randomResizedCrop,
  resize,
  statisticsOf,
  type TestTimeAugmentation,
  type TrainingRequest,
  testTimeViews,
  type View,
  type ViewRequest,
} from '../image/index.ts';
export type { FolderProblemKind, ImageProblemKind } from '../image/problem.ts';
export type { ContentKey, Seen, SeenRecord } from '../image/seen.ts';
export type { Fold } from '../image/split.ts';
export type { Split, SplitOptions } from '../image/split-images.ts';
export type { ImageReading, Size } from '../image/transform.ts';
