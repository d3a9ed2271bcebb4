import { longestOwnJson, parseOwnJson } from '@graft-ml/core/internal/base/own-json';
import { type OpenOptions, readBytes } from './read.ts';

/**
 * The object in a JSON file of ours.
 *
 * @throws UserError with the path where it cannot be read, is longer or deeper than it may be, or damaged
 */
export async function readOwnJson(path: string, options: OpenOptions = {}): Promise<object> {
  return parseOwnJson(await readBytes(path, { ...options, most: longestOwnJson }), path);
}
