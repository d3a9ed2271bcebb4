import { UserError } from './errors.ts';
import { quote } from './quote.ts';

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPENING = new Set([0x5b, 0x7b]);
const CLOSING = new Set([0x5d, 0x7d]);
/** An empty container takes thirty times as much memory as room in the file. */
const MOST_CONTAINERS = 2_000_000;

/** An object as JSON has them: fields of any type, no list. */
export type JsonObject = Readonly<Record<string, unknown>>;

export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * The JSON object in `bytes`, whose containers stand at most `depth` deep, itself included, and have no key twice.
 *
 * The depth is checked before anything is parsed: JSON.parse takes seconds and gigabytes for megabytes of brackets.
 *
 * @throws UserError that calls it `what`
 */
export function parseShallowJson(bytes: Uint8Array, depth: number, what: string): JsonObject {
  let text: string;
  let value: unknown;
  try {
    expectDepth(bytes, depth);
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    value = JSON.parse(text);
  } catch (cause) {
    throw new UserError(`${what} is not JSON that belongs there. The file is damaged, or something else.`, { cause });
  }
  if (!isJsonObject(value)) throw new UserError(`${what} is JSON, but not an object.`);
  const twice = repeatedKey(text);
  if (twice !== undefined) throw new UserError(`${what} has ${quote(twice)} twice.`);
  return value;
}

/** Parses JSON whose containers are nested at most `depth` deep; undefined for any other text. */
export function parseShallow(text: string, depth: number): unknown {
  try {
    expectDepth(new TextEncoder().encode(text), depth);
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function expectDepth(bytes: Uint8Array, deepest: number): void {
  let containers = 0;
  let depth = 0;
  let isText = false;
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i]!;
    const before = depth;
    if (isText && byte === BACKSLASH) i++;
    else if (byte === QUOTE) isText = !isText;
    else if (isText) continue;
    else if (OPENING.has(byte)) depth++;
    else if (CLOSING.has(byte)) depth--;
    if (depth > deepest) throw new RangeError(`it is nested more than ${deepest} deep`);
    if (depth > before && ++containers > MOST_CONTAINERS)
      throw new RangeError(`it has more than ${MOST_CONTAINERS} lists and objects`);
  }
}

/**
 * The first key that occurs twice in one object of `json`, which `JSON.parse` would pass over. `json` must be valid.
 */
function repeatedKey(json: string): string | undefined {
  const scopes: Set<string>[] = [];
  let text = '';
  for (let i = 0; i < json.length; i++) {
    const character = json[i];
    if (character === '"') {
      const start = i++;
      while (json[i] !== '"') i += json[i] === '\\' ? 2 : 1;
      text = json.slice(start, i + 1);
    } else if (character === '{' || character === '[') {
      scopes.push(new Set());
    } else if (character === '}' || character === ']') {
      scopes.pop();
    } else if (character === ':') {
      const key: string = JSON.parse(text);
      if (scopes.at(-1)!.has(key)) return key;
      scopes.at(-1)!.add(key);
    }
  }
  return undefined;
}
