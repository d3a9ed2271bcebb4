import { sha256 as create } from '@noble/hashes/sha2.js';
import { UserError } from './errors.ts';

/** Takes content piece by piece, and gives the digest of the whole. Node's `createHash` makes faster ones. */
export interface Hasher {
  update(content: Uint8Array): unknown;
  digest(): Uint8Array;
}

/** SHA-256 in JavaScript, at once and anywhere: for what is short. */
export function sha256Hasher(): Hasher {
  return create.create();
}

/** The SHA-256 of a text in UTF-8, in hexadecimal. */
export function sha256OfText(text: string): string {
  return hexOf(create(new TextEncoder().encode(text)));
}

/**
 * The SHA-256 of bytes, in hexadecimal, by the engine's own code.
 * @throws UserError (by rejection) where a page was not loaded from a secure place
 */
export async function sha256Of(bytes: Uint8Array): Promise<string> {
  const { subtle } = globalThis.crypto;
  if (subtle === undefined) {
    throw new UserError('A browser computes checksums only in pages that come by https or from localhost.');
  }
  return hexOf(new Uint8Array(await subtle.digest('SHA-256', bytes as Uint8Array<ArrayBuffer>)));
}

/** Bytes in hexadecimal. */
export function hexOf(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
