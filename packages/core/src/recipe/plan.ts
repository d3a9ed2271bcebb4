import { option } from '../base/code.ts';
import { OptionError, UserError } from '../base/errors.ts';
import type { FitStage } from '../fit/fit-stages.ts';
import { type ParameterTable, selected } from '../fit/selection.ts';
import type { ParameterSetting } from '../optim/index.ts';
import type { ResolvedConfig } from './config/index.ts';
import { strategies } from './strategy.ts';
import { backboneBlocks } from './strategy-stages.ts';

/** The setting of each parameter; null: it is frozen. */
export type Settings = ReadonlyMap<string, ParameterSetting | null>;

/** A stage as a strategy plans it, before it is known how many steps an epoch has. */
export type PlannedStage = Omit<FitStage, 'schedule'>;

/** The options from which `planOf` makes a plan. */
export type PlanConfig = Pick<
  ResolvedConfig,
  | 'strategy'
  | 'epochs'
  | 'probe'
  | 'freezeTo'
  | 'unfreeze'
  | 'views'
  | 'transferRatio'
  | 'transferFrozen'
  | 'transferHead'
  | 'freeze'
  | 'train'
  | 'rates'
  | 'backboneRate'
  | 'layerDecay'
  | 'learningRate'
  | 'normDecay'
>;

/** The stage that `auto` chooses once its probe is known; null: the probe is all there is. */
export type Continuation = { readonly strategy: 'partial' | 'full'; readonly freezeTo: string | null } | null;

/**
 * The learning rate of every parameter in every epoch, as the options about freezing and rates give it; null is frozen.
 *
 * @param continuation of `auto`, where it is decided already
 * @throws UserError where an option means nothing, contradicts another, or leaves nothing to train
 */
export function planOf(config: PlanConfig, table: ParameterTable, continuation?: Continuation): PlannedStage[] {
  assertProbe(config);
  const probe = config.probe > 0 ? [{ name: 'probe', epochs: config.probe, trained: table.head, isProbe: true }] : [];
  const strategy = strategies[config.strategy];
  const main =
    strategy.isDecidedByProbe && continuation
      ? strategies[continuation.strategy].stages({ ...config, ...continuation }, table)
      : strategy.stages(config, table);
  const stages = [...probe, ...main].map(({ name, epochs, trained, isProbe = false }, i): PlannedStage => {
    const settings = settingsOf(config, table, trained);
    if (![...settings.values()].some((setting) => setting)) throw new UserError(`Nothing is trained in ${name}.`);
    // A probe sees images as evaluation does, but for views that are computed once.
    const augments = !isProbe || config.views !== null;
    return { name, epochs, settings, augments, isFresh: i === 0 || i === probe.length };
  });
  assertRatesUsed(config, table, stages);
  return stages;
}

/** The setting of each parameter where `trained` is what the strategy trains. */
function settingsOf(config: PlanConfig, table: ParameterTable, trained: ReadonlySet<string>): Settings {
  const union = (option: string, patterns: readonly string[] | null) =>
    new Set((patterns ?? []).flatMap((pattern) => [...selected(option, pattern, table)]));
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
function strategyRates({ backboneRate, layerDecay }: PlanConfig, table: ParameterTable): (name: string) => number {
  const blocks = backboneBlocks(table);
  const depth = new Map(
    blocks.flatMap((block, i) => table.blocks.get(block)!.map((name) => [name, blocks.length - i] as const)),
  );
  return (name) => (table.head.has(name) ? 1 : backboneRate * layerDecay ** (depth.get(name) ?? 1));
}

interface Rate {
  readonly pattern: string;
  readonly names: ReadonlySet<string>;
  readonly rate: number;
}

function ratesOf({ rates }: PlanConfig, table: ParameterTable): Rate[] {
  return (rates ?? []).map(([pattern, rate]) => ({ pattern, rate, names: selected('rates', pattern, table) }));
}

/** @throws OptionError where a rate is given to parameters of which none is ever trained */
function assertRatesUsed(config: PlanConfig, table: ParameterTable, stages: readonly PlannedStage[]): void {
  if (strategies[config.strategy].isDecidedByProbe) return; // what is trained is not decided yet
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

/**
 * @throws OptionError for a probe where it says nothing. Options that a strategy does not look at, `parseConfig`
 * refuses.
 */
function assertProbe({ strategy, probe }: PlanConfig): void {
  const { isDecidedByProbe, noProbe } = strategies[strategy];
  const fail = (expected: string, problem: string): never => {
    throw new OptionError({ option: 'probe', expected, received: probe, problem });
  };
  if (probe > 0 && noProbe !== undefined) fail('0', `: ${noProbe}.`);
  if (probe === 0 && isDecidedByProbe) fail('at least 1', ` 0: ${strategy} decides by its probe.`);
}
