import { totalmem } from 'node:os';
import { UserError } from '@graft-ml/core/internal/base/errors';
import { parseMetaConfig, resolveMetaConfig } from '@graft-ml/core/internal/recipe/meta/index';
import { expect, test } from 'vitest';
import { availableMemory, checkMemory, formatBytes } from './check-memory.ts';

const config = resolveMetaConfig(parseMetaConfig({ innerSteps: 5 }));

test('what fits passes', () => {
  expect(() => checkMemory(1e9, 4, config, 4e9)).not.toThrow();
});

test('what does not fit says the need, what there is, and what to lower', () => {
  expect(() => checkMemory(1.4e9, 4, config, 3e9)).toThrow(
    new UserError(
      'The graph of a task takes about 1.4 GB of memory in each thread, 5.6 GB in 4, and 3.0 GB are there. ' +
        '`threads: 2` would fit. Lower `innerSteps: 5`, `testSteps: 10`, `queries: 15`, `shots: 5`, `way: 5`, `imageSize` ' +
        'or the filters of `model`, or pass `order: 1`, which frees what an inner step took when it is done.',
    ),
  );
});

test('one thread that does not fit, of first order: no more than that is offered', () => {
  const first = resolveMetaConfig(parseMetaConfig({ learner: 'fomaml', innerSteps: 5 }));
  expect(() => checkMemory(1.4e9, 1, first, 5e8)).toThrow(
    /and 500 MB are there\. Lower .* or the filters of `model`\.$/,
  );
});

test('there is some memory, and no more than the machine has', () => {
  expect(availableMemory()).toBeGreaterThan(1e7);
  expect(availableMemory()).toBeLessThanOrEqual(totalmem());
  expect([formatBytes(3.4e8), formatBytes(4.56e9)]).toEqual(['340 MB', '4.6 GB']);
});
