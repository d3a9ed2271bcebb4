import { describe, expect, test } from 'vitest';
import { imageNetwork, parameterTable } from '../fit/network.ts';
import { epochsBefore } from '../fit/stage.ts';
import { getModel } from '../models/index.ts';
import { parseConfig, resolveConfig, type TrainConfigInput } from './config/index.ts';
import { planOf } from './plan.ts';
import { backboneBlocks, defaultFreezeTo } from './strategy-stages.ts';

const model = getModel('resnet18');
const table = parameterTable(imageNetwork(model, model.preprocessing, 5), model);
const names = [...table.parameters.keys()];
const plan = (config: TrainConfigInput) =>
  planOf(resolveConfig(parseConfig({ model: 'resnet18', weights: 'x.pth', ...config })), table);
const trainedIn = (stage: { settings: ReadonlyMap<string, unknown> }) =>
  names.filter((name) => stage.settings.get(name));
const below = (...paths: string[]) => names.filter((name) => paths.some((path) => name.startsWith(`${path}.`)));

describe('strategies', () => {
  test('feature extraction trains the head, full everything with the backbone at a tenth, scratch at one rate', () => {
    const [head] = plan({ strategy: 'feature-extraction', epochs: 3 });
    expect(trainedIn(head!)).toEqual(['fc.weight', 'fc.bias']);
    const [full] = plan({ strategy: 'full' });
    expect(trainedIn(full!)).toEqual(names);
    expect(full!.settings.get('conv1.weight')!.rate).toBe(0.1);
    expect(full!.settings.get('fc.weight')!.rate).toBe(1);
    const rates = [...plan({ strategy: 'scratch', weights: null })[0]!.settings.values()].map(
      (setting) => setting!.rate,
    );
    expect(new Set(rates)).toEqual(new Set([1]));
  });

  test('partial is frozen up to and with a block; layer1 is not layer10', () => {
    const [stage] = plan({ strategy: 'partial', freezeTo: 'layer3' });
    expect(trainedIn(stage!)).toEqual(below('layer4', 'fc'));
    const [byDefault] = plan({ strategy: 'partial' });
    expect(defaultFreezeTo(table)).toBe('layer3.0');
    expect(trainedIn(byDefault!)).toEqual(below('layer3.1', 'layer4', 'fc'));
  });

  test('gradual adds what it is told at its epoch, and what came before stays', () => {
    const stages = plan({
      strategy: 'gradual',
      epochs: 12,
      unfreeze: [
        { epoch: 0, train: ['head'] },
        { epoch: 3, train: ['layer4'] },
        { epoch: 6, train: ['layer3', 'layer2'] },
        { epoch: 9, train: ['all'] },
      ],
    });
    expect(stages.map(({ name, epochs }, i) => [name, epochsBefore(stages, i), epochs])).toEqual([
      ['head', 0, 3],
      ['layer4', 3, 3],
      ['layer3+layer2', 6, 3],
      ['all', 9, 3],
    ]);
    expect(stages.map(trainedIn)).toEqual([
      below('fc'),
      below('layer4', 'fc'),
      below('layer2', 'layer3', 'layer4', 'fc'),
      names,
    ]);
    expect(stages.map(({ isFresh }) => isFresh)).toEqual([true, false, false, false]);
  });

  test('epochs count from 1, as in graft inspect; a list from before that was so counts from 0', () => {
    const from = (first: number) => [
      { epoch: first, train: ['head'] },
      { epoch: first + 3, train: ['layer4'] },
      { epoch: first + 6, train: ['layer3', 'layer2'] },
      { epoch: first + 9, train: ['all'] },
    ];
    const [now, then] = [1, 0].map((first) => plan({ strategy: 'gradual', epochs: 12, unfreeze: from(first) }));
    expect(now).toEqual(then);
    expect(now!.map((_, i) => epochsBefore(now!, i))).toEqual([0, 3, 6, 9]);
  });

  test('gradual by itself goes from the head to everything in four steps that cover all epochs', () => {
    for (const epochs of [1, 2, 3, 4, 7, 12]) {
      const stages = plan({ strategy: 'gradual', epochs });
      expect(stages.length).toBe(Math.min(4, epochs));
      expect(stages.reduce((sum, stage) => sum + stage.epochs, 0)).toBe(epochs);
      expect(trainedIn(stages[0]!)).toEqual(below('fc'));
      if (epochs > 1) expect(trainedIn(stages.at(-1)!)).toEqual(names);
      stages.slice(1).forEach((stage, i) => {
        expect(trainedIn(stage)).toEqual(expect.arrayContaining(trainedIn(stages[i]!)));
        expect(trainedIn(stage).length).toBeGreaterThan(trainedIn(stages[i]!).length);
      });
    }
  });

  test('a probe comes first, and what follows begins anew', () => {
    const stages = plan({ strategy: 'full', probe: 5, epochs: 4 });
    expect(stages.map(({ name, epochs, isFresh }, i) => [name, epochsBefore(stages, i), epochs, isFresh])).toEqual([
      ['probe', 0, 5, true],
      ['all', 5, 4, true],
    ]);
    expect(trainedIn(stages[0]!)).toEqual(below('fc'));
    expect(plan({ strategy: 'auto' }).map(({ name, epochs }) => [name, epochs])).toEqual([['probe', 30]]);
  });
});

