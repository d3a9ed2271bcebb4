import { UserError } from '../base/errors.ts';

/** How one group of parameters is trained; null: it is frozen. */
export interface ParameterSetting {
  /** Factor on the learning rate. */
  readonly rate: number;
  /** Factor on the optimizer's weight decay. Default 1. */
  readonly weightDecay?: number;
}

/** Ordered rules over parameter names: the first that matches decides. */
export type Rules = readonly (readonly [pattern: RegExp, setting: ParameterSetting | null])[];

/**
 * The setting of every parameter.
 * @throws UserError where a parameter matches no rule, or a rule decides about no parameter: both are slips of the pen.
 */
export function applyRules(names: Iterable<string>, rules: Rules): Map<string, ParameterSetting | null> {
  const settings = new Map<string, ParameterSetting | null>();
  const used = new Set<RegExp>();
  for (const name of names) {
    const rule = rules.find(([pattern]) => pattern.test(name));
    if (!rule) throw new UserError(`rules: no rule matches the parameter ${name}. End the list with /.*/.`);
    used.add(rule[0]);
    settings.set(name, rule[1]);
  }
  const idle = rules.find(([pattern]) => !used.has(pattern) && pattern.source !== '.*');
  if (idle) throw new UserError(`rules: ${idle[0]} decides about no parameter. Is a rule before it too wide?`);
  return settings;
}
