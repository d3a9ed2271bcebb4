export {
  type ClassMetrics,
  type ConfusionMatrix,
  type Judged,
  type Metrics,
  measure,
  ranked,
  wilsonInterval,
} from './metrics.ts';
