import * as z from 'zod';

const triple = z.tuple([z.number(), z.number(), z.number()]).readonly();

/** One published file of weights, and all that is known of it. Accuracies are those that its publisher states. */
export const weightsEntrySchema = z.strictObject({
  /** `<origin>/<model>.<tag>`: `torchvision/resnet50.imagenet1k_v2`, `timm/resnet18.a1_in1k`. The path in the cache, too. */
  name: z.string().regex(/^(torchvision|timm)\/[a-z0-9_-]+\.[a-z0-9_-]+$/),
  /** The model of the zoo that it belongs to. */
  architecture: z.string(),
  url: z.url({ protocol: /^https$/ }),
  /** Of the file, or as much of it as is published; null where the Hugging Face hub tells it with the download. */
  sha256: z
    .string()
    .regex(/^([0-9a-f]{8}|[0-9a-f]{64})$/)
    .nullable(),
  /** The file's size as published: 2^20 bytes, rounded to three decimals. */
  sizeMiB: z.number().positive().nullable(),
  /**
   * Of the weights where they have one of their own, else of the package that publishes them. An SPDX identifier, or a
   * reference in SPDX's form to one that SPDX does not list; null where nobody says.
   */
  licence: z
    .enum([
      'Apache-2.0',
      'BSD-3-Clause',
      'CC-BY-NC-4.0',
      'MIT',
      'LicenseRef-DINOv3',
      'LicenseRef-FAIR-Noncommercial-Research',
    ])
    .nullable(),
  /** How it was trained, or who published it: a link. */
  source: z.url(),
  /** How many numbers are learned, with the file's head where it has one. */
  parameters: z.int().positive(),
  /** Percent of ImageNet-1k's validation images. */
  top1: z.number().min(0).max(100).nullable(),
  top5: z.number().min(0).max(100).nullable(),
  /** What the network was measured with; `crop` is the input size. */
  preprocessing: z.strictObject({
    resize: z.int().min(1),
    squash: z.boolean().optional(),
    crop: z.int().min(1),
    interpolation: z.enum(['bilinear', 'bicubic']),
    mean: triple,
    std: triple,
  }),
  /** What the outputs are, in which order: a list in `assets/`. Null where only the trunk is of use, for other classes. */
  classes: z.enum(['imagenet1k']).nullable(),
  /** Where `classes` is null: how many outputs the file's head has; 0: it has none. */
  outputs: z.int().nonnegative().optional(),
});

/** See `weightsEntrySchema`. Entries of one architecture stand in order of preference: the first is its default. */
export type WeightsEntry = z.output<typeof weightsEntrySchema>;
