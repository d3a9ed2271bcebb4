/** Rounds to a hundredth of a pixel, as all numbers in a document are written. */
export const decimal = (pixels: number) => Number(pixels.toFixed(2));

type Attributes = Readonly<Record<string, string | number | undefined>>;

/** `<name …>children</name>`; the children are markup already, attributes are escaped, and left out where undefined. */
export function element(name: string, attributes: Attributes, ...children: readonly string[]): string {
  const written = Object.entries(attributes)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => ` ${key}="${typeof value === 'number' ? decimal(value) : escaped(String(value))}"`)
    .join('');
  return children.length === 0 ? `<${name}${written}/>` : `<${name}${written}>${children.join('')}</${name}>`;
}

export function textElement(text: string, attributes: Attributes): string {
  return element('text', attributes, escaped(text));
}

/** A browser shows it where the pointer rests on the element around it. */
export function tooltip(text: string): string {
  return element('title', {}, escaped(text));
}

const entities: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };

/** U+FFFE and U+FFFF are the only characters that `printableName` leaves and XML does not allow. */
function escaped(text: string): string {
  return text.replace(/[&<>"]/g, (character) => entities[character]!).replace(/[\ufffe\uffff]/g, '\ufffd');
}

/** Fractions of the font size. */
const widths: readonly (readonly [characters: string, width: number])[] = [
  ["'ijlIJ ,.", 0.32],
  ['/:;\\|f-()[]t!r', 0.41],
  ['"*_`sz?cLFkvx', 0.59],
  ['yPTYaoeESbdghnpqu$0123456789{}', 0.64],
  ['KAVBRXZCUHND', 0.77],
  ['G&OQw#+<=>^~M', 0.86],
  ['%mW@', 1],
];
const widthOf = new Map(widths.flatMap(([characters, width]) => [...characters].map((one) => [one, width] as const)));
const wide =
  /[\p{Script=Han}\p{Script=Hangul}\p{Script=Hiragana}\p{Script=Katakana}\p{Extended_Pictographic}\uff01-\uff60]/u;

/**
 * Pixels that a text takes at most, in any of the fonts that a viewer puts for sans-serif: there is none to measure it
 * with. The widths are DejaVu Sans', which is wider than Arial, Helvetica, Roboto, Segoe UI and San Francisco.
 */
export function textWidth(text: string, fontSize: number, bold = false): number {
  let width = 0;
  for (const character of text.replace(/\p{M}/gu, '')) {
    width += widthOf.get(character) ?? (wide.test(character) ? 1.1 : 0.8);
  }
  return width * fontSize * (bold ? 1.15 : 1);
}

/** The text without its middle, as long as it is wider than `width` pixels; at least an ellipsis. */
export function fitted(text: string, width: number, fontSize: number, bold = false): string {
  const fits = (one: string) => textWidth(one, fontSize, bold) <= width + 1e-6;
  if (fits(text)) return text;
  const characters = [...text];
  for (let kept = characters.length - 1; kept > 0; kept--) {
    const start = characters.slice(0, Math.ceil(kept / 2));
    const end = characters.slice(characters.length - (kept >> 1));
    const short = `${start.join('').trimEnd()}…${end.join('').trimStart()}`;
    if (fits(short)) return short;
  }
  return '…';
}

/** Wraps text to lines of whole words; the last line is cut where there are more. */
export function wrapped(text: string, width: number, fontSize: number, lines: number, bold = false): string[] {
  const fits = (line: string) => textWidth(line, fontSize, bold) <= width;
  if (fits(text) || lines === 1) return [fitted(text, width, fontSize, bold)];
  const words = text.split(' ');
  let count = 1;
  while (count < words.length && fits(words.slice(0, count + 1).join(' '))) count++;
  if (count === words.length) return [fitted(text, width, fontSize, bold)];
  return [
    fitted(words.slice(0, count).join(' '), width, fontSize, bold),
    ...wrapped(words.slice(count).join(' '), width, fontSize, lines - 1, bold),
  ];
}
