import type * as z from 'zod';

/** The first problems of a record of ours, in one line. */
export function problemsOf({ issues }: z.ZodError): string {
  const said = issues.slice(0, 3).map(({ path, message }) => {
    const what = message.replace(/^Invalid input: /, '');
    return path.length === 0 ? what : `${path.join('.')}: ${what}`;
  });
  return said.join('; ') + (issues.length > 3 ? `; and ${issues.length - 3} more` : '');
}
