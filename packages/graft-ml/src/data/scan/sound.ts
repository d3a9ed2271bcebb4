import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import type { ImageProblem } from '@graft-ml/core/internal/image/problem';
import { fileBytes, type ImageFacts, type ImageFile, readImageFile, sniffFormat } from '../decode.ts';
import { mostInThread, readHeader } from '../image/open.ts';

/** The result of reading a file once: facts, or why it cannot be used. */
export type Surveyed = SurveyedFacts | ImageProblem;

export interface SurveyedFacts extends ImageFacts {
  /** Whether its pixels were decoded. If not, the structure of the file shows no damage. */
  readonly isDecoded: boolean;
}

export interface SurveyOptions {
  readonly decode: 'now' | 'later';
}

/**
 * The facts about a file whose structure shows that it is whole; undefined where only decoding it tells.
 * @throws ImageError where it cannot be used
 */
export async function factsOfSound(file: ImageFile): Promise<SurveyedFacts | undefined> {
  if (fileBytes(file) > mostInThread / 4) return undefined;
  const bytes = await readImageFile(file);
  if (!isSound(bytes)) return undefined;
  const { width, height } = await readHeader(bytes, file.path);
  return { width, height, sha256: createHash('sha256').update(bytes).digest('hex'), isDecoded: false };
}

/**
 * Whether the structure of an image file shows that it is whole: every segment is there, checksums match, the end marker
 * comes last. False where there is any doubt, and for formats whose structure says too little: only decoding tells then.
 */
export function isSound(bytes: Buffer): boolean {
  switch (sniffFormat(bytes)) {
    case 'jpeg':
      return isSoundJpeg(bytes);
    case 'png':
      return isSoundPng(bytes);
    case 'webp':
      return isSoundWebp(bytes);
    default:
      return false;
  }
}

/** ITU-T T.81: one baseline, extended or progressive frame of 8 bits. */
function isSoundJpeg(bytes: Buffer): boolean {
  if (bytes.length < 4 || bytes.readUInt16BE(bytes.length - 2) !== 0xffd9) return false;
  let hasFrame = false;
  for (let at = 2; at + 4 <= bytes.length; ) {
    if (bytes[at] !== 0xff) return false;
    const marker = bytes[at + 1]!;
    if (marker === 0xff) {
      at++; // padding
      continue;
    }
    if (marker === 0xda) return hasFrame;
    const end = at + 2 + bytes.readUInt16BE(at + 2);
    if (marker < 0xc0 || (marker >= 0xd0 && marker <= 0xd9) || end < at + 4 || end > bytes.length) return false;
    if (marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc) {
      if (hasFrame || marker > 0xc2 || end < at + 10 || bytes[at + 4] !== 8) return false;
      hasFrame = true;
    }
    at = end;
  }
  return false;
}

/** Bits of a sample that each colour type may have. */
const depths: ReadonlyMap<number, readonly number[]> = new Map([
  [0, [1, 2, 4, 8, 16]],
  [2, [8, 16]],
  [3, [1, 2, 4, 8]],
  [4, [8, 16]],
  [6, [8, 16]],
]);

/** https://www.w3.org/TR/png-3/ */
function isSoundPng(bytes: Buffer): boolean {
  let hasPixels = false;
  for (let at = 8; at + 12 <= bytes.length; ) {
    const end = at + 8 + bytes.readUInt32BE(at);
    if (end + 4 > bytes.length || crc32(bytes.subarray(at + 4, end)) !== bytes.readUInt32BE(end)) return false;
    const type = bytes.toString('latin1', at + 4, at + 8);
    const isCritical = (bytes[at + 4]! & 0x20) === 0;
    if ((at === 8) !== (type === 'IHDR')) return false;
    if (type === 'IHDR') {
      if (end - at !== 21 || !depths.get(bytes[at + 17]!)?.includes(bytes[at + 16]!)) return false;
    } else if (type === 'IDAT') hasPixels = true;
    else if (type === 'IEND') return hasPixels && end + 4 === bytes.length;
    else if (isCritical && type !== 'PLTE') return false;
    at = end + 4;
  }
  return false;
}

/** RFC 9649: a file as long as it says, whose chunks fill it, with an image among them. */
function isSoundWebp(bytes: Buffer): boolean {
  if (bytes.length < 20 || bytes.readUInt32LE(4) + 8 !== bytes.length) return false;
  let hasPixels = false;
  let at = 12;
  while (at + 8 <= bytes.length) {
    hasPixels ||= ['VP8 ', 'VP8L'].includes(bytes.toString('latin1', at, at + 4));
    const length = bytes.readUInt32LE(at + 4);
    at += 8 + length + (length % 2);
  }
  return hasPixels && at === bytes.length;
}
