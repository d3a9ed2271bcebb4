import { option as code } from '../../base/code.ts';
import { OptionError } from '../../base/errors.ts';
import { defaultsOf, type OptimizerName, type OptimizerOption } from '../../optim/index.ts';
import { strategiesByOption } from '../strategy.ts';
import { lossesByOption } from './loss.ts';
import { schedulesByOption } from './schedule.ts';
import type { TrainConfig } from './train-config.ts';

/** Options that only some choices look at: by the option that makes the choice, what each of them belongs to. */
export type Belongings = Readonly<Record<string, Readonly<Record<string, readonly string[]>>>>;

export const optimizersWith = (option: OptimizerOption): readonly OptimizerName[] => [...defaultsOf(option).keys()];

/** The options of each optimizer and each schedule. */
export const outerBelongings = {
  optimizer: {
    momentum: optimizersWith('momentum'),
    nesterov: optimizersWith('nesterov'),
    centered: optimizersWith('centered'),
    beta1: optimizersWith('beta1'),
    beta2: optimizersWith('beta2'),
    epsilon: optimizersWith('epsilon'),
  } satisfies Record<OptimizerOption & keyof TrainConfig, readonly OptimizerName[]>,
  schedule: schedulesByOption,
} as const satisfies Checked<TrainConfig>;

const belongs = {
  strategy: strategiesByOption,
  ...outerBelongings,
  loss: lossesByOption,
} as const satisfies Checked<TrainConfig>;

type Checked<Config> = {
  readonly [By in keyof Config]?: { readonly [Option in keyof Config]?: readonly Config[By][] };
};

/** @throws OptionError where an option of a training run was given that nothing would look at */
export function assertNoneIgnored(config: TrainConfig): void {
  assertNoneIgnoredBy(config, belongs);
}

/** An option that was given, and the option whose choice does not look at it. */
export interface IgnoredOption {
  readonly option: string;
  readonly by: string;
}

/** The options of a training run that were given and that nothing would look at. */
export function ignoredOptions(config: TrainConfig): readonly IgnoredOption[] {
  return ignoredOptionsBy(config, belongs);
}

/** The same for any table of options. */
export function ignoredOptionsBy(config: object, belongings: Belongings): readonly IgnoredOption[] {
  const values = new Map<string, unknown>(Object.entries(config));
  return Object.entries(belongings).flatMap(([by, options]) =>
    Object.entries(options).flatMap(([option, choices]) => {
      const value = values.get(option);
      const isGiven = value !== null && value !== false && value !== undefined;
      return isGiven && !choices.includes(String(values.get(by))) ? [{ option, by }] : [];
    }),
  );
}

/** @throws OptionError where an option was given that nothing would look at */
export function assertNoneIgnoredBy(config: object, belongings: Belongings): void {
  const [first] = ignoredOptionsBy(config, belongings);
  if (first === undefined) return;
  const { option, by } = first;
  const values = new Map<string, unknown>(Object.entries(config));
  const chosen = values.get(by);
  const other = chosen === null ? '' : `, not with ${chosen}`;
  throw new OptionError({
    option,
    expected: `nothing, since ${by} is ${chosen === null ? 'not given' : String(chosen)}`,
    received: values.get(option),
    problem: ` means something only with ${code(by)} ${belongings[by]![option]!.join(', ')}${other}. Leave it out.`,
  });
}
