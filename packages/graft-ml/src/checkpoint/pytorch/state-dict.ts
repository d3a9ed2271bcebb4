import { UserError } from '@graft-ml/core/internal/base/errors';
import { quote } from '@graft-ml/core/internal/base/quote';
import { type Dict, isDict, isKind, kindOf, type PickleValue, type TensorRef } from './values.ts';

/** The keys under which training scripts save the state dict; of several, the first. */
const usualKeys = [
  'state_dict',
  'model_state_dict',
  'model_state',
  'model',
  'net',
  'network',
  'module',
  'params',
  'weights',
  'ema_state_dict',
  'state_dict_ema',
  'model_ema',
  'ema',
  'params_ema',
];
const deepest = 4;
const mostShown = 6;

export interface StateDict {
  readonly tensors: ReadonlyMap<string, TensorRef>;
  /** Notes on what was chosen and what was left out. */
  readonly notes: readonly string[];
}

/**
 * The state dict in what torch.save saved: the dict itself, or the one dict of tensors in it, preferably under a usual
 * key.
 *
 * @throws UserError that says what was saved instead
 */
export function findStateDict(root: PickleValue): StateDict {
  const notes: string[] = [];
  const holders: Holders = new Map();
  let dict = expectDict(root);
  for (let depth = 0; depth < deepest; depth++) {
    const key = nestedKey(dict, holders);
    if (key === undefined) break;
    notes.push(`Took the state dict under ${quote(key)}${besides(dict, key)}.`);
    dict = dict.get(key) as Dict;
  }
  return { tensors: tensorsOf(dict, notes), notes };
}

function expectDict(root: PickleValue): Dict {
  if (isDict(root)) return root;
  throw new UserError(
    `It holds ${kindOf(root)}, expected a state dict. In Python: torch.save(model.state_dict(), 'weights.pth').`,
  );
}

/** The key under which to look further, or nothing where the dict is the state dict itself. */
function nestedKey(dict: Dict, holders: Holders): string | undefined {
  const nested = [...dict].filter(([key, value]) => typeof key === 'string' && holdsTensors(value, deepest, holders));
  const keys = nested.map(([key]) => key as string);
  const usual = usualKeys.find((key) => keys.includes(key));
  if (usual !== undefined || hasTensors(dict)) return usual;
  if (keys.length > 1) {
    throw new UserError(
      `It holds several dicts of tensors: ${list(keys)}. In Python, save the one you want: ` +
        `torch.save(torch.load(path, map_location='cpu')[${quote(keys[0]!)}], 'weights.pth').`,
    );
  }
  return keys[0];
}

/** The dicts examined so far, and whether they hold tensors: a pickle can have the same one in 100,000 places. */
type Holders = Map<Dict, boolean>;

/** Whether a value is a state dict, or has one under a usual key. */
function holdsTensors(value: PickleValue | undefined, depth: number, holders: Holders): boolean {
  if (!isDict(value) || depth === 0) return false;
  const known = holders.get(value);
  if (known !== undefined) return known;
  const holds = hasTensors(value) || usualKeys.some((key) => holdsTensors(value.get(key), depth - 1, holders));
  holders.set(value, holds);
  return holds;
}

function hasTensors(dict: Dict): boolean {
  for (const [key, value] of dict) if (typeof key === 'string' && isTensor(value)) return true;
  return false;
}

function isTensor(value: PickleValue | undefined): boolean {
  return isKind(value, 'tensor') || isKind(value, 'unreadable tensor');
}

function besides(dict: Dict, taken: string): string {
  const others = [...dict.keys()]
    .filter((key) => key !== taken)
    .map((key) => (typeof key === 'string' ? key : kindOf(key)));
  return others.length > 0 ? ` and left out what is beside it: ${list(others)}` : '';
}

function tensorsOf(dict: Dict, notes: string[]): Map<string, TensorRef> {
  const tensors = new Map<string, TensorRef>();
  const others: string[] = [];
  for (const [key, value] of dict) {
    if (typeof key !== 'string') throw new UserError(`A key of its state dict is ${kindOf(key)}, expected a text.`);
    if (isKind(value, 'unreadable tensor'))
      throw new UserError(`${quote(key)} is a ${value.what} tensor, which is not read.`);
    if (isKind(value, 'tensor')) tensors.set(key, value);
    else others.push(key);
  }
  if (tensors.size === 0)
    throw new UserError(`It holds no tensors: ${others.length > 0 ? list(others) : 'it is empty'}.`);
  if (others.length > 0) notes.push(`Left out what is no tensor: ${list(others)}.`);
  return tensors;
}

function list(names: readonly string[]): string {
  const shown = names.slice(0, mostShown).map(quote).join(', ');
  return names.length > mostShown ? `${shown} and ${names.length - mostShown} more` : shown;
}
