import * as z from 'zod';

/**
 * The images that weights were made of, by their content: what they were fitted or adapted to, and what they were
 * chosen by (the best epoch, early stopping). It travels in checkpoints, through any number of hands, so that an
 * accuracy never counts an image that the weights know.
 */
export interface Seen {
  readonly fitted: ReadonlySet<ContentKey>;
  readonly chosen: ReadonlySet<ContentKey>;
  /** The commands that made the weights, the first one first: `meta train`, `meta adapt`, `train`. */
  readonly history: readonly string[];
  /** False where one of them kept no record, as version 0.1 did. */
  readonly isComplete: boolean;
}

/**
 * The first 48 bits of an image file's SHA-256, in hexadecimal: among a million images, one is mistaken for another in
 * 300 datasets.
 */
export type ContentKey = string;

const digits = 12;

export const nothingSeen: Seen = { fitted: new Set(), chosen: new Set(), history: [], isComplete: true };

/** The record of weights that one of our commands made without keeping one. */
export const unrecorded: Seen = { ...nothingSeen, isComplete: false };

export function contentKey({ sha256 }: { readonly sha256: string }): ContentKey {
  return sha256.slice(0, digits);
}

interface Used {
  readonly fitted: Iterable<ContentKey>;
  readonly chosen: Iterable<ContentKey>;
}

/** The record of weights after `command` trained them on these images, starting from `before`. */
export function seenAfter(before: Seen | null, command: string, { fitted, chosen }: Used): Seen {
  return {
    fitted: new Set([...(before?.fitted ?? []), ...fitted]),
    chosen: new Set([...(before?.chosen ?? []), ...chosen]),
    history: [...(before?.history ?? []), command],
    isComplete: before?.isComplete ?? true,
  };
}

/** The part of the record about these images: enough to split them again as they were split. */
export function seenOf({ fitted, chosen, ...rest }: Seen, images: Iterable<ContentKey>): Seen {
  const keys = [...images];
  return {
    ...rest,
    fitted: new Set(keys.filter((key) => fitted.has(key))),
    chosen: new Set(keys.filter((key) => chosen.has(key))),
  };
}

const packed = z
  .string()
  .regex(/^[A-Za-z0-9+/]*$/)
  .refine((text) => text.length % ((4 / 3) * (digits / 2)) === 0, 'is cut short');

/** The record in files: each key is eight characters of base64. */
export const seenSchema = z
  .object({ history: z.array(z.string().max(100)).max(1000), isComplete: z.boolean(), fitted: packed, chosen: packed })
  .readonly();

/** The record as a file holds it: keys packed as base64. */
export interface SeenRecord {
  readonly fitted: string;
  readonly chosen: string;
  readonly history: readonly string[];
  readonly isComplete: boolean;
}

export function encodeSeen({ fitted, chosen, history, isComplete }: Seen): SeenRecord {
  return { history: [...history], isComplete, fitted: pack(fitted), chosen: pack(chosen) };
}

export function decodeSeen({ fitted, chosen, history, isComplete }: SeenRecord): Seen {
  return { fitted: unpack(fitted), chosen: unpack(chosen), history, isComplete };
}

/** Keys side by side, in their order; those that are '' as blanks. */
export function joinKeys(keys: readonly ContentKey[]): string {
  return keys.map((key) => key.padEnd(digits)).join('');
}

export function splitKeys(text: string): ContentKey[] {
  return Array.from({ length: text.length / digits }, (_, i) => text.slice(i * digits, (i + 1) * digits).trimEnd());
}

function pack(keys: ReadonlySet<ContentKey>): string {
  const hex = [...keys].sort().join('');
  return btoa(hex.replace(/../g, (byte) => String.fromCharCode(Number.parseInt(byte, 16))));
}

function unpack(text: string): Set<ContentKey> {
  const hex = Array.from(atob(text), (byte) => byte.charCodeAt(0).toString(16).padStart(2, '0')).join('');
  return new Set(Array.from({ length: hex.length / digits }, (_, i) => hex.slice(i * digits, (i + 1) * digits)));
}
