/* Numbers and texts at places in a file's bytes, in a browser as in Node. */

/** The numbers of a file: `getUint16(at, true)` is little-endian. A place beyond its end is a RangeError. */
export function viewBytes({ buffer, byteOffset, byteLength }: Uint8Array): DataView {
  return new DataView(buffer, byteOffset, byteLength);
}

/** The bytes from `start` to `end` as a text of a character each. */
export function textAt(bytes: Uint8Array, start: number, end: number): string {
  return String.fromCharCode(...bytes.subarray(start, end));
}

/** Whether a text of a character a byte stands at a place. */
export function holdsText(bytes: Uint8Array, text: string, at = 0): boolean {
  return textAt(bytes, at, at + text.length) === text;
}
