import { constantTensor, reachable, type Value } from '../graph/index.ts';
import type { Runtime } from '../runtime/index.ts';
import { compileGathering } from './compile-gathering.ts';
import type { FeatureProgram } from './divided.ts';
import { TimedRuntime } from './profile/timed-runtime.ts';
import { rowsFrom } from './source.ts';
import { feedNames } from './step.ts';

/** Of larger weights, in bytes, a second copy would cost more than it gains. */
const largestWeights = 2 ** 28;

/**
 * Features of frozen layers by two sessions side by side, each with half of the threads: while images are decoded, no
 * operator waits for a thread of its own that has no processor (docs/performance.md, "Frozen layers by a few images").
 * Null where threads cannot be halved, where the weights are too large to be in memory twice, and where kernels are timed,
 * which would count for a stage's steps.
 *
 * @param features the graph for as many rows as one session takes at once
 */
export async function featuresInTwo(features: Value, runtime: Runtime): Promise<FeatureProgram | null> {
  const { pair } = runtime.backend;
  if (!pair || runtime instanceof TimedRuntime || weightsOf(features) > largestWeights) return null;
  const size = features.shape[0]!;
  const program = await compileGathering(runtime, { sums: {}, results: { features } }, pair);
  return {
    async compute(inputs, rows) {
      // Each side has at least one batch, though it may be of rows that nobody asked for.
      const count = Math.max(program.sides, Math.ceil(rows / size));
      const feeds = Array.from({ length: count }, (_, i) => ({
        [feedNames.input]: rowsFrom(inputs, i * size, size),
      }));
      const sides = await program.gather({}, feeds);
      return sides
        .flatMap(({ results }) => results.map(({ features: made }) => made!))
        .slice(0, Math.ceil(rows / size));
    },
    release: () => program.release(),
  };
}

function weightsOf(features: Value): number {
  return reachable([features]).reduce((sum, value) => sum + (constantTensor(value)?.data.byteLength ?? 0), 0);
}
