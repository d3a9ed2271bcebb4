import { UserError } from '../base/errors.ts';
import { shown } from '../base/quote.ts';
import { isJsonObject } from '../base/shallow-json.ts';
import type { Preprocessing } from './model.ts';

const interpolations = ['bilinear', 'bicubic'] as const;
const readings = ['apply', 'ignore'] as const;

/**
 * `Preprocessing` as files have it: checkpoints' headers, `run.json`, the metadata of ONNX models. Fields of other names
 * are left out. It is checked by hand, so that a page that opens a model does not load zod (72 KB).
 *
 * @throws UserError that says which field is wrong
 */
export function parsePreprocessing(value: unknown): Preprocessing {
  if (!isJsonObject(value)) throw wrong('preprocessing', 'an object', value);
  const { resize, squash, crop, interpolation = 'bilinear', mean, std, colourProfile, orientation } = value;
  return {
    resize: pixels('resize', resize),
    ...(squash !== undefined && { squash: truth('squash', squash) }),
    crop: pixels('crop', crop),
    interpolation: oneOf('interpolation', interpolations, interpolation),
    mean: perChannel('mean', mean),
    std: perChannel('std', std),
    ...(colourProfile !== undefined && { colourProfile: oneOf('colourProfile', readings, colourProfile) }),
    ...(orientation !== undefined && { orientation: oneOf('orientation', readings, orientation) }),
  };
}

function wrong(field: string, expected: string, received: unknown): UserError {
  return new UserError(`${field}: expected ${expected}, received ${shown(received)}`);
}

function pixels(field: string, value: unknown): number {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 1) return value;
  throw wrong(field, 'a whole number from 1 on', value);
}

function truth(field: string, value: unknown): boolean {
  if (typeof value === 'boolean') return value;
  throw wrong(field, 'true or false', value);
}

function oneOf<T extends string>(field: string, choices: readonly T[], value: unknown): T {
  const choice = choices.find((each) => each === value);
  if (choice !== undefined) return choice;
  throw wrong(field, `one of: ${choices.join(', ')}`, value);
}

function perChannel(field: string, value: unknown): readonly [number, number, number] {
  if (isTriple(value)) return value;
  throw wrong(field, 'a list of three numbers', value);
}

function isTriple(value: unknown): value is readonly [number, number, number] {
  return Array.isArray(value) && value.length === 3 && value.every(Number.isFinite);
}
