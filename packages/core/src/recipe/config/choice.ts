import * as z from 'zod';

/** The schema of every option of an interface: one that is forgotten does not compile. */
export type OptionSchemas<Options> = { readonly [K in keyof Options]-?: z.ZodType<Options[K]> };

/** A name from a table. */
export function choice<T extends string>(names: readonly T[]) {
  return z.enum(names as readonly [T, ...T[]]);
}

/** An option whose default depends on others. */
export const orDefault = <S extends z.ZodType>(schema: S) => schema.nullable().default(null);

/**
 * An option that is more than a text, a number or a choice.
 * @param expected what it may be, in words
 * @param problemOf what is wrong with a value: true where no more can be said than what was expected, else words that
 * follow on the option's name; undefined where nothing is
 */
export function structured<T>(expected: string, problemOf: (value: unknown) => string | true | undefined) {
  return z
    .custom<T>()
    .superRefine((value, context) => {
      const problem = problemOf(value);
      if (problem === undefined) return;
      const [message, params] =
        problem === true
          ? [`Expected ${expected}`, { expected }]
          : [problem.replace(/^:? /, ''), { expected, problem }];
      context.addIssue({ code: 'custom', message, params });
    })
    .meta({ expected });
}

/** The same where a schema tells all. */
export function structuredBy<T>(expected: string, schema: z.ZodType<T>) {
  return structured<T>(expected, (value) => (schema.safeParse(value).success ? undefined : true));
}
