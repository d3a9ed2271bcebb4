import { OptionError } from '../base/errors.ts';
import type { Tensor, Tensors } from '../base/tensor.ts';
import { type LearningRates, type Optimizer, type ParameterSetting, scalarFeeds } from '../optim/index.ts';
import { learningRateOf, settingOf } from './fit-rates.ts';
import { type ParameterTable, selected } from './selection.ts';
import type { StepSetting } from './step.ts';

/** Parameters that share their learning rate and their count of steps. */
export interface StepGroup {
  readonly name: string;
  /** The pattern of the step's `rates` that gives their learning rate; null: none does. */
  readonly pattern: string | null;
  readonly parameters: readonly string[];
  /** Steps that they have been trained in. */
  readonly count: number;
}

/** The trained parameters in groups: by the first of the patterns that means them, and by their count. */
export function stepGroups(
  trained: readonly string[],
  countOf: (parameter: string) => number,
  patterns: readonly string[],
  table: ParameterTable,
): StepGroup[] {
  const meant = patterns.map((pattern) => selected('rates', pattern, table));
  const groups = new Map<string, Omit<StepGroup, 'name'> & { parameters: string[] }>();
  for (const parameter of trained) {
    const index = meant.findIndex((names) => names.has(parameter));
    const count = countOf(parameter);
    const key = `${index}/${count}`;
    const group = groups.get(key) ?? { pattern: patterns[index] ?? null, parameters: [], count };
    group.parameters.push(parameter);
    groups.set(key, group);
  }
  return [...groups.values()].map((group, i) => ({ ...group, name: i === 0 ? '' : String(i) }));
}

/**
 * The setting of each parameter that is not frozen, relative to the learning rate; null where the optimizer's rate of
 * it is 0.
 */
export function relativeSettings(
  table: ParameterTable,
  optimizer: Optimizer,
  normDecay: boolean,
): ReadonlyMap<string, ParameterSetting | null> {
  const rates = Object.entries(optimizer.rates ?? {}).map(([pattern, rate]) => ({
    names: selected('optimizer.rates', pattern, table),
    rate,
  }));
  const options = { rates, learningRate: rates.length === 0 ? 1 : learningRateOf(optimizer), normDecay };
  return new Map([...table.parameters].map(([name, shape]) => [name, settingOf(name, shape, options)]));
}

/** The settings of a step's parameters. The rate of a pattern is fed, so its factor is 1. */
export function groupedSettings(
  groups: readonly StepGroup[],
  settings: ReadonlyMap<string, ParameterSetting | null>,
): Map<string, StepSetting> {
  return new Map(
    groups.flatMap(({ name: group, pattern, parameters }) =>
      parameters.map((name): [string, StepSetting] => {
        const { rate, ...setting } = settings.get(name)!;
        return [name, { ...setting, rate: pattern === null ? rate : 1, group }];
      }),
    ),
  );
}

/**
 * The feeds of the groups: learning rates, and the optimizer's counters. @throws OptionError where a rate is no number
 */
export function groupFeeds(
  groups: readonly StepGroup[],
  optimizer: Optimizer,
  { learningRate, rates = {} }: LearningRates,
): Tensors {
  const feeds: Record<string, Tensor> = {};
  for (const { name: group, pattern, count } of groups) {
    const rate = pattern === null ? (learningRate ?? learningRateOf(optimizer)) : rates[pattern]!;
    if (!Number.isFinite(rate)) throw new OptionError({ option: 'learningRate', expected: 'a number', received: rate });
    Object.assign(feeds, scalarFeeds(optimizer, { learningRate: rate, step: count, group }));
  }
  return feeds;
}
