import { printableName } from './printable.ts';

/** The first characters by which a spreadsheet recognises a formula. */
const formula = /^[=+\-@\t]/;
/** Names are kept whole, so that they can be looked up. */
const longest = 10_000;

/**
 * One cell of a CSV file (RFC 4180), on one line. A text that a spreadsheet would compute (`=1+1`, `@SUM`) gets an
 * apostrophe in front, which spreadsheets take as "this is text"; control characters are written as escapes. Numbers
 * are as they are.
 */
export function csvCell(value: string | number | boolean): string {
  if (typeof value !== 'string') return String(value);
  const line = value.replaceAll(/[\r\n]+/g, ' ');
  const text = printableName(formula.test(line) ? `'${line}` : line, longest);
  return /[",]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
