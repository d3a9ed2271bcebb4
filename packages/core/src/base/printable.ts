/*
 * Text from elsewhere (names of files, classes and layers, messages of servers and the system) may contain characters
 * that a terminal interprets or that nobody can see: control characters (C0, C1, DEL), invisible ones (zero width,
 * bidirectional overrides, tags), line separators, halves of surrogate pairs. They are written as escapes, so that no
 * name can hide text or change the terminal.
 */
const unprintable = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;

/** The longest name, in characters. A longer one is cut in the middle. */
const longestName = 160;
/** The longest message, in characters; a longer one has swallowed a file. */
const longestMessage = 20_000;

/** Makes text safe for a terminal: all but line breaks, tabs and visible characters is escaped. */
export function printable(text: string): string {
  return text.replace(unprintable, (character) =>
    character === '\n' || character === '\t' ? character : escaped(character),
  );
}

/** Makes a name, a path or a table cell safe to print: on one line, and shortened. */
export function printableName(text: string, longest = longestName): string {
  return cut(text, longest).replace(unprintable, escaped);
}

/** Makes an error message, which may have several lines, safe to print. */
export function printableMessage(text: string): string {
  return printable(cut(text, longestMessage));
}

/** The value as JSON with invisible characters escaped: the same value for machines, harmless for `cat`. */
export function printableJson(value: unknown, indent?: number): string {
  return JSON.stringify(value, null, indent).replace(/[\u007f-\u009f\p{Cf}\p{Zl}\p{Zp}]/gu, unitEscapes);
}

/** Cuts the middle out of a text that is too long: the end of a path is the file's name. */
function cut(text: string, longest: number): string {
  if (text.length <= longest) return text;
  const half = (longest - 1) >> 1;
  return `${withoutHalf(text.slice(0, half))}…${withoutHalf(text.slice(-half))}`;
}

/** Drops the lone half that is left of a surrogate pair where the cut went through it. */
function withoutHalf(text: string): string {
  return text.replace(/^[\udc00-\udfff]|[\ud800-\udbff]$/g, '');
}

const short: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };

function escaped(character: string): string {
  return short[character] ?? unitEscapes(character);
}

/** `\u202e`; two of them for a character beyond the first plane. */
function unitEscapes(character: string): string {
  return character
    .split('')
    .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
    .join('');
}
