import { OptionError } from './errors.ts';

/** The textual form of a value that is more than a text or a number. */
export interface TextCodec<T> {
  /** The syntax in words: `three numbers, for red, green and blue: 0.485,0.456,0.406`. */
  readonly syntax: string;
  /** @throws OptionError where the text stands for no such value */
  parse(text: string): T;
  /** `parse` reads it as the same value. */
  format(value: T): string;
}

/**
 * An error of an option that is written as text. `problem` follows the option's name; without it the syntax is said.
 */
export function textError(option: string, syntax: string, received: string, problem?: string): OptionError {
  return new OptionError({ option, expected: syntax, received, ...(problem !== undefined && { problem }) });
}

/** The parts of a list with commas between them; a comma within braces belongs to its part, which is a glob. */
export function listOf(text: string): string[] {
  const parts = [''];
  let depth = 0;
  for (const character of text) {
    if (character === '{') depth++;
    if (character === '}') depth = Math.max(0, depth - 1);
    if (character === ',' && depth === 0) parts.push('');
    else parts[parts.length - 1] += character;
  }
  return parts.map((part) => part.trim()).filter((part) => part !== '');
}

/** A number as it is written without a sign: `0.1`, `.5`, `1e-3`. NaN for anything else. */
export function numberOf(text: string): number {
  return /^(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text) ? Number(text) : Number.NaN;
}
