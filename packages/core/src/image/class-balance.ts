/** The number of images of a class in each part. */
export interface ClassCount {
  readonly name: string;
  readonly train: number;
  readonly validation: number;
  readonly test: number;
}

/** With fewer training images it is chance whether a class is learned: studies of few images begin at 5-shot. */
export const fewestToTrain = 5;

/** From this ratio of the largest to the smallest class on, accuracy rewards neglecting the small one. */
export const mostImbalance = 5;

/** The largest and the smallest class in training, where the one has at least 5 times the images of the other. */
export function imbalanceOf(classes: readonly ClassCount[]): { largest: ClassCount; smallest: ClassCount } | undefined {
  const sorted = classes.filter(({ train }) => train > 0).sort((a, b) => b.train - a.train);
  const largest = sorted[0];
  const smallest = sorted.at(-1);
  if (!largest || !smallest || largest.train < mostImbalance * smallest.train) return undefined;
  return { largest, smallest };
}
