import type { Value } from '../graph/index.ts';
import type { Noise } from '../nn/index.ts';
import type { Runtime, StepProgram } from '../runtime/index.ts';
import type { ComputeFeatures } from './source.ts';
import type { Network, TrainingStepOptions } from './step.ts';

/** A compiled step that takes its batch in parts, with the noise of the whole batch. */
export interface DividedStep {
  readonly program: StepProgram;
  readonly noise: readonly Noise[];
}

/** Compiles a step in parts; null where that does not pay, or would change what the step computes. */
export type Divide = (network: Network, options: TrainingStepOptions, runtime: Runtime) => Promise<DividedStep | null>;

/** What computes features. */
export interface FeatureProgram {
  readonly compute: ComputeFeatures;
  /** Frees its sessions. */
  release(): Promise<void>;
}

/** Compiles the graph of features for two sessions side by side; null where that does not pay or cannot be. */
export type DivideFeatures = (features: Value, runtime: Runtime) => Promise<FeatureProgram | null>;

/** How batches are divided. Null until it is set: a page, which has to be small, takes them whole. */
export const dividing: { divide: Divide | null; divideFeatures: DivideFeatures | null } = {
  divide: null,
  divideFeatures: null,
};

/** Of fewer rows, two sessions would take longer to open than they gain. */
const fewestInTwo = 64;

/** Computes the features of many rows: the first ones as given, from some on by two sessions side by side. */
export function manyFeatures(features: Value, compute: ComputeFeatures, runtime: Runtime): FeatureProgram {
  let computed = 0;
  let divided: Promise<FeatureProgram | null> | undefined;
  return {
    async compute(inputs, rows) {
      if (computed >= fewestInTwo) divided ??= dividing.divideFeatures?.(features, runtime);
      computed += rows;
      const inTwo = await divided;
      return (inTwo?.compute ?? compute)(inputs, rows);
    },
    release: async () => (await divided)?.release(),
  };
}
