import { z } from 'zod';
import { orDefault } from './choice.ts';

/** Which pictures, and how they are divided. */
export const dataOptions = {
  validationFraction: z
    .number()
    .gt(0)
    .lt(1)
    .default(0.2)
    .describe('share of each class held out, where the folder has no val/'),
  classDepth: z.int().min(1).max(8).default(1).describe('folder levels that make a class name'),
  maxPerClass: orDefault(z.int().min(2)).describe('use at most so many pictures of each class'),
  strict: z.boolean().default(false).describe('a picture that cannot be used is an error'),
};
