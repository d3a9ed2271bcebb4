import * as z from 'zod';
import { unknownChoice } from '../../base/choice.ts';

/** A name from a table, with a message that says what is in it, and which one was probably meant. */
export function choice<T extends string>(flag: string, names: readonly T[]) {
  return z.enum(names as readonly [T, ...T[]], {
    error: ({ input }) => unknownChoice(flag, String(input), names),
  });
}

/** An option whose default depends on others. */
export const orDefault = <S extends z.ZodType>(schema: S) => schema.nullable().default(null);
