import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { compile, gaussian, numbers } from '../../../../test/run.ts';
import { ShapeError } from '../base/errors.ts';
import { i64, type Shape, sizeOf, zeros } from '../base/tensor.ts';
import { feedNames, type Network, resultNames, scalarName, slotName, trainingStep, variablesOf } from '../fit/step.ts';
import { input, typecheck, type Value } from '../graph/index.ts';
import { crossEntropyLoss, drawNoise, initialise, type Noise, Scope, under } from '../nn/index.ts';
import { sgd } from '../optim/index.ts';
import { State, scalar } from '../runtime/index.ts';
import { alexnet } from './alexnet.ts';
import { convnext } from './convnext.ts';
import { densenet } from './densenet.ts';
import { efficientnet, efficientnetV2s } from './efficientnet.ts';
import { inception } from './inception.ts';
import {
  type Architecture,
  applyModel,
  getModel,
  headPattern,
  listArchitectures,
  type NamedArchitecture,
} from './index.ts';
import { resnet } from './resnet.ts';
import { resnet12 } from './resnet12.ts';
import { swin, swins } from './swin.ts';
import { vgg, vggs } from './vgg.ts';
import { vit } from './vit.ts';

interface Reference {
  /** `state_dict`: names and shapes, in order. */
  readonly variables: [name: string, shape: number[]][];
  readonly parameters: number;
  /** The probabilities of the layers that are random in training. */
  readonly dropout: number[];
  readonly stochasticDepth: number[];
}

const torchvision: Record<string, Reference> = JSON.parse(
  gunzipSync(readFileSync(new URL('../../../../golden/model-names.json.gz', import.meta.url))).toString(),
);

function trace(name: string, { numClasses = 1000, size = [224, 224], training = false } = {}) {
  const model = getModel(name);
  const { scope, trace: noted } = Scope.root({ training });
  const y = applyModel(model, scope, input('x', 'f32', [2, 3, ...size]), { numClasses });
  const shapes = [...noted.variables.values()].map(({ name: key, shape }): [string, Shape] => [key, shape]);
  return { model, y, shapes, endpoints: noted.endpoints, noise: noted.noise, blocks: noted.blocks };
}

describe.each(Object.keys(torchvision))('%s is torchvision’s', (name) => {
  const reference = torchvision[name]!;
  test('names, order and shapes of the variables', () => {
    expect(trace(name).shapes).toEqual(reference.variables);
  });
  test('probabilities of dropout and stochastic depth', () => {
    const { crop } = getModel(name).preprocessing;
    const { noise } = trace(name, { training: true, size: [crop, crop] });
    const isPerImage = ({ shape }: Noise) => sizeOf(shape) === shape[0];
    const rates = (chosen: Noise[]) => chosen.map(({ keep }) => expect.closeTo(1 - keep, 10));
    expect(reference.dropout).toEqual(rates(noise.filter((n) => !isPerImage(n))));
    expect(reference.stochasticDepth).toEqual(rates(noise.filter(isPerImage)));
  });
});

/** For weights with more positions, or of other publishers. */
const variants = [
  ...['mobilenet_v3_small_timm', 'mobilenet_v3_large_timm', 'efficientnet_b5_timm'],
  ...['vit_b_16_384', 'vit_b_32_384', 'vit_l_16_384', 'vit_l_16_512'],
];

/** Models of the few-shot literature. */
const fewShot = [
  ...['conv4', 'conv4_32', 'conv4_stride', 'conv4_32_stride', 'residual_conv4', 'residual_conv4_32'],
  ...['futurama_cnn', 'futurama_resnet', 'resnet12', 'resnet12_wide'],
];

test('the zoo has every one of torchvision’s models that are listed, variants of them, and few-shot backbones', () => {
  expect(listArchitectures().sort()).toEqual([...Object.keys(torchvision), ...variants, ...fewShot].sort());
});

/** Small images, but none smaller than the model's published size allows. */
const smallSize = ({ preprocessing, sides = {} }: NamedArchitecture) =>
  Math.max(Math.min(64, preprocessing.crop), sides.minimum ?? 0);

