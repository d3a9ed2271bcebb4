import { didYouMean } from './choice.ts';
import { OptionError } from './errors.ts';
import { isTensor, type Tensor } from './tensor.ts';

/** The kinds of values that options of the library's functions have, beside those that a schema checks. */
const kinds = {
  number: { expected: 'a number', holds: (value: unknown) => typeof value === 'number' && !Number.isNaN(value) },
  boolean: { expected: 'true or false', holds: (value: unknown) => typeof value === 'boolean' },
  numbers: {
    expected: 'a list of numbers',
    holds: (value: unknown) => Array.isArray(value) && value.every((each) => typeof each === 'number'),
  },
  rates: {
    expected: 'learning rates by pattern',
    holds: (value: unknown) => typeof value === 'object' && value !== null && !Array.isArray(value),
  },
} as const satisfies Record<string, { expected: string; holds: (value: unknown) => boolean }>;

export type OptionKind = keyof typeof kinds;

/**
 * Checks the options of a call, as JavaScript may make it: that they are an object, which of them there are, and of what
 * kind their values are. An option that is undefined, or a switch that is off, is as good as left out.
 *
 * @param owner the function, for the message
 * @throws OptionError that names the option
 */
export function assertOptions(owner: string, given: unknown, known: Readonly<Record<string, OptionKind>>): void {
  if (typeof given !== 'object' || given === null || Array.isArray(given)) {
    throw new OptionError({ option: `options of ${owner}`, expected: 'an object', received: given });
  }
  for (const [option, value] of Object.entries(given)) {
    const kind = Object.hasOwn(known, option) ? kinds[known[option]!] : undefined;
    if (value === undefined || (kind ? kind.holds(value) : value === false)) continue;
    if (kind) throw new OptionError({ option, expected: kind.expected, received: value });
    const names = Object.keys(known);
    const expected = `one of: ${names.join(', ')}`;
    const problem = `: ${owner} has no such option.${didYouMean(option, names)} Expected ${expected}.`;
    throw new OptionError({ option, expected, received: value, problem });
  }
}

/** @throws OptionError where a value from JavaScript is not a tensor */
export function assertTensor(option: string, value: unknown): asserts value is Tensor {
  if (isTensor(value)) return;
  const expected = 'a tensor (n, …), as f32(shape, numbers) makes it';
  throw new OptionError({ option, expected, received: typeof value, problem: `: expected ${expected}.` });
}
