import { describe, expect, test } from 'vitest';
import { UserError } from '../base/errors.ts';
import { imageNetwork, parameterTable } from '../fit/network.ts';
import { trainingStep } from '../fit/step.ts';
import { getModel } from '../models/index.ts';
import { crossEntropyLoss } from '../nn/index.ts';
import { countFlops } from '../ops/index.ts';
import { sgd } from '../optim/index.ts';
import { parseConfig, resolveConfig, type TrainConfigInput } from './config/index.ts';
import { parameterBlocks, transferCut } from './partial-transfer.ts';
import type { Settings } from './plan.ts';
import { planOf } from './plan.ts';

function tableOf(name: string) {
  const model = getModel(name);
  return parameterTable(imageNetwork(model, model.preprocessing, 5), model);
}

const conv4 = parameterBlocks(tableOf('conv4'));

function planned(name: string, config: TrainConfigInput) {
  const resolved = resolveConfig(parseConfig({ model: name, weights: 'x.safetensors', ...config }));
  return { resolved, stages: planOf(resolved, tableOf(name)) };
}
const trainedIn = (settings: Settings) => [...settings].flatMap(([name, setting]) => (setting ? [name] : []));

describe('the cut', () => {
  test.each([
    [0, []],
    [0.25, ['layer1']],
    [0.5, ['layer1', 'layer2', 'layer3']],
    [0.75, ['layer1', 'layer2', 'layer3', 'layer4']],
    [1, ['layer1', 'layer2', 'layer3', 'layer4', 'head']],
  ])('of conv-4 at %d', (ratio, blocks) => {
    expect(transferCut(conv4, ratio, 'upper')).toMatchObject({ trained: blocks, frozen: conv4.slice(blocks.length) });
    const mirrored = conv4.slice(conv4.length - blocks.length);
    expect(transferCut(conv4, ratio, 'lower')).toMatchObject({
      trained: mirrored,
      frozen: conv4.slice(0, conv4.length - blocks.length),
    });
  });

  test('counts blocks: of ResNet-18’s ten five, which have a sixteenth of its numbers', () => {
    const { trained, frozen } = transferCut(parameterBlocks(tableOf('resnet18')), 0.5, 'upper');
    expect(trained).toEqual(['stem', 'layer1.0', 'layer1.1', 'layer2.0', 'layer2.1']);
    expect(frozen).toEqual(['layer3.0', 'layer3.1', 'layer4.0', 'layer4.1', 'head']);
  });

  test('never goes through a block: a convolution and its batch norm are on one side, at every ratio', () => {
    for (const name of ['conv4', 'resnet18', 'mobilenet_v2', 'resnet12']) {
      const { blocks } = tableOf(name);
      for (let ratio = 0.05; ratio <= 1; ratio += 0.05) {
        if (transferCut(parameterBlocks(tableOf(name)), ratio, 'upper').trained.length === 0) continue;
        const settings = planned(name, { transferRatio: ratio }).stages[0]!.settings;
        for (const names of blocks.values()) {
          const sides = new Set(names.flatMap((each) => (settings.has(each) ? [settings.get(each) !== null] : [])));
          expect(sides.size, `${name} ${ratio}`).toBeLessThanOrEqual(1);
        }
      }
    }
  });

  test('says which blocks are on which side', () => {
    expect(transferCut(conv4, 0.4, 'upper').description).toBe(
      'trained 2 of 5 blocks (layer1, layer2); frozen 3 of 5 blocks (layer3, layer4, head)',
    );
    expect(transferCut(conv4, 0, 'lower').description).toBe(
      'trained none; frozen 5 of 5 blocks (layer1, layer2, layer3, layer4, head)',
    );
  });

  test.each([-0.1, 1.01, Number.NaN, 50])('%d is no ratio', (ratio) => {
    expect(() => transferCut(conv4, ratio, 'upper')).toThrow(UserError);
    expect(() => transferCut(conv4, ratio, 'upper')).toThrow('expected a share of the blocks, from 0 to 1, received ');
    expect(() => parseConfig({ transferRatio: ratio })).toThrow(UserError);
  });
});

