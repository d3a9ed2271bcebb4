import { describe, test } from 'vitest';
import { expectGolden, opCases } from '../../../../test/op-golden.ts';
import { createRuntime } from './index.ts';

// The file that browsers load runs in Node as well.
describe('in WebAssembly, every op equals PyTorch in value, gradient and second-order gradient', () => {
  test.each(opCases.map((c) => [c.name, c] as const))('%s', (_name, c) =>
    expectGolden(c, (choices) => createRuntime({ cache: null, choices })),
  );
});
