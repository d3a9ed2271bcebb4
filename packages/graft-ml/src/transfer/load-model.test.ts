import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { OptionError, UserError } from '@graft-ml/core/internal/base/errors';
import { createTrainer } from '@graft-ml/core/internal/fit/explicit-trainer';
import { fit } from '@graft-ml/core/internal/fit/fit';
import { linear } from '@graft-ml/core/nn';
import { constant, sgd } from '@graft-ml/core/optim';
import { beforeAll, describe, expect, test } from 'vitest';
import { drawImages, ownCache, temporaryFolder } from '../../../../test/images.ts';
import { gaussian, numbers } from '../../../../test/run.ts';
import { collect, differing } from '../../../../test/training.ts';
import { Classifier } from '../evaluate/classifier.ts';
import { evaluateFolder } from '../evaluate/evaluate-folder.ts';
import { openRun } from '../evaluate/open-run.ts';
import { packageFile } from '../files/package-file.ts';
import { writeReport } from '../report/index.ts';
import { createSession, loadOrt } from '../runtime/index.ts';
import { type ImageFolder, imageFolder } from './image-folder.ts';
import { inspectModel } from './inspect-model.ts';
import { loadModel } from './load-model.ts';
import { createModel, type Model } from './model.ts';
import { resumeTraining } from './train-folder.ts';

ownCache();
const folder = temporaryFolder();
const bundled = packageFile('assets', 'conv4-omniglot.safetensors');
const run = join(folder, 'run');
let [images, model]: [ImageFolder, Model] = [undefined as never, undefined as never];

beforeAll(async () => {
  images = await imageFolder(await drawImages(join(folder, 'photos'), { perClass: 12 }), { validation: 0.25, seed: 3 });
  model = await loadModel('conv4', { weights: bundled, classes: images.classes });
  return () => images.close();
});

describe('loadModel', () => {
  test('of an architecture with weights: a new head for other classes, the backbone as it was read', async () => {
    const other = await loadModel('conv4', { weights: bundled, classes: images.classes, seed: 7 });
    expect(differing(model.variables, other.variables)).toEqual(['fc.weight', 'fc.bias']);
    expect(model.classes).toEqual(['cross', 'disc', 'square']);
    expect([...model.table.head]).toEqual(['fc.weight', 'fc.bias']);
  });

  test('of a file that Graft wrote: the file says of which architecture it is', async () => {
    const own = await loadModel(bundled, { classes: images.classes });
    expect(differing(own.variables, model.variables)).toEqual([]);
    const plain = join(folder, 'plain.safetensors');
    writeFileSync(plain, model.toSafetensors());
    await expect(loadModel(plain)).rejects.toThrow(`Name it: loadModel('resnet18', { weights: '${plain}' }).`);
    await expect(loadModel(bundled, { weights: bundled })).rejects.toThrow(OptionError);
    await expect(loadModel('resnett18')).rejects.toThrow(UserError);
  });

  test('with numClasses 0 it has no head, and gives what its last layer would be given', async () => {
    const extractor = await loadModel('conv4', { weights: bundled, numClasses: 0 });
    const source = images.train.view({ preprocessing: model.image!.preprocessing });
    for await (const { inputs } of source.batches({
      batchSize: 5,
      order: [0, 1, 2, 3, 4],
      lastBatch: 'pad',
      epoch: 0,
    })) {
      const features = await extractor.predict(inputs);
      expect(features.shape).toEqual([5, 64]);
      expect(numbers(await model.features(inputs))).toEqual(numbers(features));
      // Logits are the last layer of them.
      const [weight, bias] = [numbers(model.variables['fc.weight']), numbers(model.variables['fc.bias'])];
      const logit = numbers(features)
        .slice(0, 64)
        .reduce((sum, x, i) => sum + x * weight[i]!, bias[0]!);
      expect(numbers(await model.predict(inputs))[0]).toBeCloseTo(logit, 4);
    }
  });
});

