import { describe, expect, test } from 'vitest';
import { cutBefore } from '../fit/cut.ts';
import { batchNormOf } from '../fit/image-stage.ts';
import { imageNetwork, parameterTable } from '../fit/network.ts';
import { trainingStep } from '../fit/step.ts';
import { input } from '../graph/index.ts';
import { applyModel, getModel } from '../models/index.ts';
import { crossEntropyLoss, Scope } from '../nn/index.ts';
import { countFlops } from '../ops/index.ts';
import { parseConfig, resolveConfig, type TrainConfigInput } from './config/index.ts';
import { optimizerOf } from './config/optimisation.ts';
import { planOf } from './plan.ts';
import { flopsByEpoch, trainingWork } from './training-work.ts';

const model = getModel('conv4');
const { preprocessing } = model;
const [classes, images] = [5, 100];

function workOf(config: TrainConfigInput) {
  const resolved = resolveConfig(parseConfig({ model: 'conv4', weights: 'x.safetensors', epochs: 3, ...config }));
  return { resolved, work: trainingWork(model, { config: resolved, preprocessing, classes, images }) };
}

/** Of the graph that is compiled for a stage, at the same options. */
function compiled(resolved: ReturnType<typeof resolveConfig>): number {
  const network = imageNetwork(model, preprocessing, classes);
  const { settings } = planOf(resolved, parameterTable(network, model))[0]!;
  const cut = cutBefore(network, (name) => Boolean(settings.get(name)));
  const { outputs } = trainingStep(cut?.network ?? network, {
    batchSize: resolved.batchSize,
    settings,
    optimizer: optimizerOf(resolved),
    loss: crossEntropyLoss(),
    batchNorm: batchNormOf(settings, 'running'),
  });
  return countFlops(Object.values(outputs)).total;
}

describe('the operations of training', () => {
  test('of everything: those of the step’s graph, six steps of sixteen an epoch, and nothing frozen', () => {
    const { resolved, work } = workOf({ strategy: 'full' });
    const step = compiled(resolved);
    expect(work).toMatchObject([{ epochs: 3, flopsPerStep: step, stepsPerEpoch: 6, frozenFlops: [0, 0, 0] }]);
    expect(flopsByEpoch(work)).toEqual([6 * step, 6 * step, 6 * step]);
    // A backward pass of everything is about two forward passes: one for inputs, one for weights.
    const share = work[0]!.forwardFlopsPerStep / step;
    expect(share > 0.3 && share < 0.4, `${share}`).toBe(true);
  });

  test('of a frozen lower side: the step behind it, and each image through it once', () => {
    const { resolved, work } = workOf({ transferRatio: 0.5, transferFrozen: 'lower', augment: 'none' });
    const { scope, trace } = Scope.root({ training: false });
    applyModel(model, scope, input('x', 'f32', [1, 3, preprocessing.crop, preprocessing.crop]), {
      numClasses: classes,
    });
    const pixels = 3 * preprocessing.crop ** 2;
    const [only] = work;
    const step = compiled(resolved);
    expect(only).toMatchObject({ flopsPerStep: step, trained: ['layer3', 'layer4', 'head'] });
    const before = countFlops([trace.endpoints.get('layer2')!]).total;
    expect(only!.frozenFlops.slice(1)).toEqual([0, 0]);
    // Normalising a pixel is two operations at most.
    expect(only!.frozenFlops[0]! / images - before).toBeGreaterThanOrEqual(0);
    expect(only!.frozenFlops[0]! / images - before).toBeLessThanOrEqual(2 * pixels);
    expect(flopsByEpoch(work)).toEqual([6 * step + only!.frozenFlops[0]!, 6 * step, 6 * step]);
  });

  test('of images that are augmented anew: the frozen layers run in every epoch; of three views, three times', () => {
    const at = (config: TrainConfigInput) =>
      workOf({ transferRatio: 0.5, transferFrozen: 'lower', ...config }).work[0]!.frozenFlops;
    const one = at({ augment: 'none' })[0]! / images;
    const anew = 6 * 16 * one;
    expect(at({ augment: 'light' })).toEqual([anew, anew, anew]);
    expect(at({ augment: 'light', views: 3 })).toEqual([3 * images * one, 0, 0]);
  });

  test('batches that make one step together are all counted', () => {
    const [one, four] = [{}, { accumulate: 4, batchSize: 4 }].map((config) => workOf({ strategy: 'full', ...config }));
    const ratio = four!.work[0]!.flopsPerStep / one!.work[0]!.flopsPerStep;
    expect(four!.work[0]!.stepsPerEpoch).toBe(6);
    expect(ratio).toBeGreaterThan(0.99);
    expect(ratio).toBeLessThan(1.05);
  });

  test('gradual unfreezing: a stage each, with what it trains', () => {
    const { work } = workOf({
      strategy: 'gradual',
      augment: 'none',
      unfreeze: [
        { epoch: 1, train: ['head'] },
        { epoch: 2, train: ['layer4'] },
      ],
    });
    expect(work.map(({ trained, epochs }) => [trained, epochs])).toEqual([
      [['head'], 1],
      [['layer4', 'head'], 2],
    ]);
    expect(work[1]!.flopsPerStep).toBeGreaterThan(work[0]!.flopsPerStep);
    expect(flopsByEpoch(work)).toHaveLength(3);
  });
});
