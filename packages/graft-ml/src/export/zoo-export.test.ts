import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { i64, type Shape, sizeOf, type Tensor, type Tensors, tensor, zeros } from '@graft-ml/core/internal/base/tensor';
import { imageNetwork } from '@graft-ml/core/internal/fit/network';
import { feedNames, resultNames, scalarName, trainingStep, variablesOf } from '@graft-ml/core/internal/fit/step';
import type { NamedArchitecture, Preprocessing } from '@graft-ml/core/models';
import { crossEntropyLoss } from '@graft-ml/core/nn';
import { sgd } from '@graft-ml/core/optim';
import { scalar } from '@graft-ml/core/runtime';
import { beforeAll, describe, expect, test } from 'vitest';
import { golden, pattern, relativeError, tolerance, withPrefix } from '../../../../test/golden.ts';
import { drawImages, ownCache, temporaryFolder } from '../../../../test/images.ts';
import { narrowModels } from '../../../../test/narrow-models.ts';
import { compile } from '../../../../test/run.ts';
import { openBackbone } from '../checkpoint/backbone.ts';
import { Classifier, openModel } from '../evaluate/classifier.ts';
import { exportClassifier } from './export-classifier.ts';

ownCache();
const root = temporaryFolder();
const threads = 1;
const shapes = join(root, 'shapes');
let images: string[] = [];

beforeAll(async () => {
  await drawImages(shapes, { perClass: 2, side: 48 });
  images = readdirSync(shapes, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.png'))
    .map((name) => join(shapes, name));
});

/** The probabilities of all images, in a row. */
async function imagesBy(classifier: Classifier): Promise<number[]> {
  const all: number[] = [];
  for await (const { probabilities } of classifier.predict(images)) all.push(...probabilities!);
  return all;
}

/** Nothing is dropped. */
const ones = (shape: Shape) => tensor('u8', shape, new Uint8Array(sizeOf(shape)).fill(1));

/** One step of plain SGD on two images, with frozen batch norms: the loss, and every parameter afterwards. */
async function step(model: NamedArchitecture, weights: Tensors, pixels: Tensor, numClasses: number) {
  const network = imageNetwork(model, model.preprocessing, numClasses);
  const parameters = [...variablesOf(network).values()].filter(({ kind }) => kind === 'parameter');
  const graph = trainingStep(network, {
    batchSize: 2,
    optimizer: sgd({ momentum: 0 }),
    settings: new Map(parameters.map(({ name }) => [name, { rate: 1 }])),
    batchNorm: 'frozen',
    loss: crossEntropyLoss(),
  });
  const program = await compile(graph.outputs);
  const noise = Object.fromEntries(graph.noise.map(({ name, shape }) => [name, ones(shape)]));
  const feeds = { [feedNames.input]: pixels, [feedNames.targets]: i64([2], [0, 1]) };
  const results = await program.run({ ...weights, ...noise, ...feeds, [scalarName('learningRate')]: scalar(0.05) });
  await program.release();
  const after = Object.fromEntries(parameters.map(({ name }) => [name, results[name]!]));
  return { loss: results[resultNames.loss]!, after, isRandom: graph.noise.length > 0 };
}

/**
 * What shifted windows add up with a mask first, and what is resized for images of another side, stays as it is; an
 * auxiliary head is for training alone and not exported.
 */
const notLearned = /\.1\.attn\.relative_position_bias_table$|^encoder\.pos_embedding$|^AuxLogits\./;
/** A name ends in the role that the parameter has. */
const asOpened = (name: string) => name.replace(/in_proj_(weight|bias)$/, 'in_proj.$1');

describe.each(Object.keys(narrowModels))('the export of %s', (name) => {
  const { tensors, metadata } = golden(`model-${name}`);
  const { input: shape, numClasses } = JSON.parse(metadata.config!) as { input: number[]; numClasses: number };
  const side = (tensors.input ?? pattern(shape)).shape[2]!;
  const classes = Array.from({ length: numClasses }, (_, i) => `kind ${i}`);
  const geometry = { resize: side + 4, crop: side, interpolation: 'bicubic' } as const;
  const preprocessing: Preprocessing = { ...geometry, mean: [0.4, 0.5, 0.6], std: [0.2, 0.25, 0.3] };
  const model: NamedArchitecture = { ...narrowModels[name]!, name, preprocessing, source: 'the test' };
  const initial = withPrefix(tensors, 'init/');
  const norms = Object.keys(initial).filter((key) => key.endsWith('running_mean'));
  const counters = norms.map((key) => [key.replace('running_mean', 'num_batches_tracked'), zeros('i64', [])]);
  const weights: Tensors = { ...initial, ...Object.fromEntries(counters) };

  const pixelsOf = (count: number) =>
    Uint8Array.from({ length: count * 3 * side * side }, (_, i) => (i * i * 7 + i * 31) % 251);

  test.each([1, 3])('opens with its classes and says the same, written for a batch of %i', async (batchSize) => {
    const classifier = new Classifier({ model, weights, classes, preprocessing }, { threads });
    const path = join(root, `${name}-${batchSize}.onnx`);
    await exportClassifier(classifier, path, { batchSize });
    const again = await openModel({ name: path }, { threads });
    expect(again.classes).toEqual(classes);
    expect(again.notes).toEqual([]);
    expect(again.preprocessing).toMatchObject(geometry);
    const saidBy = async (of: Classifier) =>
      batchSize === 1 ? imagesBy(of) : [...(await of.probabilities(pixelsOf(2), 2))];
    const [mine, theirs] = [await saidBy(classifier), await saidBy(again)];
    expect(theirs.length).toBe(mine.length);
    theirs.forEach((p, i) => {
      expect(p).toBeCloseTo(mine[i]!, 5);
    });
    await Promise.all([classifier.close(), again.close()]);
  });

  test('takes the same step in training', async () => {
    const { model: opened, checkpoint } = await openBackbone({
      model: join(root, `${name}-1.onnx`),
      weights: null,
      head: null,
    });
    const pixels = tensor('u8', [2, 3, side, side], pixelsOf(2));
    const mine = await step(model, weights, pixels, numClasses);
    const theirs = await step(opened, checkpoint!.tensors, pixels, numClasses);
    const learned = Object.keys(mine.after).filter((key) => !notLearned.test(key));
    expect(Object.keys(theirs.after)).toEqual(expect.arrayContaining(learned.map(asOpened)));
    if (mine.isRandom || model.auxiliary) return; // an export has neither dropout nor an auxiliary head
    expect(relativeError(theirs.loss, mine.loss)).toBeLessThan(tolerance.model);
    for (const key of learned) {
      expect(relativeError(theirs.after[asOpened(key)]!, mine.after[key]!), key).toBeLessThan(tolerance.model);
    }
  });
});
