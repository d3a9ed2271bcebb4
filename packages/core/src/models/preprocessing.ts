import * as z from 'zod';

const triple = z.tuple([z.number(), z.number(), z.number()]);

/** `Preprocessing` as files have it: checkpoints' headers, `run.json`, the metadata of ONNX models. */
export const preprocessingSchema = z.object({
  resize: z.int().min(1),
  squash: z.boolean().optional(),
  crop: z.int().min(1),
  interpolation: z.enum(['bilinear', 'bicubic']).default('bilinear'),
  mean: triple,
  std: triple,
  colourProfile: z.enum(['apply', 'ignore']).optional(),
  orientation: z.enum(['apply', 'ignore']).optional(),
});
