import { expect, test } from 'vitest';
import { imageNetPreprocessing } from '../models/index.ts';
import { isAboutData, type Situation, warnings } from './guard-rails.ts';

const images = (label: number, count: number, split: string) =>
  Array.from({ length: count }, (_, i) => ({
    path: `${split}/${label}/${i}`,
    label,
    sha256: `${split} ${label} ${i}`,
  }));

const sound: Situation = {
  folder: 'photos',
  classes: ['cat', 'dog'],
  train: [...images(0, 20, 'train'), ...images(1, 5, 'train')],
  validation: [...images(0, 4, 'val'), ...images(1, 1, 'val')],
  config: { optimizer: 'adamw', sampling: 'shuffle', classWeights: 'none' },
  backboneRate: 1e-3,
  preprocessing: imageNetPreprocessing,
  pretraining: imageNetPreprocessing,
};
const told = (change: Partial<Situation>) =>
  warnings({ ...sound, ...change }).map(({ kind, message }) => `${kind}: ${message}`);
const kinds = (change: Partial<Situation>) => warnings({ ...sound, ...change }).map(({ kind }) => kind);

test('a sound run is not warned', () => {
  expect(told({})).toEqual([]);
});

test('validation images in the training set: how many, which, and how to mend it', () => {
  const copies = sound.train.slice(0, 4).map((image, i) => ({ ...image, path: `val/copy${i}` }));
  const [text, ...others] = told({ validation: [...sound.validation, ...copies] });
  expect(others).toEqual([]);
  expect(text).toContain(
    'The training set has 4 of 9 validation images, too (val/copy0 = train/0/0, val/copy1 = train/0/1, val/copy2 = train/0/2 and 1 more)',
  );
  expect(text).toContain('`writeCleanCopy(await diagnose("photos"), target)` leaves the copies out.');
});

test('small classes, classes that are not validated, and imbalance unless something is done about it', () => {
  const train = [...images(0, 20, 'train'), ...images(1, 4, 'train')];
  const few = { train, validation: images(0, 4, 'val') };
  expect(told(few)).toEqual([
    'few-images: 1 class has fewer than 5 images to train on (dog: 4). What is learned of so few is chance. Add images, or merge or remove the classes.',
    'no-validation: 1 class has no image to validate with (dog). The accuracy says nothing about them, and neither does the choice of the best epoch. Add images.',
    'imbalance: cat has 20 training images, dog 4. A model that neglects the small class still reaches a high accuracy. Pass `sampling: "balanced"` or `classWeights: "balanced"`, or add images.',
  ]);
  expect(kinds({ train: [...images(0, 24, 't'), ...images(1, 5, 't')] })).toEqual([]);
  expect(kinds({ train: [...images(0, 25, 't'), ...images(1, 5, 't')] })).toEqual(['imbalance']);
  for (const change of [{ sampling: 'balanced' }, { classWeights: 'balanced' }] as const) {
    expect(kinds({ ...few, config: { ...sound.config, ...change } })).toEqual(['few-images', 'no-validation']);
  }
});

test.each([
  ['adamw', 1e-3, 1.1e-3],
  ['sgd', 0.05, 0.06],
  ['lion', 3e-4, 1e-3],
] as const)('%s: pretrained layers stand a rate of %d, not of %d', (optimizer, stands, isTooMuch) => {
  const config = { ...sound.config, optimizer };
  expect(kinds({ config, backboneRate: stands })).toEqual([]);
  expect(kinds({ config, backboneRate: isTooMuch })).toEqual(['learning-rate']);
  expect(kinds({ config, backboneRate: isTooMuch, pretraining: null })).toEqual([]);
});

test('sizes and normalisation that are not the weights’', () => {
  const preprocessing = (change: Partial<Situation['preprocessing']>) => ({
    preprocessing: { ...imageNetPreprocessing, ...change },
  });
  for (const crop of [150, 224, 336]) expect(kinds(preprocessing({ crop }))).toEqual([]);
  for (const crop of [149, 337]) expect(kinds(preprocessing({ crop }))).toEqual(['image-size']);
  expect(told(preprocessing({ mean: [0.5, 0.5, 0.5] }))).toEqual([
    'normalisation: `mean` differs from what the weights were trained with (`mean: [0.485,0.456,0.406]`): ' +
      'every image looks to them too light, too dark or miscoloured. Leave it out.',
  ]);
  expect(kinds(preprocessing({ std: [0.2294, 0.224, 0.225] }))).toEqual([]);
});

test('which are about the images', () => {
  const all = warnings({
    ...sound,
    train: images(0, 3, 'x'),
    validation: images(0, 1, 'x'),
    backboneRate: 1,
    preprocessing: { ...imageNetPreprocessing, crop: 32 },
  });
  expect(all.map((warning) => [warning.kind, isAboutData(warning)])).toEqual([
    ['validation-in-training', true],
    ['few-images', true],
    ['no-validation', true],
    ['learning-rate', false],
    ['image-size', false],
  ]);
});
