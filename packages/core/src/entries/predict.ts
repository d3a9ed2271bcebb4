/* Measuring classifiers: accuracy with its interval, per class, and the confusion matrix. */
export {
  type ClassMetrics,
  type ConfusionMatrix,
  type Judged,
  type Metrics,
  measure,
  wilsonInterval,
} from '../predict/index.ts';
