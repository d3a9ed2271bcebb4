import { call, option, placeholder } from '../base/code.ts';
import { OptionError, UserError } from '../base/errors.ts';
import { listOf, type ParameterTable, selected } from '../fit/selection.ts';
import type { ParameterSetting } from '../optim/index.ts';
import type { ResolvedConfig } from './config/index.ts';
import { partialTransfer } from './partial-transfer.ts';

/** By parameter; null: it is frozen. */
export type Settings = ReadonlyMap<string, ParameterSetting | null>;

/** A stretch of epochs in which the same parameters are trained. */
export interface PlannedStage {
  /** What is trained, in a word or two. */
  readonly name: string;
  /** The epochs before it. */
  readonly from: number;
  readonly epochs: number;
  readonly settings: Settings;
  /** Begins a learning-rate schedule and the optimizer's memory anew. */
  readonly isFresh: boolean;
  /** On features of images as evaluation sees them, computed once. */
  readonly isProbe: boolean;
}

/** What `planOf` goes by. */
export type PlanConfig = Pick<
  ResolvedConfig,
  | 'strategy'
  | 'epochs'
  | 'probe'
  | 'freezeTo'
  | 'unfreeze'
  | 'transferRatio'
  | 'transferFrozen'
  | 'transferHead'
  | 'freeze'
  | 'train'
  | 'rates'
  | 'trunkRate'
  | 'layerDecay'
  | 'learningRate'
  | 'normDecay'
>;

/** What `auto` comes to once its probe is known; null: the probe is all there is. */
export type Continuation = { readonly strategy: 'partial' | 'full'; readonly freezeTo: string | null } | null;

/**
 * Who is trained at which rate in which epochs: everything that the options about freezing and rates come to.
 * @param continuation of `auto`, where it is decided already
 * @throws UserError where an option means nothing, contradicts another, or leaves nothing to train
 */
export function planOf(config: PlanConfig, table: ParameterTable, continuation?: Continuation): PlannedStage[] {
  refuseProbe(config);
  const probe = config.probe > 0 ? [{ name: 'probe', epochs: config.probe, trained: table.head, isProbe: true }] : [];
  const main = config.strategy === 'auto' ? continued(config, table, continuation ?? null) : mainStages(config, table);
  let from = 0;
  const stages = [...probe, ...main].map(({ name, epochs, trained, isProbe = false }, i): PlannedStage => {
    const settings = settingsOf(config, table, trained);
    if (![...settings.values()].some((setting) => setting)) throw new UserError(`Nothing is trained in ${name}.`);
    from += epochs;
    return { name, from: from - epochs, epochs, settings, isProbe, isFresh: i === 0 || i === probe.length };
  });
  refuseIdleRates(config, table, stages);
  return stages;
}

interface Stretch {
  readonly name: string;
  readonly epochs: number;
  readonly trained: ReadonlySet<string>;
  readonly isProbe?: boolean;
}

function continued(config: PlanConfig, table: ParameterTable, continuation: Continuation): Stretch[] {
  return continuation ? mainStages({ ...config, ...continuation }, table) : [];
}

function mainStages(config: PlanConfig, table: ParameterTable): Stretch[] {
  const { strategy, epochs } = config;
  if (strategy === 'feature-extraction') return [{ name: 'head', epochs, trained: table.head, isProbe: true }];
  if (strategy === 'partial') return [partialStage(config, table)];
  if (strategy === 'partial-transfer') return [transferStage(config, table)];
  if (strategy === 'gradual') return gradualStages(config, table);
  return [{ name: 'all', epochs, trained: selected('strategy', 'all', table) }];
}

/** Frozen up to a block. */
function partialStage({ freezeTo, epochs }: PlanConfig, table: ParameterTable): Stretch {
  const last = freezeTo ?? defaultFreezeTo(table);
  const names = [...table.parameters.keys()];
  const frozen = selected('freezeTo', last, table);
  const boundary = names.findLastIndex((name) => frozen.has(name));
  const trained = new Set([...names.slice(boundary + 1), ...table.head]);
  return { name: `behind ${last}`, epochs, trained };
}

