import { createRuntime } from 'graft-ml/internal/runtime/index';
import { describe, test } from 'vitest';
import { expectGolden, opCases } from '../../../../test/op-golden.ts';

describe('every op equals PyTorch in value, gradient and second-order gradient', () => {
  test.each(opCases.map((c) => [c.name, c] as const))('%s', (_name, c) =>
    expectGolden(c, (choices) => createRuntime({ cache: null, threads: 1, choices })),
  );
});
