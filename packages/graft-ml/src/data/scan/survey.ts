import { createHash } from 'node:crypto';
import type { ImageProblem } from '@graft-ml/core/internal/image/problem';
import { fileBytes, type ImageFacts, type ImageFile, readImageFile } from '../decode.ts';
import { mostInThread, readHeader } from '../image/open.ts';
import { isSound } from './sound.ts';

/** The result of reading a file once: facts, or why it cannot be used. */
export type Surveyed = SurveyedFacts | ImageProblem;

export interface SurveyedFacts extends ImageFacts {
  /** Whether its pixels were decoded. Where not, the file is whole by all that its structure says. */
  readonly isDecoded: boolean;
}

export interface SurveyOptions {
  readonly decode: 'now' | 'later';
}

/**
 * The facts that a file's structure shows; undefined where only decoding it tells whether it is whole. @throws
 * ImageError where it cannot be used
 */
export async function factsOfSound(file: ImageFile): Promise<SurveyedFacts | undefined> {
  if (fileBytes(file) > mostInThread / 4) return undefined;
  const bytes = await readImageFile(file);
  if (!isSound(bytes)) return undefined;
  const { width, height } = await readHeader(bytes, file.path);
  return { width, height, sha256: createHash('sha256').update(bytes).digest('hex'), isDecoded: false };
}