/** A share of the blocks, from one end. @throws UserError where nothing is left to train */
function transferStage(config: PlanConfig, table: ParameterTable): Stretch {
  const { description, trained, parameters } = partialTransfer(config, table);
  if (parameters.size === 0 && config.train === null) {
    const measures = call('evaluateFolder', [placeholder('classifier'), placeholder('folder')]);
    throw new UserError(`${description} Nothing is left to train: ${measures} measures weights as they are.`);
  }
  const name =
    trained.length === 0 ? 'head' : trained.length === 1 ? trained[0]! : `${trained[0]} to ${trained.at(-1)}`;
  return { name, epochs: config.epochs, trained: parameters };
}

/** The blocks of the trunk that have parameters, from input to head. */
export function trunkBlocks({ blocks, parameters, head }: ParameterTable): string[] {
  return [...blocks].flatMap(([block, names]) =>
    names.some((name) => parameters.has(name) && !head.has(name)) ? [block] : [],
  );
}

/** The last block of the first two thirds. */
export function defaultFreezeTo(table: ParameterTable): string {
  const blocks = trunkBlocks(table);
  return blocks[Math.max(0, Math.ceil((2 * blocks.length) / 3) - 1)]!;
}

/** `1:head,4:layer4,10:all`: from each epoch on, that is trained besides what was before. */
function gradualStages({ unfreeze, epochs }: PlanConfig, table: ParameterTable): Stretch[] {
  const steps = unfreeze === null ? defaultUnfreezing(epochs, table) : parseUnfreezing(unfreeze, epochs, table);
  return steps.map(({ from, name }, i) => ({
    name,
    epochs: (steps[i + 1]?.from ?? epochs) - from,
    trained: new Set(steps.slice(0, i + 1).flatMap(({ names }) => [...names])),
  }));
}

interface Unfreezing {
  readonly from: number;
  readonly name: string;
  readonly names: ReadonlySet<string>;
}

/** Epochs count from 1, as everywhere; a text that begins with 0 is from before that was so, and counts from 0. */
function parseUnfreezing(text: string, epochs: number, table: ParameterTable): Unfreezing[] {
  const fail = (why: string): never => {
    throw new OptionError({
      option: 'unfreeze',
      expected: 'something like 1:head,4:layer4,7:layer3,10:all',
      received: text,
      problem: ` ${text}: ${why}. Expected something like 1:head,4:layer4,7:layer3,10:all.`,
    });
  };
  const steps = listOf(text).map((part) => {
    const [, epoch, what] = /^(\d+):(.+)$/.exec(part) ?? [];
    if (epoch === undefined || what === undefined) return fail(`"${part}" is not EPOCH:WHAT`);
    const names = what.split('+').flatMap((pattern) => [...selected('unfreeze', pattern.trim(), table)]);
    return { epoch: Number(epoch), name: what, names: new Set(names) };
  });
  const first = steps[0]?.epoch;
  if (first !== 0 && first !== 1) fail('it must begin with epoch 1');
  if (steps.some(({ epoch }, i) => i > 0 && epoch <= steps[i - 1]!.epoch)) fail('the epochs must rise');
  const late = steps.find(({ epoch }) => epoch >= epochs + first!);
  if (late) fail(`epoch ${late.epoch} is never reached in ${epochs}`);
  return steps.map(({ epoch, name, names }) => ({ from: epoch - first!, name, names }));
}

