import type { Noise } from '../nn/index.ts';
import type { Runtime, StepProgram } from '../runtime/index.ts';
import type { Network, TrainingStepOptions } from './step.ts';

/** A compiled step that takes its batch in parts, with the noise of the whole batch. */
export interface DividedStep {
  readonly program: StepProgram;
  readonly noise: readonly Noise[];
}

/** Compiles a step in parts; null where that does not pay, or would change what the step computes. */
export type Divide = (network: Network, options: TrainingStepOptions, runtime: Runtime) => Promise<DividedStep | null>;

/** How batches are divided. Null until it is set: a page, which has to be small, takes them whole. */
export const dividing: { divide: Divide | null } = { divide: null };