describe.each(listArchitectures())('%s', (name) => {
  const side = smallSize(getModel(name));
  const heads = getModel(name).auxiliary ? 2 : 1;

  test('another number of classes changes the head’s shapes and nothing else', () => {
    const many = trace(name, { size: [side, side] });
    const seven = trace(name, { size: [side, side], numClasses: 7 });
    expect(seven.y.shape).toEqual([2, 7]);
    expect(seven.shapes.map(([key]) => key)).toEqual(many.shapes.map(([key]) => key));
    const changed = seven.shapes.filter(([, shape], i) => String(shape) !== String(many.shapes[i]![1]));
    expect(changed.length).toBe(2 * heads); // weight and bias
    for (const [key, shape] of changed) expect([headPattern(many.model).test(key), shape[0]]).toEqual([true, 7]);
    expect(seven.shapes.filter(([key]) => headPattern(many.model).test(key)).length).toBe(2 * heads);
  });

  test('numClasses 0 gives features (n, f), and no head', () => {
    const { y, shapes, model } = trace(name, { size: [side, side], numClasses: 0 });
    expect(y.shape).toEqual([2, expect.any(Number)]);
    const whole = trace(name, { size: [side, side] });
    expect(shapes).toEqual(whole.shapes.filter(([key]) => !headPattern(model).test(key)));
    const [, inputs] = whole.shapes.find(([key]) => under(model.headPath).test(key) && key.endsWith('weight'))![1];
    expect(y.shape[1]).toBe(inputs);
  });

  test('blocks hold every variable once, from input to head', () => {
    const { blocks, shapes, model } = trace(name, { size: [side, side] });
    expect([...blocks.values()].flat()).toEqual(shapes.map(([key]) => key));
    const inHeads = shapes.map(([key]) => key).filter((key) => headPattern(model).test(key));
    expect(inHeads).toEqual(expect.arrayContaining([...blocks.get('head')!]));
    expect([...blocks.keys()].at(-1)).toBe('head');
    expect(blocks.size).toBeGreaterThan(3);
  });

  test('images of other sizes, in training too', () => {
    const { sides: { minimum = 64, multipleOf = 1 } = {}, auxiliary } = getModel(name);
    for (const training of [false, true]) {
      const least = training && auxiliary ? auxiliary.minimum : minimum;
      const allowed = (length: number) => Math.ceil(Math.max(length, least) / multipleOf) * multipleOf;
      for (const size of [
        [160, 192],
        [97, 64],
        [224, 224],
      ].map((lengths) => lengths.map(allowed))) {
        const { y, endpoints } = trace(name, { size, training, numClasses: 5 });
        expect(y.shape).toEqual([2, 5]);
        expect(endpoints.get('logits')).toBe(y);
        typecheck([y]);
      }
    }
  });
});

test.each(
  listArchitectures()
    .map(getModel)
    .flatMap(({ name, sides }) => (sides?.minimum && !sides.multipleOf ? [[name, sides.minimum] as const] : [])),
)('%s takes images of %i pixels, and none smaller', (name, minimum) => {
  expect(trace(name, { size: [minimum, minimum], numClasses: 5 }).y.shape).toEqual([2, 5]);
  expect(() => trace(name, { size: [minimum, minimum - 1] })).toThrow(ShapeError);
});