/** The head, then the trunk in three parts from the top, over four equal parts of the epochs. */
function defaultUnfreezing(epochs: number, table: ParameterTable): Unfreezing[] {
  const blocks = trunkBlocks(table);
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

/** How each parameter is trained where `trained` is what the strategy trains. */
function settingsOf(config: PlanConfig, table: ParameterTable, trained: ReadonlySet<string>): Settings {
  const union = (option: string, patterns: string | null) =>
    new Set(listOf(patterns).flatMap((pattern) => [...selected(option, pattern, table)]));
  const [frozen, added] = [union('freeze', config.freeze), union('train', config.train)];
  const rates = ratesOf(config, table);
  const rateOf = strategyRates(config, table);
  const setting = (name: string, dimensions: number): ParameterSetting | null => {
    if (!added.has(name) && (!trained.has(name) || frozen.has(name))) return null;
    const given = rates.find(({ names }) => names.has(name));
    const rate = given ? given.rate / config.learningRate : rateOf(name);
    return rate === 0 ? null : { rate, weightDecay: dimensions > 1 || config.normDecay ? 1 : 0 };
  };
  return new Map([...table.parameters].map(([name, shape]) => [name, setting(name, shape.length)]));
}

/** Factors on the learning rate without `rates`: 1 for the head, less the further a block is from it. */
function strategyRates({ trunkRate, layerDecay }: PlanConfig, table: ParameterTable): (name: string) => number {
  const blocks = trunkBlocks(table);
  const depth = new Map(
    blocks.flatMap((block, i) => table.blocks.get(block)!.map((name) => [name, blocks.length - i] as const)),
  );
  return (name) => (table.head.has(name) ? 1 : trunkRate * layerDecay ** (depth.get(name) ?? 1));
}

interface Rate {
  readonly pattern: string;
  readonly names: ReadonlySet<string>;
  readonly rate: number;
}

/** `head=1e-3,*=1e-5` */
function ratesOf({ rates }: PlanConfig, table: ParameterTable): Rate[] {
  return listOf(rates).map((part) => {
    const [, pattern, number] = /^(.+)=([^=]+)$/.exec(part) ?? [];
    const rate = Number(number);
    if (pattern === undefined || !(rate >= 0 && Number.isFinite(rate))) {
      throw new OptionError({
        option: 'rates',
        expected: 'PATTERN=RATE, as in head=1e-3,layer4=1e-4,*=1e-5',
        received: part,
        problem: `: "${part}" is not PATTERN=RATE, as in head=1e-3,layer4=1e-4,*=1e-5.`,
      });
    }
    return { pattern, rate, names: selected('rates', pattern, table) };
  });
}

/** @throws OptionError where a rate is given to parameters of which none is ever trained */
function refuseIdleRates(config: PlanConfig, table: ParameterTable, stages: readonly PlannedStage[]): void {
  if (config.strategy === 'auto') return; // what it trains is not decided yet
  const decided = new Set<string>();
  for (const { pattern, names, rate } of ratesOf(config, table)) {
    const own = [...names].filter((name) => !decided.has(name));
    for (const name of own) decided.add(name);
    if (pattern === '*' || pattern === 'all' || rate === 0) continue;
    if (own.some((name) => stages.some(({ settings }) => settings.get(name)))) continue;
    throw new OptionError({
      option: 'rates',
      expected: 'rates of parameters that are trained',
      received: pattern,
      problem:
        own.length === 0
          ? `: ${pattern} decides about nothing: what stands before it matches all of it.`
          : `: ${pattern} is never trained with ${option('strategy', config.strategy)}.`,
    });
  }
}

/** @throws OptionError for a probe where it says nothing. Options that a strategy does not look at, `parseConfig` refuses. */
function refuseProbe({ strategy, probe }: PlanConfig): void {
  const fail = (problem: string): never => {
    const expected = strategy === 'auto' ? 'at least 1' : '0';
    throw new OptionError({ option: 'probe', expected, received: probe, problem });
  };
  if (probe > 0 && strategy === 'feature-extraction') fail(': feature-extraction is one already.');
  if (probe > 0 && strategy === 'partial-transfer')
    fail(': partial-transfer goes on from a whole network, whose head may be frozen.');
  if (probe > 0 && strategy === 'scratch') fail(': the features of random weights say nothing.');
  if (probe === 0 && strategy === 'auto') fail(' 0: auto decides by its probe.');
}
