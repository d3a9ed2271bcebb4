import { expect, test } from 'vitest';
import { graft } from '../../../../../test/graft.ts';
import { flagsOf, oneByOne, programOf } from './calls.ts';
import { networkPlan, type PlanQuestion } from './network-plan.ts';

const blocks = ['layer1', 'layer2', 'layer3', 'layer4', 'head'];

test('one block after another', () => {
  expect(oneByOne(blocks, 10)).toEqual([
    { epoch: 1, train: ['head'] },
    { epoch: 3, train: ['layer4'] },
    { epoch: 5, train: ['layer3'] },
    { epoch: 7, train: ['layer2'] },
    { epoch: 9, train: ['layer1'] },
  ]);
  expect(oneByOne(blocks, 2)).toEqual([
    { epoch: 1, train: ['head', 'layer4'] },
    { epoch: 2, train: ['layer3', 'layer2', 'layer1'] },
  ]);
});

test.each<PlanQuestion['config']>([
  { strategy: 'gradual', epochs: 7, unfreeze: oneByOne(blocks, 7) },
  { strategy: 'partial', freezeTo: 'layer2', freeze: ['layer4'], train: ['layer1'], layerDecay: 0.5 },
  {
    strategy: 'partial-transfer',
    transferRatio: 0.4,
    transferFrozen: 'lower',
  },
])('the command line takes %o, and plans the same', async (config) => {
  const [, , ...flags] = flagsOf('conv4', { freezeTo: null, ...config });
  const { stdout, stderr, status } = await graft(['inspect', 'conv4', '--num-classes', '5', ...flags, '--json']);
  expect([stderr, status]).toEqual(['', 0]);
  const { totals } = JSON.parse(stdout);
  const last = networkPlan({ model: 'conv4', classes: 5, images: 200, config }).stages.at(-1)!;
  expect(last.blocks.reduce((sum, { trained }) => sum + trained, 0)).toBe(totals.trained);
});

test('a program', () => {
  expect(programOf('resnet18', { strategy: 'full', freezeTo: null, freeze: ['stem'] }).split('\n')).toEqual([
    "for await (const event of trainFolder('photos', {",
    '  model: "resnet18",',
    '  strategy: "full",',
    '  freeze: ["stem"],',
    "}, { out: 'runs/photos' })) console.log(event);",
  ]);
});
