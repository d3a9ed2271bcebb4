import type { Value } from '@graft-ml/core/graph';
import type { Tensors } from '@graft-ml/core/internal/base/tensor';
import { describe, test } from 'vitest';
import { defaultChoices } from '../../../../test/default-choices.ts';
import { testLearners } from '../../../../test/meta-golden.ts';
import { testModels } from '../../../../test/model-golden.ts';
import { expectGolden, opCases } from '../../../../test/op-golden.ts';
import { createRuntime, type WebRuntimeOptions } from './index.ts';

type Outputs = Readonly<Record<string, Value>>;

function compile(outputs: Outputs, options: WebRuntimeOptions = {}) {
  return createRuntime({ cache: null, choices: defaultChoices(outputs), ...options }).compile(outputs);
}

/** In a session like those of tasks: as the graph is written. */
async function evaluateTask(outputs: Outputs, feeds: Tensors) {
  const program = await compile(outputs, { session: { graphOptimizationLevel: 'disabled' } });
  const results = await program.run(feeds);
  await program.release();
  return results;
}

// The file that browsers load runs in Node as well.
describe('in WebAssembly', () => {
  describe('every op equals PyTorch in value, gradient and second-order gradient', () => {
    test.each(opCases.map((c) => [c.name, c] as const))('%s', (_name, c) =>
      expectGolden(c, (choices) => createRuntime({ cache: null, choices })),
    );
  });

  // Of inception_auxiliary one element's largest gradient error is 8.6e-3, probably since two elements of a window of max
  // pooling are equal up to rounding, and the gradient goes to one here and to the other in PyTorch.
  testModels(compile, { inception_auxiliary: 0.02 });
  testLearners(evaluateTask);
});
