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

/** The same for any table of options. */
export function assertNoneIgnoredBy(config: object, belongings: Belongings): void {
  const values = new Map<string, unknown>(Object.entries(config));
  for (const [by, options] of Object.entries(belongings)) {
    const chosen = values.get(by);
    for (const [option, choices] of Object.entries(options)) {
      const value = values.get(option);
      const isGiven = value !== null && value !== false && value !== undefined;
      if (!isGiven || choices.includes(String(chosen))) continue;
      const other = chosen === null ? '' : `, not with ${chosen}`;
      throw new OptionError({
        option,
        expected: `nothing, since ${by} is ${chosen === null ? 'not given' : String(chosen)}`,
        received: value,
        problem: ` means something only with ${code(by)} ${choices.join(', ')}${other}. Leave it out.`,
      });
    }
  }
}
