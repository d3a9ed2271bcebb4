import { UserError } from './errors.ts';
import { printableJson } from './printable.ts';
import { sha256OfText } from './sha256.ts';
import { parseShallowJson } from './shallow-json.ts';

/** The longest file, in bytes. The problems of a dataset of a hundred thousand rows make a `run.json` of 10 MB. */
export const longestOwnJson = 50_000_000;
/** None of ours is as deep. */
const depth = 12;

/** The text of a JSON file of ours, with a checksum of its values. */
export function formatOwnJson(value: object): string {
  const content: object = JSON.parse(JSON.stringify(value)); // as a reader will see it
  return `${printableJson({ ...content, checksum: checksumOf(content) }, 2)}\n`;
}

/**
 * The object in a JSON file of ours, which may be laid out anew but not changed. Files without a checksum are read,
 * too: those of version 0.1, and those that a person edits.
 *
 * @throws UserError with the path where it is deeper than it may be, or damaged
 */
export function parseOwnJson(bytes: Uint8Array, path: string): object {
  const { checksum, ...content }: { checksum?: unknown } = parseShallowJson(bytes, depth, `${path} is damaged: it`);
  if (checksum !== undefined && checksum !== checksumOf(content)) {
    throw new UserError(
      `${path} is damaged: its checksum is that of other values. If you have edited it, remove its line "checksum".`,
    );
  }
  return content;
}

/** The checksum of the values, in whatever order an object has its keys. */
function checksumOf(content: object): string {
  return sha256OfText(JSON.stringify(content, inOrder));
}

function inOrder(_key: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
}
