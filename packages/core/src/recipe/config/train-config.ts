import * as z from 'zod';
import type { OptimizerName } from '../../optim/index.ts';
import type { StrategyName } from '../strategy.ts';
import { type AugmentationOptions, augmentationOptions } from './augmentation.ts';
import type { OptionSchemas } from './choice.ts';
import { type DataOptions, dataOptions } from './data.ts';
import { type MachineOptions, machineOptions } from './machine.ts';
import { type ModelOptions, modelOptions } from './model.ts';
import { type OptimisationOptions, optimisationOptions } from './optimisation.ts';
import { type LayerRates, type StrategyOptions, strategyOptions } from './strategy.ts';
import { type WorkersOptions, workersOptions } from './workers.ts';

/** All options that decide a training run. */
export interface TrainConfig
  extends ModelOptions,
    StrategyOptions,
    OptimisationOptions,
    AugmentationOptions,
    DataOptions,
    MachineOptions,
    WorkersOptions {}

/** A configuration as it is given: what is left out has its default. */
export interface TrainConfigInput extends Partial<Omit<TrainConfig, 'rates'>> {
  /** Peak learning rates by parameter: the first pattern that matches decides; 0 freezes. */
  readonly rates?: LayerRates | null | undefined;
}

/** A configuration with every default that depends on others filled in. `run.json` holds it. */
export interface ResolvedConfig extends TrainConfig {
  readonly strategy: StrategyName;
  readonly optimizer: OptimizerName;
  readonly probe: number;
  readonly backboneRate: number;
  readonly epochs: number;
  readonly learningRate: number;
  readonly weightDecay: number;
}

/** The options by what they are about. */
export const configGroups = {
  model: modelOptions,
  strategy: strategyOptions,
  optimisation: optimisationOptions,
  augmentation: augmentationOptions,
  data: dataOptions,
  machine: machineOptions,
  workers: workersOptions,
} as const;

/** The table of all options: a command line's flags, their help and the files that configure a run are made from it. */
export const trainConfigSchema: z.ZodObject<OptionSchemas<TrainConfig>, z.core.$strict> = z.strictObject({
  ...modelOptions,
  ...strategyOptions,
  ...optimisationOptions,
  ...augmentationOptions,
  ...dataOptions,
  ...machineOptions,
  ...workersOptions,
});
