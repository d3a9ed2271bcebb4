import { closest, distance } from 'fastest-levenshtein';
import { UserError } from './errors.ts';
import { printableName } from './printable.ts';

/** ` Did you mean "resnet18"?`, or nothing where no choice is near. */
export function didYouMean(value: string, choices: readonly string[]): string {
  if (choices.length === 0) return '';
  const near = closest(value, [...choices]);
  return distance(value, near) <= Math.max(2, value.length / 3) ? ` Did you mean "${printableName(near)}"?` : '';
}

/** What to say to a value that is not one of the choices: which ones there are, and which one was probably meant. */
export function unknownChoice(what: string, value: string, choices: readonly string[]): string {
  return `${what} "${printableName(value)}" is not known.${didYouMean(value, choices)} Expected one of: ${choices.join(', ')}.`;
}

/** `value`, if it is one of the choices. @throws UserError with the text of `unknownChoice`. */
export function expectChoice<T extends string>(what: string, value: string, choices: readonly T[]): T {
  const found = choices.find((choice) => choice === value);
  if (found === undefined) throw new UserError(unknownChoice(what, value, choices));
  return found;
}
