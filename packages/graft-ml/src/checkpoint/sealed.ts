import { createHash } from 'node:crypto';
import { UserError } from '@graft-ml/core/internal/base/errors';
import type { Tensors } from '@graft-ml/core/internal/base/tensor';
import { readSafetensors, type Safetensors, writeSafetensors } from '@graft-ml/core/internal/weights/safetensors';

/** The content is not what was written. */
export class DamageError extends UserError {}

/**
 * The key in the metadata of our files: SHA-256 of the whole file, computed with zeros in place of the checksum itself.
 */
const key = 'graft-sha256';
const blank = '0'.repeat(64);

/**
 * A safetensors file with a checksum, so that whoever reads it sees a flipped bit. Equal arguments give equal bytes.
 */
export function writeSealed(tensors: Tensors, metadata: Readonly<Record<string, string>>): Uint8Array {
  const bytes = writeSafetensors(tensors, { ...metadata, [key]: blank });
  sealPlace(bytes, blank).write(digestOf(bytes), 'latin1');
  return bytes;
}

/** Reads a safetensors file and verifies its checksum, where it has one. @throws DamageError where it does not match */
export function readSealed(bytes: Uint8Array): Safetensors {
  const { tensors, metadata } = readSafetensors(bytes);
  const { [key]: expected, ...others } = metadata;
  if (expected !== undefined) {
    const place = sealPlace(bytes, expected);
    place.write(blank, 'latin1');
    const found = digestOf(bytes);
    place.write(expected, 'latin1');
    if (found !== expected) {
      throw new DamageError(
        `its content is not what was written: SHA-256 is ${found.slice(0, 12)}…, expected ${expected.slice(0, 12)}…. ` +
          'The file was damaged or changed.',
      );
    }
  }
  return { tensors, metadata: Object.assign(Object.create(null), others) };
}

/** The place of the checksum in the header: its first occurrence. */
function sealPlace(bytes: Uint8Array, checksum: string): Buffer {
  const file = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const entry = `${JSON.stringify(key)}:${JSON.stringify(checksum)}`;
  const start = file.indexOf(entry, 0, 'utf8') + entry.length - 1 - blank.length;
  if (checksum.length !== blank.length || start < 0) throw new DamageError('its checksum is damaged.');
  return file.subarray(start, start + blank.length);
}

function digestOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
