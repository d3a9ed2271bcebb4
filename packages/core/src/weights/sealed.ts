import { UserError } from '../base/errors.ts';
import { sha256Of } from '../base/sha256.ts';
import type { Tensors } from '../base/tensor.ts';
import { readSafetensors, type Safetensors, writeSafetensors } from './safetensors.ts';

/** The content is not what was written. */
export class DamageError extends UserError {}

/**
 * The key in the metadata of our files: SHA-256 of the whole file, computed with zeros in place of the checksum itself.
 */
const key = 'graft-sha256';
const blank = '0'.repeat(64);

/**
 * A safetensors file with a checksum, so that whoever reads it sees a flipped bit. Equal arguments give equal bytes.
 *
 * @throws UserError (by rejection) where a page was not loaded from a secure place
 */
export async function writeSealed(
  tensors: Tensors,
  metadata: Readonly<Record<string, string>>,
): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = writeSafetensors(tensors, { ...metadata, [key]: blank });
  sealPlace(bytes, blank).set(new TextEncoder().encode(await sha256Of(bytes)));
  return bytes;
}

/**
 * Reads a safetensors file and verifies its checksum, where it has one.
 *
 * @throws DamageError (by rejection) where it does not match; UserError where it is no sound file
 */
export async function readSealed(bytes: Uint8Array): Promise<Safetensors> {
  const { tensors, metadata } = readSafetensors(bytes);
  const { [key]: expected, ...others } = metadata;
  if (expected !== undefined) {
    const place = sealPlace(bytes, expected);
    const seal = place.slice();
    place.fill(zero);
    const found = await sha256Of(bytes).finally(() => place.set(seal));
    if (found !== expected) {
      throw new DamageError(
        `its content is not what was written: SHA-256 is ${found.slice(0, 12)}…, expected ${expected.slice(0, 12)}…. ` +
          'The file was damaged or changed.',
      );
    }
  }
  return { tensors, metadata: Object.assign(Object.create(null), others) };
}

const zero = 0x30;

/** The checksum stands in the header, which is at most this long. */
const longestSearch = 8 + 10_000_000;

/** The place of the checksum in the header: its first occurrence. */
function sealPlace(bytes: Uint8Array, checksum: string): Uint8Array {
  const entry = new TextEncoder().encode(`${JSON.stringify(key)}:${JSON.stringify(checksum)}`);
  const at = indexOf(bytes.subarray(0, longestSearch), entry);
  const start = at + entry.length - 1 - blank.length;
  if (checksum.length !== blank.length || at < 0) throw new DamageError('its checksum is damaged.');
  return bytes.subarray(start, start + blank.length);
}

function indexOf(bytes: Uint8Array, wanted: Uint8Array): number {
  for (let at = bytes.indexOf(wanted[0]!); at >= 0; at = bytes.indexOf(wanted[0]!, at + 1)) {
    if (wanted.every((byte, i) => bytes[at + i] === byte)) return at;
  }
  return -1;
}
