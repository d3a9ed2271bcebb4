import { type MetaConfigInput, parseMetaConfig, resolveMetaConfig } from '@graft-ml/core/internal/recipe/meta/index';
import { learnerOf } from '@graft-ml/core/internal/recipe/meta/make-learner';
import { getModel } from '@graft-ml/core/models';
import { expect, test } from 'vitest';
import { metaWork } from './meta-work.ts';

const model = getModel('conv4_32');
const preprocessing = { ...model.preprocessing, resize: 16, crop: 16 };

function workOf(input: MetaConfigInput) {
  const config = resolveMetaConfig(parseMetaConfig({ model: 'conv4_32', way: 3, shots: 2, queries: 2, ...input }));
  return metaWork({ config, ...learnerOf(config, model, preprocessing, 3) });
}

test('the operations of a meta-step grow with its tasks and inner steps, and with the second order', () => {
  const [one] = workOf({ learner: 'maml', innerSteps: 1, metaBatch: 2 });
  const flops = (input: MetaConfigInput) => workOf({ innerSteps: 1, metaBatch: 2, ...input })[0]!.flopsPerStep;
  expect(flops({ learner: 'maml', metaBatch: 6 })).toBe(3 * one!.flopsPerStep);
  expect(flops({ learner: 'maml', innerSteps: 2 })).toBeGreaterThan(1.3 * one!.flopsPerStep);
  expect(flops({ learner: 'fomaml' })).toBeLessThan(one!.flopsPerStep);
  // The inner loop of ANIL moves the head alone, and goes back through no convolution.
  expect(flops({ learner: 'anil' })).toBeLessThan(flops({ learner: 'fomaml' }));
});

test('each phase of annealing has its own; a learner that trains nothing has none', () => {
  const phases = workOf({ learner: 'maml++', innerSteps: 2, metaSteps: 100, validateEvery: 10 });
  expect(phases.length).toBeGreaterThan(1);
  expect(phases.reduce((sum, { epochs }) => sum + epochs, 0)).toBe(10);
  expect(phases.at(-1)!.flopsPerStep).toBeGreaterThan(phases[0]!.flopsPerStep);
  expect(workOf({ learner: 'nearest-centroid', innerSteps: undefined, weights: 'x.safetensors' })).toEqual([]);
});
