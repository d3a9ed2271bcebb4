import { printableJson } from './printable.ts';

/** Quotes a text from a file for a message: escaped, and cut at 200 characters. */
export function quote(text: string): string {
  return printableJson(text.length > 200 ? `${text.slice(0, 200)}…` : text);
}

/** A value of any type in a message, safe and short enough to print. */
export function shown(value: unknown): string {
  if (typeof value === 'number' || value === undefined) return String(value);
  const text = printableJson(value);
  return text.length > 200 ? `${text.slice(0, 200)}…` : text;
}
