import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { UserError } from '@graft-ml/core/internal/base/errors';
import { zeros } from '@graft-ml/core/internal/base/tensor';
import { imageNetwork } from '@graft-ml/core/internal/fit/network';
import { variablesOf } from '@graft-ml/core/internal/fit/step';
import { describeCheckpoint } from '@graft-ml/core/internal/weights/checkpoint';
import { pretrainedConfig } from '@graft-ml/core/internal/weights/registry/lookup';
import { beforeAll, describe, expect, test } from 'vitest';
import { drawImages, ownCache, temporaryFolder } from '../../../../test/images.ts';
import { differing } from '../../../../test/training.ts';
import { defaultCache } from '../cache/folder-cache.ts';
import { Classifier } from '../evaluate/classifier.ts';
import { openBackbone } from './backbone.ts';
import { cachePath } from './fetch-weights.ts';
import { type ReadyModel, readyModel } from './ready-model.ts';
import { writeSafetensorsFile } from './safetensors-file.ts';

ownCache();
const root = temporaryFolder();
const file = join(root, 'squeezenet1_1.safetensors');
let published: ReadyModel;

beforeAll(async () => {
  published = await readyModel('squeezenet1_1', { seed: 7 });
  await writeSafetensorsFile(file, published.weights);
});

describe('readyModel', () => {
  test('without weights: numbers that the seed decides, 1000 outputs without names', async () => {
    const [same, other] = [await readyModel('squeezenet1_1', { seed: 7 }), await readyModel('squeezenet1_1')];
    expect(differing(published.weights, same.weights)).toEqual([]);
    expect(differing(published.weights, other.weights)).toContain('classifier.1.weight');
    const { classes, entry, preprocessing } = published;
    expect([classes.length, classes[999], entry, preprocessing.crop]).toEqual([1000, 'class 999', null, 224]);
  });

  test('with weights from a file: all of them, and the names of ImageNet', async () => {
    const model = await readyModel('squeezenet1_1', { pretrained: file });
    expect(differing(published.weights, model.weights)).toEqual([]);
    expect([model.classes.length, model.classes[0], model.entry]).toEqual([1000, 'tench', null]);
  });

  test('a vision transformer gets the position embedding that its weights have', async () => {
    const larger = join(root, 'vit_b_32_384.safetensors');
    await writeSafetensorsFile(larger, {
      class_token: zeros('f32', [1, 1, 768]),
      'encoder.pos_embedding': zeros('f32', [1, 1 + 12 * 12, 768]),
    });
    const { model } = await openBackbone({ model: 'vit_b_32', weights: larger, head: null });
    const variables = variablesOf(imageNetwork(model, model.preprocessing, 3));
    expect(variables.get('encoder.pos_embedding')!.shape).toEqual([1, 145, 768]);
  });

  test('for other classes: the backbone stays, the head is new', async () => {
    const model = await readyModel('squeezenet1_1', { pretrained: file, classes: ['cat', 'dog'] });
    expect(differing(published.weights, model.weights)).toEqual(['classifier.1.weight', 'classifier.1.bias']);
    expect(model.weights['classifier.1.weight']!.shape).toEqual([2, 512, 1, 1]);
    expect(model.classes).toEqual(['cat', 'dog']);
    const deeper = await readyModel('squeezenet1_1', { pretrained: file, numClasses: 2, head: [8, 'relu'] });
    expect(Object.keys(deeper.weights).filter((name) => !(name in model.weights))).toEqual([
      'classifier.0.weight',
      'classifier.0.bias',
      'classifier.2.weight',
      'classifier.2.bias',
    ]);
  });

  test('for features: no head', async () => {
    const { weights, classes } = await readyModel('squeezenet1_1', { pretrained: file, numClasses: 0 });
    expect(Object.keys(weights)).toEqual(
      Object.keys(published.weights).filter((name) => !name.startsWith('classifier')),
    );
    expect(classes).toEqual([]);
  });

  test('a checkpoint of Graft brings its classes, preprocessing and head', async () => {
    const own = join(root, 'own.safetensors');
    const trained = await readyModel('conv4', { classes: ['a', 'b', 'c'], head: [5, 'tanh'] });
    const preprocessing = { ...trained.preprocessing, crop: 30, resize: 33 };
    await writeSafetensorsFile(
      own,
      trained.weights,
      describeCheckpoint(trained.model, trained.classes, preprocessing, null),
    );
    const model = await readyModel('conv4', { pretrained: own });
    expect(differing(trained.weights, model.weights)).toEqual([]);
    expect(model.classes).toEqual(['a', 'b', 'c']);
    expect([model.preprocessing.crop, model.model.preprocessing.crop]).toEqual([30, 30]);
  });

  test('published weights: their preprocessing, their classes, and what is known of them', async () => {
    const entry = pretrainedConfig('timm/resnet18.a1_in1k');
    const path = cachePath(entry, defaultCache());
    const drawn = await readyModel('resnet18');
    await mkdir(dirname(path), { recursive: true });
    await writeSafetensorsFile(path, drawn.weights);
    const model = await readyModel(entry.name, { offline: true });
    expect(differing(drawn.weights, model.weights)).toEqual([]);
    expect([model.entry, model.classes[999], model.model.name]).toEqual([entry, 'toilet tissue', 'resnet18']);
    expect(model.preprocessing).toMatchObject({ crop: 288, interpolation: 'bicubic' });
  });

  test('is what a classifier takes', async () => {
    await drawImages(root, { classes: ['disc'], perClass: 1 });
    const classifier = new Classifier(await readyModel('conv4', { classes: ['cat', 'dog'] }));
    for await (const { probabilities } of classifier.predict([join(root, 'disc', '000.png')])) {
      expect(probabilities!.length).toBe(2);
      expect(probabilities![0]! + probabilities![1]!).toBeCloseTo(1, 5);
    }
    await classifier.close();
  });

  test.each([
    ['resnet81', {}, 'Did you mean "resnet18"?'],
    ['resnet18.imagenet1k_v8', {}, 'Did you mean "resnet18.imagenet1k_v1"?'],
    ['resnet18', { pretrained: true, offline: true }, 'torchvision/resnet18.imagenet1k_v1 cannot be had'],
    ['resnet18', { pretrained: 'imagenet1k_v9' }, 'Of resnet18 there are: imagenet1k_v1'],
    ['torchvision/resnet18.imagenet1k_v1', { offline: true }, pretrainedConfig('resnet18').url],
    ['torchvision/resnet18.imagenet1k_v1', { pretrained: 'x.pth' }, 'are weights already'],
    ['conv4', { pretrained: true }, 'Nobody has published any for conv4'],
    ['conv4', { classes: ['a', 'b'], numClasses: 3 }, '2 classes are named, but numClasses is 3'],
  ])('%s %j: what is wrong, and the way out', async (name, options, message) => {
    await expect(readyModel(name, { mirror: null, ...options })).rejects.toThrow(UserError);
    await expect(readyModel(name, { mirror: null, ...options })).rejects.toThrow(message);
  });
});
