import { OptionError } from '../base/errors.ts';
import type { ParameterTable } from '../fit/selection.ts';

/** The end of a network that keeps its meta-learned weights: the blocks near the head, or those near the input. */
export type TransferSide = 'upper' | 'lower';
export const transferSides = ['upper', 'lower'] as const satisfies readonly TransferSide[];

/** Whether the head is taken over with its numbers, or made anew. */
export const transferHeads = ['kept', 'new'] as const;
export type TransferHead = 'kept' | 'new';

/** A network in two parts, by blocks from input to head. */
export interface TransferCut {
  readonly trained: readonly string[];
  readonly frozen: readonly string[];
  /** A description of which blocks are on which side. */
  readonly description: string;
}

/** The blocks that have parameters, from input to head, the head's included. */
export function parameterBlocks({ blocks, parameters }: ParameterTable): string[] {
  return [...blocks].flatMap(([block, names]) => (names.some((name) => parameters.has(name)) ? [block] : []));
}

/**
 * Partial transfer: the share `ratio` of the blocks is trained, rounded to whole blocks (a half up), and the others
 * stay as they came. With the upper side frozen the first blocks are trained, and the gradient goes to them through the
 * frozen ones; with the lower side frozen the last. A block is never cut, so that a convolution and its batch norm are
 * on the same side.
 *
 * @throws OptionError where the ratio is not in [0, 1]
 */
export function transferCut(blocks: readonly string[], ratio: number, frozenSide: TransferSide): TransferCut {
  if (!(ratio >= 0 && ratio <= 1)) {
    throw new OptionError({ option: 'transferRatio', expected: 'a share of the blocks, from 0 to 1', received: ratio });
  }
  const count = Math.round(ratio * blocks.length);
  const boundary = frozenSide === 'upper' ? count : blocks.length - count;
  const lower = blocks.slice(0, boundary);
  const upper = blocks.slice(boundary);
  const [trained, frozen] = frozenSide === 'upper' ? [lower, upper] : [upper, lower];
  const named = (what: string, part: readonly string[]) =>
    part.length === 0 ? `${what} none` : `${what} ${part.length} of ${blocks.length} blocks (${part.join(', ')})`;
  return { trained, frozen, description: `${named('trained', trained)}; ${named('frozen', frozen)}` };
}

/** The options of partial transfer; null: not yet known, which counts as the defaults. */
export interface TransferOptions {
  readonly transferRatio: number | null;
  readonly transferFrozen: TransferSide | null;
  readonly transferHead: TransferHead | null;
}

/** The cut of a configuration. A new head is trained on either side, since what is random cannot be frozen. */
export function partialTransfer(options: TransferOptions, table: ParameterTable) {
  const { transferRatio, transferFrozen, transferHead } = options;
  const cut = transferCut(parameterBlocks(table), transferRatio ?? defaultRatio, transferFrozen ?? 'upper');
  const isNew = transferHead === 'new';
  const trained = new Set(cut.trained.flatMap((block) => [...table.blocks.get(block)!]));
  const names = [...table.parameters.keys()].filter((name) => trained.has(name) || (isNew && table.head.has(name)));
  const isExtra = isNew && names.length > 0 && [...table.head].some((name) => !trained.has(name));
  const head = isNew ? `; the head is new${isExtra ? ' and trained all the same' : ''}` : '';
  return { ...cut, parameters: new Set(names), description: `partial transfer: ${cut.description}${head}.` };
}

export const defaultRatio = 0.5;
