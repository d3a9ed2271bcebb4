import { readFileSync, statSync, utimesSync, writeFileSync } from 'node:fs';

/**
 * Flips one bit of a file, as a failing disk would: its size and times stay. A negative position counts from the end.
 */
export function flipBit(path: string, position: number): void {
  const { atime, mtime } = statSync(path);
  const bytes = readFileSync(path);
  bytes[position < 0 ? bytes.length + position : position]! ^= 1;
  writeFileSync(path, bytes);
  utimesSync(path, atime, mtime);
}
