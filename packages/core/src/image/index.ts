export * from './augment/index.ts';
export { type ClassCount, fewestToTrain, imbalanceOf, mostImbalance } from './class-balance.ts';
export { type EncodedImage, type ImageDecoder, type PixelImage, rgbOf } from './decoder.ts';
export {
  brightnessSteps,
  distanceBetween,
  farApart,
  type ImageStatistics,
  inverted,
  statisticsOf,
} from './image-statistics.ts';
export { formatProblems, ImageError, type ImageProblem, type Problem, type ProblemKind } from './problem.ts';
export { type Box, type Interpolation, type ResizeTarget, type RgbImage, resize } from './resize.ts';
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
export {
  type EvaluationRequest,
  type ImageRows,
  rowsOf,
  type TrainingRequest,
  type ViewRequest,
  viewOf,
} from './view.ts';