test('fit on a folder, and what becomes of the model: a run, an ONNX file, a classifier', {
  timeout: 240_000,
}, async () => {
  model.freeze().unfreeze('head');
  const options = {
    epochs: 3,
    optimizer: sgd({ learningRate: 0.002 }),
    augment: [{ kind: 'flip', probability: 0.5 }],
  } as const;
  const events = await collect(fit(model, images, options));
  expect(events.at(-1)).toMatchObject({ kind: 'end' });
  const { loss, accuracy } = await model.evaluate(images.validation);
  const written = await model.save(run);
  expect(written).toMatchObject({
    status: 'done',
    dataset: { train: 27, validation: 9 },
    parameters: { trained: 195 },
  });

  // The run is evaluated like any other, on the part of the folder that judged it.
  const evaluated = await evaluateFolder(run, join(folder, 'photos'));
  expect(evaluated).toMatchObject({ images: 9, part: 'validation', sameDataset: true, seen: { isComplete: true } });
  expect(evaluated.accuracy).toBeCloseTo(accuracy, 12);
  expect(evaluated.loss).toBeCloseTo(loss, 4);
  await expect(collect(resumeTraining(run))).rejects.toThrow('complete');

  // It is loaded as it was saved, or with a new head.
  const again = await loadModel(run);
  expect(differing(again.variables, model.variables)).toEqual([]);
  expect(again.classes).toEqual(model.classes);
  expect(again.seen?.history).toEqual(model.seen?.history);
  expect((await loadModel(run, { numClasses: 5 })).variables['fc.weight']!.shape).toEqual([5, 64]);

  // Plain ORT on the exported file says what the model says.
  const file = join(folder, 'model.onnx');
  expect(await model.export(file)).toBe(readFileSync(file).length);
  const path = images.validation.images[0]!.path;
  await using classifier = new Classifier(model.classifierParts);
  await using opened = await openRun(run);
  const { probabilities } = await classifier.classify(path);
  expect([...(await opened.classify(path)).probabilities]).toEqual([...probabilities]);
  const { preprocessing } = model.image!;
  const pixels = await classifier.pool.view(path, { kind: 'evaluation', preprocessing }, preprocessing.crop);
  const session = await createSession(new Uint8Array(readFileSync(file)));
  const feeds = { pixels: new (loadOrt().Tensor)('uint8', pixels, [1, 3, 28, 28]) };
  const results = await session.run(feeds);
  for (const [i, p] of (results.probabilities!.data as Float32Array).entries())
    expect(p).toBeCloseTo(probabilities[i]!, 5);

  await expect(model.save(run)).rejects.toThrow('already holds a run');
  const loaded = await loadModel(file);
  expect(loaded.classes).toEqual(model.classes);
});

test('a saved run divides its folder as imageFolder did', async () => {
  const path = join(folder, 'photos');
  await using divided = await imageFolder(path, { validation: 0.3, test: 0.2, seed: 5, maxPerClass: 10 });
  const own = await loadModel('conv4', { weights: bundled, classes: divided.classes });
  await collect(fit(own.freeze().unfreeze('head'), divided, { epochs: 1 }));
  const place = join(folder, 'divided');
  const { dataset, config, folder: root } = await own.save(place);
  const sizes = { train: divided.train.size, validation: divided.validation.size, test: divided.test.size };
  expect(dataset).toMatchObject(sizes);
  expect([root, config.seed, config.maxPerClass]).toEqual([path, 5, 10]);
  for (const part of ['train', 'validation', 'test'] as const) {
    const evaluated = await evaluateFolder(place, path, { part });
    expect(evaluated).toMatchObject({ images: sizes[part], sameDataset: true });
    expect(evaluated.accuracy).toBeCloseTo((await own.evaluate(divided[part])).accuracy, 12);
  }
  // Its options say nothing of how the program trained it, and nobody claims that they do.
  expect((await inspectModel(place)).epoch).toBeNull();
  const { file, advice } = await writeReport(place, { map: false });
  const page = readFileSync(file, 'utf8');
  expect(page).toContain('no command repeats it');
  expect(page).not.toMatch(/scratch|The same run again|learning rate \d/);
  expect(advice.filter(({ command }) => command?.startsWith('graft train'))).toEqual([]);
});

test('a network of one’s own: exported, but no run', async () => {
  const own = createModel((s, x) => linear(s.at('fc'), x, { features: 2 }), { input: { dtype: 'f32', shape: [3] } });
  await expect(own.save(join(folder, 'own'))).rejects.toThrow('a run is of a network of the zoo');
  const file = join(folder, 'own.onnx');
  await own.export(file);
  const x = gaussian([1, 3], 'x');
  const session = await createSession(new Uint8Array(readFileSync(file)));
  const results = await session.run({ input: new (loadOrt().Tensor)('float32', x.data as Float32Array, [1, 3]) });
  for (const [i, value] of numbers(await own.predict(x)).entries())
    expect(results.output!.data[i]).toBeCloseTo(value, 6);
  await expect(own.evaluate(images.validation)).rejects.toThrow('does not say how it looks at images');
});

test('a loop of one’s own over a folder of images ends in the bytes of fit', async () => {
  const make = async () => {
    const own = await loadModel('conv4', { weights: bundled, classes: images.classes });
    return own.freeze('layer3');
  };
  const [fitted, looped] = [await make(), await make()];
  const optimizer = sgd({ learningRate: 0.01, rates: { head: 0.02 } });
  const shared = { batchSize: 8, augment: 'light', seed: 5 } as const;
  const schedule = constant();
  for await (const event of fit(fitted, images, { ...shared, optimizer, schedule, epochs: 2, best: 'loss' })) {
    if (event.kind === 'evaluation' && event.epoch === 2) break;
  }
  await using trainer = createTrainer(looped, { optimizer, seed: 5 });
  for (const epoch of [1, 2]) {
    for await (const batch of trainer.batches(images.train, { ...shared, epoch })) await trainer.step(batch);
  }
  expect(differing(looped.variables, fitted.variables)).toEqual([]);
  expect(differing(looped.variables, (await make()).variables).length).toBeGreaterThan(10);
  expect(await trainer.evaluate(images.validation)).toEqual(await fitted.evaluate(images.validation));
});
