/** The style of a piece of text, where the terminal has colours: of 256, as xterm numbers them. */
export interface Style {
  readonly bold?: true;
  readonly dim?: true;
  readonly text?: number;
  readonly background?: number;
}

/** A piece of text in a style. */
export interface Styled {
  readonly styled: string;
  readonly style: Style;
}

/** A line for the terminal: text, or pieces of it, some in a style. Elsewhere than on a terminal styles are left out. */
export type Line = string | readonly (string | Styled)[];

/** Text in a style. */
export function styled(text: string, style: Style): Styled {
  return { styled: text, style };
}

/**
 * Whether stdout shows 256 colours: a terminal whose environment does not refuse them (`NO_COLOR`, `TERM=dumb`,
 * `NODE_DISABLE_COLORS`).
 */
export function hasColours(stream: NodeJS.WriteStream = process.stdout): boolean {
  return stream.isTTY === true && stream.hasColors(256);
}

/** The line as characters, with the codes of its styles where there are colours. `safe` is what text goes through. */
export function lineText(line: Line, { colours, safe }: { colours: boolean; safe: (text: string) => string }): string {
  if (typeof line === 'string') return safe(line);
  const text = line
    .map((piece) => {
      if (typeof piece === 'string') return safe(piece);
      const codes = codesOf(piece.style);
      return colours && codes !== '' ? `\u001b[${codes}m${safe(piece.styled)}\u001b[0m` : safe(piece.styled);
    })
    .join('');
  return colours ? text : text.trimEnd();
}

function codesOf({ bold, dim, text, background }: Style): string {
  return [
    ...(bold ? ['1'] : []),
    ...(dim ? ['2'] : []),
    ...(text === undefined ? [] : [`38;5;${text}`]),
    ...(background === undefined ? [] : [`48;5;${background}`]),
  ].join(';');
}
