import { closest, distance } from 'fastest-levenshtein';
import { OptionError } from './errors.ts';
import { printableName } from './printable.ts';

/** ` Did you mean "resnet18"?`, or nothing where no choice is near. */
export function didYouMean(value: string, choices: readonly string[]): string {
  if (choices.length === 0) return '';
  const near = closest(value, [...choices]);
  return distance(value, near) <= farthest(value) ? ` Did you mean "${printableName(near)}"?` : '';
}

/**
 * A message after the name of an option, for a value that is not one of the choices: lists them, and the one that was
 * probably meant.
 */
export function choiceProblem(value: string, choices: readonly string[]): string {
  return ` "${printableName(value)}" is not known.${didYouMean(value, choices)} Expected one of: ${choices.join(', ')}.`;
}

/** An option whose value is not one of its choices. */
export function choiceError(option: string, received: unknown, choices: readonly string[]): OptionError {
  const problem = choiceProblem(String(received), choices);
  return new OptionError({ option, expected: `one of: ${choices.join(', ')}`, received, problem });
}

/**
 * A message for a name that is not known, where there are too many to print: the nearest few, and what lists them all.
 * `"resnet81" is not known. Did you mean "resnet18"? Near it are also: resnet101, resnet34. …`
 */
export function unknownName(value: string, names: readonly string[], listedBy: string): string {
  return `"${printableName(value)}" is not known.${nearestNames(value, names)} ${listedBy}`;
}

/** ` Did you mean "resnet18"? Near it are also: resnet101, resnet34.`, or nothing where no name is near. */
export function nearestNames(value: string, names: readonly string[]): string {
  const [first, ...others] = names
    .map((name) => ({ name, away: distance(value, name) }))
    .filter(({ away }) => away <= farthest(value))
    .sort((a, b) => a.away - b.away);
  if (!first) return '';
  const also = others.slice(0, 3).map(({ name }) => name);
  return ` Did you mean "${first.name}"?${also.length > 0 ? ` Near it are also: ${also.join(', ')}.` : ''}`;
}

/** Edits to a name that is still meant. */
const farthest = (value: string) => Math.max(2, value.length / 3);

/** `value`, if it is one of the choices. @throws OptionError where it is not */
export function expectChoice<T extends string>(option: string, value: string, choices: readonly T[]): T {
  const found = choices.find((choice) => choice === value);
  if (found === undefined) throw choiceError(option, value, choices);
  return found;
}
