import { call, placeholder } from '../base/code.ts';
import { OptionError, UserError } from '../base/errors.ts';
import { type ParameterTable, selected } from '../fit/selection.ts';
import { partialTransfer, type TransferOptions } from './partial-transfer.ts';

/** Epochs in which the same parameters are trained. */
export interface StrategyStage {
  /** The name of the trained parameters, in a word or two. */
  readonly name: string;
  readonly epochs: number;
  readonly trained: ReadonlySet<string>;
  /** Whether it trains on features of images as evaluation sees them, computed once. */
  readonly isProbe?: boolean;
}

/**
 * The parameters to train from an epoch on, besides those before. Epochs count from 1, or from 0 in a list that begins
 * with 0.
 */
export interface Unfreezing {
  readonly epoch: number;
  /** Blocks, dotted beginnings of names, globs, `head` or `all`. */
  readonly train: readonly string[];
}

/** The options that strategies go by. */
export interface StrategyConfig extends TransferOptions {
  readonly epochs: number;
  readonly freezeTo: string | null;
  readonly unfreeze: readonly Unfreezing[] | null;
  readonly train: readonly string[] | null;
}

/** The head alone, on features that are computed once. */
export function headStages({ epochs }: StrategyConfig, { head }: ParameterTable): StrategyStage[] {
  return [{ name: 'head', epochs, trained: head, isProbe: true }];
}

/** Trains everything at once. */
export function wholeStages({ epochs }: StrategyConfig, table: ParameterTable): StrategyStage[] {
  return [{ name: 'all', epochs, trained: selected('strategy', 'all', table) }];
}

/** Frozen up to a block. */
export function partialStages({ freezeTo, epochs }: StrategyConfig, table: ParameterTable): StrategyStage[] {
  const last = freezeTo ?? defaultFreezeTo(table);
  const names = [...table.parameters.keys()];
  const frozen = selected('freezeTo', last, table);
  const boundary = names.findLastIndex((name) => frozen.has(name));
  const trained = new Set([...names.slice(boundary + 1), ...table.head]);
  return [{ name: `behind ${last}`, epochs, trained }];
}

/** The blocks of the backbone that have parameters, from input to head. */
export function backboneBlocks({ blocks, parameters, head }: ParameterTable): string[] {
  return [...blocks].flatMap(([block, names]) =>
    names.some((name) => parameters.has(name) && !head.has(name)) ? [block] : [],
  );
}

/** The last block of the first two thirds. */
export function defaultFreezeTo(table: ParameterTable): string {
  const blocks = backboneBlocks(table);
  return blocks[Math.max(0, Math.ceil((2 * blocks.length) / 3) - 1)]!;
}

/** A share of the blocks, from one end. @throws UserError where nothing is left to train */
export function transferStages(config: StrategyConfig, table: ParameterTable): StrategyStage[] {
  const { description, trained, parameters } = partialTransfer(config, table);
  if (parameters.size === 0 && (config.train ?? []).length === 0) {
    const measures = call('evaluateFolder', [placeholder('classifier'), placeholder('folder')]);
    throw new UserError(`${description} Nothing is left to train: ${measures} measures weights as they are.`);
  }
  const name =
    trained.length === 0 ? 'head' : trained.length === 1 ? trained[0]! : `${trained[0]} to ${trained.at(-1)}`;
  return [{ name, epochs: config.epochs, trained: parameters }];
}

/** Trains more from each of some epochs on. */
export function gradualStages({ unfreeze, epochs }: StrategyConfig, table: ParameterTable): StrategyStage[] {
  const steps = unfreeze === null ? defaultSteps(epochs, table) : stepsOf(unfreeze, epochs, table);
  return steps.map(({ from, name }, i) => ({
    name,
    epochs: (steps[i + 1]?.from ?? epochs) - from,
    trained: new Set(steps.slice(0, i + 1).flatMap(({ names }) => [...names])),
  }));
}

interface UnfreezingStep {
  readonly from: number;
  readonly name: string;
  readonly names: ReadonlySet<string>;
}

/** Epochs count from 1, as everywhere; a list that begins with 0 is from before that was so, and counts from 0. */
function stepsOf(unfreeze: readonly Unfreezing[], epochs: number, table: ParameterTable): UnfreezingStep[] {
  const fail = (why: string): never => {
    const expected = 'rising epochs from 1 on, all within the run';
    throw new OptionError({ option: 'unfreeze', expected, received: unfreeze, problem: `: ${why}.` });
  };
  const first = unfreeze[0]?.epoch;
  if (first !== 0 && first !== 1) return fail('it must begin with epoch 1');
  if (unfreeze.some(({ epoch }, i) => i > 0 && epoch <= unfreeze[i - 1]!.epoch)) fail('the epochs must rise');
  const late = unfreeze.find(({ epoch }) => epoch >= epochs + first);
  if (late) fail(`epoch ${late.epoch} is never reached in ${epochs}`);
  return unfreeze.map(({ epoch, train }) => ({
    from: epoch - first,
    name: train.join('+'),
    names: new Set(train.flatMap((pattern) => [...selected('unfreeze', pattern, table)])),
  }));
}

/** The head, then the backbone in three parts from the top, over four equal parts of the epochs. */
function defaultSteps(epochs: number, table: ParameterTable): UnfreezingStep[] {
  const blocks = backboneBlocks(table);
  const count = Math.min(4, epochs, blocks.length + 1);
  const names = [...table.parameters.keys()];
  return Array.from({ length: count }, (_, i) => {
    const from = Math.floor((i * epochs) / count);
    if (i === 0) return { from, name: 'head', names: table.head };
    const first = Math.round(blocks.length * (1 - i / (count - 1)));
    const start = Math.min(
      ...table.blocks
        .get(blocks[first]!)!
        .map((name) => names.indexOf(name))
        .filter((at) => at >= 0),
    );
    const all = i === count - 1;
    return { from, name: all ? 'all' : `from ${blocks[first]}`, names: new Set(all ? names : names.slice(start)) };
  });
}