/** Stand-ins for smallest variants that are large: steps of these would take ten seconds each. */
const narrow: Readonly<Record<string, Architecture>> = {
  resnext50_32x4d: resnet({ block: 'bottleneck', layers: [1, 1, 1, 1], width: 16, groups: 4, widthPerGroup: 32 }),
  wide_resnet50_2: resnet({ block: 'bottleneck', layers: [1, 1, 1, 1], width: 8, widthPerGroup: 128 }),
  alexnet: alexnet({ channels: [16, 32, 48, 32, 32], hidden: 64 }),
  vgg11: vgg({ ...vggs.vgg11, width: 8, hidden: 64 }),
  inception_v3_no_aux: inception({ auxiliary: false, pooled: [32], between: [128], expanded: 1, narrow: (c) => c / 8 }),
  densenet121: densenet({ layers: [2, 2, 2, 2], growth: 8, stem: 16 }),
  efficientnet_v2_s: efficientnet({
    ...efficientnetV2s.efficientnet_v2_s,
    stages: [
      ['fused', 1, 3, 1, 24, 1],
      ['fused', 4, 3, 2, 48, 2],
      ['inverted', 4, 3, 2, 64, 2],
    ],
  }),
  convnext_tiny: convnext({
    stages: [
      [16, 1],
      [32, 1],
      [64, 2],
      [128, 1],
    ],
    stochasticDepth: 0.1,
  }),
  vit_b_16: vit({ patch: 16, layers: 2, heads: 2, width: 64, hidden: 128 }),
  resnet12: resnet12({ channels: [8, 16, 24, 32] }),
  swin_t: swin({
    ...swins.swin_t,
    width: 12,
    stages: [
      [2, 1],
      [2, 2],
      [2, 3],
      [2, 6],
    ],
  }),
};

/** Plain networks start flat, since without norms nearly nothing comes through; the narrow Inception starts steep. */
const learningRates: Readonly<Record<string, number>> = { alexnet: 0.1, vgg11: 0.1, inception_v3_no_aux: 0.002 };

/** The smallest variant of each paper's family, or a narrow one. */
function smallestOfEachFamily(): NamedArchitecture[] {
  const weights = (model: NamedArchitecture) =>
    trace(model.name).shapes.reduce((sum, [, shape]) => sum + sizeOf(shape), 0);
  const smallest = new Map<string, NamedArchitecture>();
  for (const model of listArchitectures().map(getModel)) {
    const known = smallest.get(model.source);
    if (!known || weights(model) < weights(known)) smallest.set(model.source, model);
  }
  return [...smallest.values()].map((model) => ({ ...model, ...narrow[model.name] }));
}

describe('three training steps lower the loss of their batch', () => {
  test.each(smallestOfEachFamily().map((model) => [model.name, model] as const))('%s', async (_name, model) => {
    const batchSize = 4;
    // Twice the least, so that the last norms see more than one position of each image.
    const side = Math.max(smallSize(model), 2 * (model.sides?.minimum ?? 0));
    const network: Network = {
      input: { dtype: 'f32', shape: [3, side, side] },
      // A hundred classes: torchvision starts the heads of some within ±1/√numClasses, which is wild where these are
      // few.
      forward: (s, x: Value) => applyModel(model, s, x, { numClasses: 100 }),
    };
    const variables = [...variablesOf(network).values()];
    const parameters = variables.filter(({ kind }) => kind === 'parameter');
    const step = trainingStep(network, {
      batchSize,
      optimizer: sgd(),
      settings: new Map(parameters.map(({ name }) => [name, { rate: 1 }])),
      batchNorm: 'running',
      loss: crossEntropyLoss(),
    });
    const slots = parameters.map(({ name, shape }) => [slotName('momentum', name), zeros('f32', shape)] as const);
    const state = new State({ ...initialise(variables, 0), ...Object.fromEntries(slots) });
    const feeds = {
      [feedNames.input]: gaussian([batchSize, 3, side, side], 'images'),
      [feedNames.targets]: i64([batchSize], [0, 1, 2, 3]),
      [scalarName('learningRate')]: scalar(learningRates[model.name] ?? 0.003),
      ...drawNoise(step.noise, 0, 0), // the same masks at every step, so that the losses compare
    };
    const program = await compile(step.outputs);
    const losses: number[] = [];
    for (let i = 0; i < 4; i++) {
      const results = await state.step(program, feeds);
      losses.push(numbers(results[resultNames.loss])[0]!);
    }
    await program.release();
    expect(losses[1]!).toBeLessThan(losses[0]!);
    expect(losses[3]!).toBeLessThan(0.995 * losses[0]!);
  });
});
