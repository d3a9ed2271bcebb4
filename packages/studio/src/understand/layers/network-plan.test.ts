import { describe, expect, test } from 'vitest';
import { networkPlan, type PlanQuestion } from './network-plan.ts';

const planOf = (model: string, config: PlanQuestion['config'], images = 200) =>
  networkPlan({ model, classes: 5, images, config });
const trainedIn = ({ blocks }: ReturnType<typeof planOf>['stages'][number]) => blocks.map(({ trained }) => trained > 0);

test('the layers of ResNet-18, with the counts of its paper', () => {
  const { blocks, side, forwardFlops } = planOf('resnet18', { strategy: 'full' });
  expect(blocks.map(({ name }) => name)).toEqual([
    ...['stem', 'layer1.0', 'layer1.1', 'layer2.0', 'layer2.1', 'layer3.0', 'layer3.1', 'layer4.0', 'layer4.1', 'head'],
  ]);
  expect([blocks[0]!.output, blocks[8]!.output, side]).toEqual([[64, 112, 112], [512, 7, 7], 224]);
  // 11,689,512 with 1000 classes, of which the head has 513,000.
  expect(blocks.reduce((sum, { parameters }) => sum + parameters, 0)).toBe(11_689_512 - 513_000 + 5 * 513);
  expect(forwardFlops / 2).toBeGreaterThan(1.8e9); // 1.8 billion multiply-adds
  expect(forwardFlops / 2).toBeLessThan(1.9e9);
});

describe('what a strategy trains', () => {
  test('feature-extraction: the head alone, the backbone once', () => {
    const { stages, fullFlops } = planOf('resnet18', { strategy: 'feature-extraction', epochs: 3 });
    expect(stages.map(trainedIn)).toEqual([[...Array(9).fill(false), true]]);
    const [stage] = stages;
    expect(stage!.work.frozenFlops.slice(1)).toEqual([0, 0]);
    expect(stage!.blocks.slice(0, 9).map(({ batchNorm }) => batchNorm)).toEqual(Array(9).fill('frozen'));
    expect(stage!.flops).toBeLessThan(0.2 * fullFlops);
  });

  test('partial: behind the block; a block that is frozen or trained all the same', () => {
    const config = { strategy: 'partial', freezeTo: 'layer3.1' } as const;
    const [stage] = planOf('resnet18', config).stages;
    expect(trainedIn(stage!)).toEqual([...Array(7).fill(false), true, true, true]);
    expect(stage!.blocks[7]!.batchNorm).toBe('running');
    const [changed] = planOf('resnet18', { ...config, freeze: ['layer4.0'], train: ['stem'] }).stages;
    expect(trainedIn(changed!)).toEqual([true, ...Array(7).fill(false), true, true]);
    expect(changed!.flops).toBeGreaterThan(stage!.flops); // the gradient goes all the way to the stem
  });

  test('gradual: more from stage to stage, at rates that layerDecay lowers', () => {
    const { stages } = planOf('squeezenet1_1', { strategy: 'gradual', layerDecay: 0.5, learningRate: 1e-3 });
    const counts = stages.map((stage) => trainedIn(stage).filter(Boolean).length);
    expect(counts).toEqual([...counts].sort((a, b) => a - b));
    expect([counts[0], counts.at(-1)]).toEqual([1, 10]);
    const rates = stages.at(-1)!.blocks.map((block) => block.rates[0]!);
    expect(rates.at(-1)).toBe(1e-3);
    for (const [i, rate] of rates.slice(0, -1).entries()) expect(rate).toBeCloseTo(rates[i + 1]! / 2, 10);
    expect(stages.map(({ epochs }) => epochs[0])).toEqual([
      1,
      ...stages.slice(0, -1).map(({ epochs }) => epochs[1] + 1),
    ]);
  });

  test('scratch: everything at one rate, and as much work as full', () => {
    const { stages, fullFlops } = planOf('conv4', { strategy: 'scratch', epochs: 4 });
    expect(new Set(stages[0]!.blocks.flatMap(({ rates }) => rates)).size).toBe(1);
    expect(stages[0]!.flops / fullFlops).toBeCloseTo(1, 6); // but for the factors on two rates
  });

  test('nothing is refused in the words of Graft', () => {
    const all = ['layer1', 'layer2', 'layer3', 'layer4', 'head'];
    expect(() => planOf('conv4', { strategy: 'full', freeze: all })).toThrow('Nothing is trained in all.');
  });
});

test.each(['resnet50', 'mobilenet_v3_small', 'efficientnet_b0', 'vgg11', 'vit_b_16'])('%s has a plan', (model) => {
  const { blocks, stages } = planOf(model, { strategy: 'partial' });
  expect(blocks.at(-1)).toMatchObject({ name: 'head', isHead: true, output: [5] });
  expect(blocks.every(({ output }) => output.length > 0)).toBe(true);
  expect(stages[0]!.work.flopsPerStep).toBeGreaterThan(stages[0]!.work.forwardFlopsPerStep);
});