describe('the plan', () => {
  test('a ratio chooses the strategy, at one rate for all that is trained', () => {
    const { resolved, stages } = planned('conv4', { transferRatio: 0.5 });
    expect([resolved.strategy, resolved.backboneRate]).toEqual(['partial-transfer', 1]);
    expect(stages.map(({ name }) => name)).toEqual(['layer1 to layer3']);
    expect([...new Set([...stages[0]!.settings.values()].map((setting) => setting?.rate))]).toEqual([1, undefined]);
  });

  test('a new head is trained whatever the ratio; with a kept one and nothing else there is nothing to do', () => {
    const head = ['fc.weight', 'fc.bias'];
    const { stages } = planned('conv4', { transferRatio: 0, transferHead: 'new' });
    expect(trainedIn(stages[0]!.settings)).toEqual(head);
    const some = planned('conv4', { transferRatio: 0.25, transferHead: 'new' });
    expect(trainedIn(some.stages[0]!.settings)).toEqual([
      ...['layer1.conv.weight', 'layer1.conv.bias', 'layer1.bn.weight', 'layer1.bn.bias'],
      ...head,
    ]);
    expect(() => planned('conv4', { transferRatio: 0 })).toThrow('Nothing is left to train: `evaluateFolder(');
  });

  test('options of partial transfer belong to it, and a probe does not', () => {
    expect(() => parseConfig({ strategy: 'full', transferRatio: 0.5 })).toThrow(
      'only with `strategy` partial-transfer',
    );
    expect(() => parseConfig({ transferFrozen: 'lower' })).toThrow('only with `strategy` partial-transfer');
    expect(() => planned('conv4', { transferRatio: 0.5, probe: 3 })).toThrow('probe');
  });
});

describe('a step with frozen layers has no work for them', () => {
  const model = getModel('conv4');
  const network = imageNetwork(model, model.preprocessing, 5);
  const work = (config: TrainConfigInput) => {
    const { settings } = planned('conv4', config).stages[0]!;
    const trained = new Set(trainedIn(settings).map((name) => name.replace(/\.[^.]+$/, '')));
    const batchNorm = (path: string) => (trained.has(path) ? ('running' as const) : ('frozen' as const));
    const { outputs } = trainingStep(network, {
      batchSize: 4,
      optimizer: sgd(),
      settings,
      batchNorm,
      loss: crossEntropyLoss(),
    });
    return countFlops(Object.values(outputs));
  };
  const all = work({ transferRatio: 1 });

  // Every convolution but the first has an input gradient in a whole backward pass.
  test('everything: four convolutions, four weight gradients, three input gradients', () => {
    expect(all.nodes).toMatchObject({ Conv2d: 4, Conv2dWeightGrad: 4, Conv2dInputGrad: 3 });
  });

  test.each([
    // The gradient goes through all that is frozen, down to what is trained.
    ['upper', 0.25, { Conv2dWeightGrad: 1, Conv2dInputGrad: 3, BatchNorm: 1 }],
    ['upper', 0.5, { Conv2dWeightGrad: 3, Conv2dInputGrad: 3, BatchNorm: 3 }],
    // It ends at the lowest layer that is trained.
    ['lower', 0.25, { Conv2dWeightGrad: 0, Conv2dInputGrad: 0, BatchNorm: 0 }],
    ['lower', 0.5, { Conv2dWeightGrad: 2, Conv2dInputGrad: 1, BatchNorm: 2 }],
  ] as const)('%s frozen at %d', (transferFrozen, transferRatio, expected) => {
    const { nodes, total } = work({ transferFrozen, transferRatio });
    for (const [op, count] of Object.entries(expected)) expect([op, nodes[op] ?? 0]).toEqual([op, count]);
    expect(nodes.Conv2d).toBe(4);
    expect(total).toBeLessThan(all.total);
  });
});
