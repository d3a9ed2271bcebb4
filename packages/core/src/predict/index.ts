export {
  type Classification,
  type ClassifierParts,
  type ClassifyOptions,
  type FeatureVector,
  type ImageAccess,
  ImageClassifier,
  type ImageClassifierOptions,
  type ImageInput,
  imageAccess,
  type Prediction,
  type RankedClass,
} from './classifier.ts';
export {
  type ClassMetrics,
  type ConfusionMatrix,
  type Judged,
  type Metrics,
  measure,
  ranked,
  wilsonInterval,
} from './metrics.ts';
