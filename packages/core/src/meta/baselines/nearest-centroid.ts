import { type TensorOf, zeros } from '../../base/tensor.ts';
import { dot, type LabelledFeatures, type LinearHead, rowOf, unitRows } from './linear-head.ts';

/** The similarity of a feature vector to the mean of a class. */
export type Metric = 'cosine' | 'euclidean';

/**
 * The class whose mean feature is nearest, as a linear layer.
 *
 * `cosine`: W = c / |c|, b = 0: the angle between x and c, times |x|, which is the same for all classes. For a backbone
 * that was trained to classify; its features say more by direction than by length (Chen et al. 2021, Meta-Baseline,
 * section 3). `euclidean`: -|x - c|² = 2·x·c - |c|² - |x|², so W = 2c and b = -|c|² (Snell et al. 2017, equation 8).
 */
export function nearestCentroid(support: LabelledFeatures, metric: Metric): LinearHead {
  const centres = centroids(support);
  const bias = zeros('f32', [centres.shape[0]!]);
  if (metric === 'cosine') return { weight: unitRows(centres), bias };
  const weight = zeros('f32', centres.shape);
  for (let label = 0; label < bias.data.length; label++) {
    const centre = rowOf(centres, label);
    rowOf(weight, label).set(centre.map((value) => 2 * value));
    bias.data[label] = -dot(centre, centre);
  }
  return { weight, bias };
}

/** The mean of the rows of each label: (way, f). */
export function centroids({ features, labels }: LabelledFeatures): TensorOf<'f32'> {
  const way = Math.max(...labels) + 1;
  const means = zeros('f32', [way, features.shape[1]!]);
  const counts = new Array<number>(way).fill(0);
  for (const label of labels) counts[label]!++;
  labels.forEach((label, row) => {
    const mean = rowOf(means, label);
    const x = rowOf(features, row);
    for (let i = 0; i < x.length; i++) mean[i]! += x[i]! / counts[label]!;
  });
  return means;
}