describe('rules', () => {
  test('freeze and train come after the strategy; rates are absolute, and the first that matches decides', () => {
    const [stage] = plan({
      strategy: 'partial',
      freezeTo: 'layer3',
      freeze: ['layer4.0', '*.bn2.*'],
      train: ['conv1'],
      rates: [
        ['head', 5e-3],
        ['layer4.1.conv?.weight', 1e-4],
      ],
      learningRate: 1e-3,
    });
    const { settings } = stage!;
    expect(trainedIn(stage!)).toEqual([
      'conv1.weight',
      ...below('layer4.1.conv1', 'layer4.1.bn1', 'layer4.1.conv2'),
      ...below('fc'),
    ]);
    expect(settings.get('fc.weight')!.rate).toBeCloseTo(5, 12);
    expect(settings.get('layer4.1.conv2.weight')!.rate).toBeCloseTo(0.1, 12);
    expect(settings.get('layer4.1.bn1.weight')!.rate).toBe(0.1);
    const [frozen] = plan({
      strategy: 'full',
      rates: [
        ['conv1', 0],
        ['*', 1e-3],
      ],
    });
    expect(trainedIn(frozen!)).toEqual(names.slice(1));
  });

  test('layer decay counts blocks from the head, and leaves the backbone its whole rate', () => {
    const [stage] = plan({ strategy: 'full', layerDecay: 0.5 });
    const blocks = backboneBlocks(table);
    expect(blocks).toEqual([
      'stem',
      'layer1.0',
      'layer1.1',
      'layer2.0',
      'layer2.1',
      'layer3.0',
      'layer3.1',
      'layer4.0',
      'layer4.1',
    ]);
    expect(stage!.settings.get('layer4.1.conv1.weight')!.rate).toBe(0.5);
    expect(stage!.settings.get('layer4.0.conv1.weight')!.rate).toBe(0.25);
    expect(stage!.settings.get('conv1.weight')!.rate).toBe(0.5 ** 9);
    expect(stage!.settings.get('fc.bias')!.rate).toBe(1);
  });

  test('biases and norms have no weight decay, but where it is asked for', () => {
    const decays = (config: TrainConfigInput) =>
      ['fc.weight', 'fc.bias', 'bn1.weight', 'bn1.bias', 'conv1.weight'].map(
        (name) => plan({ strategy: 'full', ...config })[0]!.settings.get(name)!.weightDecay,
      );
    expect(decays({})).toEqual([1, 0, 0, 0, 1]);
    expect(decays({ normDecay: true })).toEqual([1, 1, 1, 1, 1]);
  });
});

describe('errors say which option, and what it may be', () => {
  test.each<[TrainConfigInput, string]>([
    [{ strategy: 'partial', freezeTo: 'layer5' }, 'freezeTo: no parameter is called "layer5". Did you mean "layer'],
    [{ strategy: 'full', freezeTo: 'layer3' }, 'freezeTo means something only with `strategy` partial, not with full.'],
    [
      { strategy: 'full', unfreeze: [{ epoch: 0, train: ['head'] }] },
      'unfreeze means something only with `strategy` gradual',
    ],
    [{ strategy: 'gradual', unfreeze: [{ epoch: 2, train: ['head'] }] }, 'it must begin with epoch 1'],
    [
      {
        strategy: 'gradual',
        unfreeze: [
          { epoch: 0, train: ['head'] },
          { epoch: 5, train: ['all'] },
          { epoch: 3, train: ['layer4'] },
        ],
      },
      'the epochs must rise',
    ],
    [
      {
        strategy: 'gradual',
        epochs: 6,
        unfreeze: [
          { epoch: 0, train: ['head'] },
          { epoch: 6, train: ['all'] },
        ],
      },
      'epoch 6 is never reached in 6',
    ],
    [
      {
        strategy: 'gradual',
        epochs: 6,
        unfreeze: [
          { epoch: 1, train: ['head'] },
          { epoch: 7, train: ['all'] },
        ],
      },
      'epoch 7 is never reached in 6',
    ],
    [
      {
        strategy: 'gradual',
        unfreeze: [
          { epoch: 0, train: ['head'] },
          { epoch: 3, train: ['None'] },
        ],
      },
      'unfreeze: no parameter is called "None"',
    ],
    [{ strategy: 'full', rates: { head: -1 } }, 'rates: expected rates by pattern'],
    [{ strategy: 'full', freeze: [''] }, 'freeze: expected a list of blocks'],
    [{ strategy: 'feature-extraction', rates: [['layer4', 1e-4]] }, 'rates: layer4 is never trained'],
    [
      {
        strategy: 'full',
        rates: [
          ['*', 1e-3],
          ['fc', 1e-2],
        ],
      },
      'fc decides about nothing',
    ],
    [{ strategy: 'feature-extraction', freeze: ['head'] }, 'Nothing is trained in head'],
    [{ strategy: 'auto', probe: 0 }, 'auto decides by its probe'],
    [{ strategy: 'scratch', weights: null, probe: 3 }, 'the features of random weights say nothing'],
    [{ strategy: 'full', freeze: ['laye'] }, 'freeze: no parameter is called "laye"'],
  ])('%o', (config, message) => {
    expect(() => plan(config)).toThrow(message);
  });
});
