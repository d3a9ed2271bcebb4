/** The small task of the study, made by code. */
export const studyTask = {
  side: 28,
  filters: 16,
  /** The characters that the network learns first. */
  source: { classes: 12, images: 20, epochs: 10, batchSize: 24, learningRate: 3e-3 },
  /** Others, of which there are few images. */
  target: { classes: 10, images: 3, testImages: 10, batchSize: 10, learningRate: 5e-3 },
} as const;
