import { closest, distance } from 'fastest-levenshtein';
import { UserError } from './errors.ts';

/** `value`, if it is one of the choices. @throws UserError that names the choices, and the one that was probably meant. */
export function expectChoice<T extends string>(what: string, value: string, choices: readonly T[]): T {
  const found = choices.find((choice) => choice === value);
  if (found !== undefined) return found;
  const near = closest(value, [...choices]);
  const hint = distance(value, near) <= Math.max(2, value.length / 3) ? ` Did you mean "${near}"?` : '';
  throw new UserError(`${what} "${value}" is not known.${hint} Expected one of: ${choices.join(', ')}.`);
}
