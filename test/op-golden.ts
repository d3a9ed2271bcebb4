import { typecheck } from '@graft-ml/core/graph';
import type { Choices, Runtime } from '@graft-ml/core/runtime';
import { expect } from 'vitest';
import { relativeError } from './golden.ts';
import { everyChoice, graphOf, type OpCase, referenceOf } from './op-cases.ts';

export { opCases } from './op-cases.ts';

/** Expects a runtime's value, gradient and second-order gradient of an op to be PyTorch's, in every lowering. */
export async function expectGolden(
  c: OpCase,
  runtimeOf: (choices: Choices) => Pick<Runtime, 'compile'>,
): Promise<void> {
  const { outputs, feeds } = graphOf(c);
  typecheck(Object.values(outputs));
  for (const choices of everyChoice(outputs)) {
    const program = await runtimeOf(choices).compile(outputs);
    const results = await program.run(feeds);
    for (const [name, actual] of Object.entries(results)) {
      const { expected, limit } = referenceOf(c, name);
      expect(expected, name).toBeDefined();
      const label = `${name} with ${[...new Set(Object.values(choices))].join(', ') || 'the only lowering'}`;
      expect(relativeError(actual, expected!), label).toBeLessThan(limit);
    }
    await program.release();
  }
}
