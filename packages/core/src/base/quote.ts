import { printableJson } from './printable.ts';

/** A text out of a file, safe and short enough to print. */
export function quote(text: string): string {
  return printableJson(text.length > 200 ? `${text.slice(0, 200)}…` : text);
}
