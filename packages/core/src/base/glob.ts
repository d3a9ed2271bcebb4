import picomatch from 'picomatch';
import { UserError } from './errors.ts';
import { printableName } from './printable.ts';

/** The longest pattern, in characters. */
const longest = 1000;

/** True for a text with the special characters of a pattern. */
export function isGlob(text: string): boolean {
  return text.length <= longest && picomatch.scan(text).isGlob;
}

/**
 * A test whether names fit a pattern: `*` for any characters, `?` for one, `[ab]` for one of these, `{a,b}` for
 * alternatives. With `dots` names may begin with a dot.
 *
 * @throws UserError where it is not a pattern
 */
export function globMatcher(
  pattern: string,
  { dots = false }: { readonly dots?: boolean } = {},
): (name: string) => boolean {
  if (pattern === '' || pattern.length > longest) {
    throw new UserError(
      `"${printableName(pattern)}" is no pattern: it has ${pattern.length} characters, expected 1 to ${longest}.`,
    );
  }
  try {
    // Without repetitions of alternatives, whose matching can take for ever.
    return picomatch(pattern, { dot: dots, noextglob: true });
  } catch (cause) {
    throw new UserError(`"${printableName(pattern)}" is no pattern (${(cause as Error).message}).`, { cause });
  }
}
