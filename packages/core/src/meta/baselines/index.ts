export { dot, type LabelledFeatures, type LinearHead, predict, rowOf, rowsOf, unitRows } from './linear-head.ts';
export { linearProbe } from './linear-probe.ts';
export { centroids, type Metric, nearestCentroid } from './nearest-centroid.ts';
