import * as z from 'zod';

/** A name from a table. */
export function choice<T extends string>(names: readonly T[]) {
  return z.enum(names as readonly [T, ...T[]]);
}

/** An option whose default depends on others. */
export const orDefault = <S extends z.ZodType>(schema: S) => schema.nullable().default(null);
