import { typecheck, type Value } from '@graft-ml/core/graph';
import type { Program } from '@graft-ml/core/runtime';
import { describe, expect, test } from 'vitest';
import { modelCases } from './model-cases.ts';
import { narrowModels } from './narrow-models.ts';

/**
 * Registers the tests that every narrow model equals PyTorch's, in programs that `compile` makes.
 *
 * @param gradientLimits wider tolerances, by model, for its gradients and for what steps along them lead to
 */
export function testModels(
  compile: (outputs: Readonly<Record<string, Value>>) => Promise<Program>,
  gradientLimits: Readonly<Record<string, number>> = {},
): void {
  describe.each(Object.keys(narrowModels))('%s equals PyTorch', (model) => {
    const cases = modelCases(model, gradientLimits[model]).map((each) => [each.name, each] as const);
    test.each(cases)('%s', async (_name, { outputs, compare }) => {
      typecheck(Object.values(outputs));
      const program = await compile(outputs);
      const differences = await compare(program);
      await program.release();
      for (const { what, error, limit } of differences) expect(error, what).toBeLessThan(limit);
    });
  });
}
