import { z } from 'zod';

/** What is done to the pictures in training only. */
export const augmentationOptions = {
  augment: z.boolean().default(true).describe('random resized crop and flip in training (not with feature-extraction)'),
  minCropScale: z.number().gt(0).max(1).default(0.35).describe('smallest share of a picture that a random crop shows'),
  flip: z.number().min(0).max(1).default(0.5).describe('probability that a picture is mirrored'),
};
