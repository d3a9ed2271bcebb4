import { sha256 as create } from '@noble/hashes/sha2.js';

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

/** Bytes in hexadecimal. */
export function hexOf(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
