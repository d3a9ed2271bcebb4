import * as z from 'zod';

/** A number for each side. */
export interface SideNumbers {
  readonly train: number;
  /** Default: a twelfth of those that train. */
  readonly validation?: number | undefined;
  readonly test: number;
}

/** Classes that are divided by numbers, in an order that the seed decides. */
export interface ClassDivision {
  /** The folder whose classes alone are used. */
  readonly folder?: string | undefined;
  /** The number of classes on each side. */
  readonly classes?: SideNumbers | undefined;
  /** The percentage of classes on each side. Default: 60, 20 and 20. */
  readonly percent?: SideNumbers | undefined;
}

/**
 * The split of classes for training, validation and testing. `auto` follows the folders train, val and test where there
 * are such, and goes by numbers elsewhere; `background/evaluation` is Omniglot's two sets.
 */
export type ClassSplit = 'auto' | 'background/evaluation' | ClassDivision;

export const splitExpected =
  'auto, background/evaluation, or { folder, classes or percent: { train, validation, test } }';

const sides = z.strictObject({
  train: z.int().min(0),
  validation: z.int().min(0).optional(),
  test: z.int().min(0),
});

const division = z.strictObject({
  folder: z.string().min(1).optional(),
  classes: sides.optional(),
  percent: sides.optional(),
});

/** Classes of all sides together. */
export function sumOf({ train, validation = 0, test }: SideNumbers): number {
  return train + validation + test;
}

/** Whether a value is a split. */
export function isClassSplit(value: unknown): value is ClassSplit {
  if (value === 'auto' || value === 'background/evaluation') return true;
  const { success, data } = division.safeParse(value);
  if (!success || (data.classes && data.percent)) return false;
  return (data.folder ?? data.classes ?? data.percent) !== undefined && (!data.percent || sumOf(data.percent) <= 100);
}
