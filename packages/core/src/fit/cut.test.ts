import { describe, expect, test } from 'vitest';
import { golden, pattern, relativeError, withPrefix } from '../../../../test/golden.ts';
import { narrowModels } from '../../../../test/narrow-models.ts';
import { compile } from '../../../../test/run.ts';
import { randomStream } from '../base/random.ts';
import { sizeOf, type Tensor, zeros } from '../base/tensor.ts';
import { constant, input } from '../graph/index.ts';
import { applyModel, backboneEndpoint, getModel } from '../models/index.ts';
import { Scope } from '../nn/index.ts';
import { cutBefore, prefixGraph } from './cut.ts';
import { rowsFrom } from './source.ts';
import { feedNames, type Network, traceOf } from './step.ts';

/** Where each family is cut when everything from its middle on is trained, and what of it is still trained there. */
describe.each(Object.keys(narrowModels))('%s', (name) => {
  const { tensors, metadata } = golden(`model-${name}`);
  const { numClasses, input: shapeOfInput } = JSON.parse(metadata.config!);
  const images = tensors.input ?? pattern(shapeOfInput);
  const [batchSize, ...shape] = images.shape as [number, ...number[]];
  const network: Network = {
    input: { dtype: 'f32', shape },
    forward: (s, x) => applyModel(narrowModels[name]!, s, x, { numClasses }),
  };
  const { variables } = traceOf(network);
  const names = [...variables.keys()];
  const initial = withPrefix(tensors, 'init/');
  const tensorOf = (variable: string): Tensor => initial[variable] ?? zeros('i64', []);

  let whole: Tensor | undefined;
  async function logits(from: Network, inputs: Tensor): Promise<Tensor> {
    const { scope } = Scope.root({ training: false, variable: (variable) => constant(tensorOf(variable.name)) });
    const x = input(feedNames.input, 'f32', inputs.shape);
    const program = await compile({ logits: from.forward(scope, x) });
    const results = await program.run({ [feedNames.input]: inputs });
    await program.release();
    return results.logits!;
  }

  test.each([0.4, 0.8])('cut where the last %f of its variables begin, both parts make the whole', async (share) => {
    const first = names[Math.min(names.length - 1, Math.ceil(share * (names.length - 1)))]!;
    const trained = new Set(names.slice(names.indexOf(first)));
    const cut = cutBefore(network, (variable) => trained.has(variable))!;
    const behind = traceOf(cut.network).variables;
    for (const variable of trained) expect(behind.has(variable), variable).toBe(true);
    expect(behind.size).toBeLessThan(names.length);
    const features = prefixGraph(network, cut.endpoint, batchSize, ({ name: own }) => constant(tensorOf(own)));
    expect(features.shape).toEqual([batchSize, ...cut.shape]);
    const program = await compile({ features });
    const { features: middle } = await program.run({ [feedNames.input]: images });
    await program.release();
    whole ??= await logits(network, images);
    expect(relativeError(await logits(cut.network, middle!), whole)).toBeLessThan(2e-6);
  });

  test('cut before each of its blocks, nothing that is frozen lies behind', () => {
    const { scope, trace } = Scope.root({ training: true });
    network.forward(scope, input(feedNames.input, 'f32', [1, ...shape]));
    const [first, ...others] = [...trace.blocks];
    let before = first![1].length;
    for (const [block, own] of others) {
      const trained = names.slice(before);
      const cut = cutBefore(network, (variable) => trained.includes(variable))!;
      // The auxiliary head is fed from the middle of the network, whose layers are frozen then and lie behind the cut.
      if (name === 'inception_auxiliary' && ['AuxLogits.fc', 'Mixed_7a'].includes(block)) {
        expect(cut.endpoint).toBe('Mixed_6b');
      } else expect([...traceOf(cut.network).variables.keys()], block).toEqual(trained);
      before += own.length;
    }
  });

  test('an image’s features do not depend, to the bit, on who shares its batch', async () => {
    const features = prefixGraph(network, backboneEndpoint, 4, ({ name: own }) => constant(tensorOf(own)));
    const program = await compile({ features });
    const row = sizeOf(shape);
    const rowsOf = async (order: readonly number[]) => {
      const inputs = zeros('f32', [4, ...shape]);
      order.forEach((image, i) => {
        const stream = randomStream(0, 'image', image);
        for (let k = i * row; k < (i + 1) * row; k++) inputs.data[k] = stream.uniform();
      });
      const { features: all } = await program.run({ [feedNames.input]: inputs });
      return order.map((_, i) => rowsFrom(all!, i, 1).data);
    };
    const rows = await rowsOf([0, 1, 2, 3]);
    expect((await rowsOf([0, 4, 5, 3])).at(3)).toEqual(rows[3]);
    expect((await rowsOf([6, 1])).at(1)).toEqual(rows[1]);
    // Where it stands in the batch may matter: sums over a map of 6 channels of 3x3 begin at other places of a register.
    const standsAnywhere = name !== 'conv4_stride';
    if (standsAnywhere) expect((await rowsOf([3, 2, 1, 0])).reverse()).toEqual(rows);
    await program.release();
  });

  test('with the head alone trained, all of the backbone lies before the cut', () => {
    const head = names.filter((variable) => variable.startsWith(`${narrowModels[name]!.headPath}.`));
    const cut = cutBefore(network, (variable) => head.includes(variable))!;
    expect(cut.endpoint).toBe('backbone');
    expect([...traceOf(cut.network).variables.keys()]).toEqual(head);
  });

  test('with the first layer trained there is no place to cut', () => {
    expect(cutBefore(network, (variable) => variable === names[0])).toBeNull();
  });
});

describe('where torchvision’s networks are cut', () => {
  // Units: behind one, and never where it ends with a dropout, as what is random belongs to training. Dense blocks:
  // between their layers, where the joined features go through.
  test.each([
    ['vgg16', 'features.24.weight', 'features.23', [512, 14, 14], 'features.24.weight'],
    ['vgg16_bn', 'features.34.weight', 'features.33', [512, 14, 14], 'features.34.weight'],
    ['vgg16', 'classifier.0.weight', 'avgpool', [512, 7, 7], 'classifier.0.weight'],
    ['vgg16', 'classifier.3.weight', 'avgpool', [512, 7, 7], 'classifier.0.weight'],
    ['alexnet', 'features.10.weight', 'features.9', [256, 13, 13], 'features.10.weight'],
    ['alexnet', 'classifier.1.weight', 'avgpool', [256, 6, 6], 'classifier.1.weight'],
    [
      'densenet121',
      'features.denseblock3.denselayer5.norm1.weight',
      'features.denseblock3.denselayer4.concat',
      [384, 14, 14],
    ],
    ['densenet121', 'features.transition3.norm.weight', 'features.denseblock3', [1024, 14, 14]],
    ['densenet121', 'features.denseblock4.denselayer1.norm1.weight', 'features.transition3', [512, 7, 7]],
  ] as const)('%s, trained from %s on, is cut at %s', (name, first, endpoint, shape, behind: string = first) => {
    const model = getModel(name);
    const network: Network = {
      input: { dtype: 'f32', shape: [3, 224, 224] },
      forward: (s, x) => applyModel(model, s, x, { numClasses: 3 }),
    };
    const names = [...traceOf(network).variables.keys()];
    const trained = new Set(names.slice(names.indexOf(first)));
    const cut = cutBefore(network, (variable) => trained.has(variable));
    expect(cut).toMatchObject({ endpoint, shape });
    expect([...traceOf(cut!.network).variables.keys()]).toEqual(names.slice(names.indexOf(behind)));
  });
});
