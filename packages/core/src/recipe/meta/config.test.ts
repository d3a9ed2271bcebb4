import { describe, expect, test } from 'vitest';
import { variablesOf } from '../../fit/step.ts';
import { type GradientEntry, type LearnerName, learners, learnersThat } from '../../meta/learners.ts';
import { getModel } from '../../models/index.ts';
import {
  epochsOf,
  learnerNames,
  type MetaConfigInput,
  parseMetaConfig,
  presetNames,
  resolveMetaConfig,
} from './index.ts';
import { learnerOf, phasesOf } from './make-learner.ts';

const resolved = (config: MetaConfigInput = {}) => resolveMetaConfig(parseMetaConfig(config));

describe('defaults', () => {
  test.each([
    // The published settings of Omniglot (28 pixels) and mini-ImageNet (84).
    [{}, { innerSteps: 1, innerRate: 0.4, testSteps: 10, order: 2, statistics: 'batch' }],
    [{ innerSteps: 5 }, { innerSteps: 5, innerRate: 0.1, testSteps: 10 }],
    [{ imageSize: 84 }, { innerSteps: 5, innerRate: 0.01, testSteps: 10 }],
    [{ learner: 'fomaml' }, { innerRate: 0.4, order: 1 }],
    [
      { learner: 'boil', imageSize: 84 },
      { innerSteps: 1, innerRate: 0.5, testSteps: 1 },
    ],
    [
      { learner: 'boil', model: 'resnet18', weights: 'none' },
      { innerRate: 0.3, statistics: 'batch' },
    ],
    [{ learner: 'maml++' }, { innerSteps: 5, innerRate: 0.1, testSteps: 5, multiStepEpochs: 2, orderEpochs: 7 }],
    [{ learner: 'reptile' }, { optimizer: 'sgd', learningRate: 1, schedule: 'linear', order: null }],
    [{ learner: 'protonet' }, { innerSteps: null, innerRate: null, testSteps: null, optimizer: 'adam' }],
    [{ metaSteps: 30 }, { validateEvery: 30, learningRate: 0.001, schedule: 'cosine' }],
    [{ model: 'resnet18' }, { weights: 'torchvision/resnet18.imagenet1k_v1', statistics: 'running' }],
  ] as const)('of %j', (config, expected) => expect(resolved(config)).toMatchObject(expected));

  test('what is resolved can be resolved again: a run.json repeats its run', () => {
    for (const learner of [...learnerNames, ...presetNames]) {
      const once = resolved({ learner });
      expect(resolved(once), learner).toEqual(once);
    }
  });

  test('the presets are a backbone and a learner', () => {
    const pairs = presetNames.map((learner) => resolved({ learner })).map(({ model, learner }) => [model, learner]);
    expect(pairs).toEqual([
      ['conv4_32', 'maml'],
      ['conv4_32', 'boil'],
      ['residual_conv4_32', 'maml'],
      ['residual_conv4_32', 'boil'],
    ]);
  });
});

test('a first-order learner is that of another one', () => {
  const others = learnersThat((learner) => learner.kind === 'gradient' && learner.firstOrderOf !== undefined);
  expect(others).toEqual(['fomaml']);
  for (const name of others) {
    const { firstOrderOf, ...first } = learners[name] as GradientEntry;
    const { description, ...second } = learners[firstOrderOf as LearnerName];
    expect({ ...first, description }).toEqual({ ...second, description });
  }
});

describe('refuses', () => {
  test.each([
    [{ learner: 'protonet', innerRate: 0.1 }, 'innerRate means something only with `learner` maml, '],
    [
      { learner: 'maml', orderEpochs: 2 },
      'orderEpochs means something only with `learner` maml++, not with maml. Leave it out.',
    ],
    [{ learner: 'fomaml', order: 2 }, 'order 2: fomaml is maml of first order. Pass `learner: "maml"`.'],
    [
      { learner: 'cnn-boil', model: 'resnet18' },
      'learner cnn-boil is boil on conv4_32. For resnet18, write `learner: "boil"`.',
    ],
    [
      { fixedLabels: true, rotations: 'all' },
      'fixedLabels has all classes in every episode, and divides their images: leave out `rotations`.',
    ],
    [
      { metaSteps: 250 },
      'metaSteps: 250 meta-steps are no multiple of the 100 between two validations. Pass `metaSteps: 300`, or another `validateEvery`.',
    ],
    [
      { innerOptimizer: 'adam', innerMomentum: 0.9 },
      'innerMomentum means something only with `innerOptimizer` sgd, rmsprop, not with adam. Leave it out.',
    ],
    [{ momentum: 0.9 }, 'momentum means something only with `optimizer` sgd, rmsprop, not with adam. Leave it out.'],
    [{ innerSteps: 11 }, 'innerSteps: expected an integer of at least 1 and at most 10, received 11.'],
    [{ learner: 'mamml' as 'maml' }, 'Did you mean "maml"?'],
  ] as const)('%j', (config, message) => expect(() => resolved(config)).toThrow(message));
});

describe('learners differ by their inner rates', () => {
  const model = getModel('conv4_32');
  const of = (config: MetaConfigInput) =>
    learnerOf(resolved({ model: 'conv4_32', ...config }), model, model.preprocessing, 5);
  const ratesOf = (config: MetaConfigInput) => {
    const { learner } = of(config);
    return learner.kind === 'prototypes' ? null : Object.fromEntries(learner.rates);
  };
  test('MAML moves all, ANIL the head, BOIL all but the head', () => {
    const [maml, anil, boil] = ['maml', 'anil', 'boil'].map((learner) => ratesOf({ learner: learner as 'maml' })!);
    expect(new Set(Object.values(maml!))).toEqual(new Set([0.4]));
    expect(Object.keys(maml!)).toHaveLength(18);
    expect([anil!['fc.weight'], anil!['layer1.conv.weight']]).toEqual([0.4, 0]);
    expect([boil!['fc.weight'], boil!['fc.bias'], boil!['layer4.bn.bias']]).toEqual([0, 0, 0.5]);
  });

  test('learned rates, order, and what a network gives', () => {
    expect(of({ learner: 'meta-sgd' }).learner).toMatchObject({ learnedRates: 'per-element', innerSteps: 1 });
    expect(of({ learner: 'maml++' }).learner).toMatchObject({ learnedRates: 'per-step' });
    const { network, learner } = of({ learner: 'nearest-centroid' });
    expect(learner).toMatchObject({ kind: 'prototypes', statistics: 'running' });
    expect([...variablesOf(network).keys()].some((name) => name.startsWith('fc.'))).toBe(false);
  });

  test('MAML++ begins with first order and a loss after every step', () => {
    const config = resolved({ learner: 'maml++', metaSteps: 1000 });
    expect(epochsOf(config)).toBe(10);
    expect(phasesOf(config).map(({ epochs, outer }) => [epochs, outer])).toEqual([
      [1, { order: 1, everyStep: true }],
      [2, { order: 1, everyStep: false }],
      [7, { order: 2, everyStep: false }],
    ]);
    expect(phasesOf(resolved({ order: 1 })).map(({ outer }) => outer.order)).toEqual([1]);
  });
});

test('the rate of BOIL goes by the architecture, not by its name', () => {
  const config = parseMetaConfig({ learner: 'boil', model: 'resnets/net.onnx', weights: 'none' });
  expect(resolveMetaConfig(config, getModel('conv4')).innerRate).toBe(0.5);
  expect(resolveMetaConfig(config, getModel('resnet12')).innerRate).toBe(0.3);
});
