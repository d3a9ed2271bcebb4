import { UsageError } from '../../base/errors.ts';
import { kebabCase } from '../../base/kebab-case.ts';
import type { TrainConfig } from './index.ts';

/** Options that only some choices look at: by the option that makes the choice, what each of them belongs to. */
const belongs = {
  strategy: { freezeTo: ['partial'], unfreeze: ['gradual'] },
  optimizer: {
    momentum: ['sgd', 'rmsprop'],
    nesterov: ['sgd'],
    centered: ['rmsprop'],
    beta1: ['adam', 'adamw', 'nadam', 'radam', 'lamb', 'lion'],
    beta2: ['adam', 'adamw', 'nadam', 'radam', 'lamb', 'lion'],
    epsilon: ['adam', 'adamw', 'nadam', 'radam', 'lamb', 'rmsprop', 'adagrad'],
  },
  schedule: {
    stepEpochs: ['step'],
    milestones: ['multi-step'],
    decayFactor: ['step', 'multi-step', 'exponential', 'plateau'],
    restartEpochs: ['cosine-restarts'],
    restartGrowth: ['cosine-restarts'],
    power: ['polynomial'],
    plateauPatience: ['plateau'],
  },
  loss: { focalGamma: ['focal'] },
} as const satisfies {
  readonly [By in keyof TrainConfig]?: { readonly [Option in keyof TrainConfig]?: readonly TrainConfig[By][] };
};

const flag = (key: string) => `--${kebabCase(key)}`;

/** @throws UsageError where an option was given that nothing would look at */
export function refuseIgnored(config: TrainConfig): void {
  for (const [by, options] of Object.entries(belongs)) {
    const chosen = config[by as keyof TrainConfig];
    for (const [option, choices] of Object.entries(options)) {
      const value = config[option as keyof TrainConfig];
      const isGiven = value !== null && value !== false;
      if (!isGiven || choices.includes(String(chosen))) continue;
      const other = chosen === null ? '' : `, not with ${chosen}`;
      throw new UsageError(
        `train: ${flag(option)} means something only with ${flag(by)} ${choices.join(', ')}${other}. Leave it out.`,
      );
    }
  }
}
