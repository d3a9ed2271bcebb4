/** A value as the bytes of a JSON file that is pleasant to read. */
export function jsonFile(value: unknown): Uint8Array {
  return textFile(`${JSON.stringify(value, null, 2)}\n`);
}

/** A text as the bytes of a file, in UTF-8. */
export function textFile(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}
