import { cpSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Tensors, tensor } from '@graft-ml/core/internal/base/tensor';
import { imageNetwork } from '@graft-ml/core/internal/fit/network';
import { evaluationStep } from '@graft-ml/core/internal/fit/step';
import { contentKey } from '@graft-ml/core/internal/image/seen';
import { testTimeViews } from '@graft-ml/core/internal/image/test-time';
import { getModel } from '@graft-ml/core/models';
import { crossEntropyLoss } from '@graft-ml/core/nn';
import { beforeAll, describe, expect, test } from 'vitest';
import { drawImages, ownCache, temporaryFolder } from '../../../../test/images.ts';
import { compile } from '../../../../test/run.ts';
import { runFolder } from '../../../../test/runs.ts';
import { readSafetensorsFile } from '../checkpoint/safetensors-file.ts';
import { type DatasetImage, openDataset } from '../data/dataset.ts';
import { readRun } from '../runs/read-run.ts';
import { Classifier, openModel, type Prediction } from './classifier.ts';
import { evaluateFolder } from './evaluate-folder.ts';
import { openRun } from './open-run.ts';

ownCache();
const root = temporaryFolder();
const shapes = join(root, 'shapes');
const run = join(root, 'run');
const threads = 1;

beforeAll(async () => {
  await drawImages(shapes, { perClass: 15 });
  await runFolder(shapes, run, { validationFraction: 0.4, epochs: 2 });
});

async function predictions(classifier: Awaited<ReturnType<typeof openRun>>, paths: readonly string[]) {
  const all: Prediction[] = [];
  for await (const prediction of classifier.predict(paths)) all.push(prediction);
  await classifier.close();
  return all;
}

describe('which images', () => {
  test('of the run’s own folder: those it has not trained on, with the very accuracy of the best epoch', async () => {
    const result = await evaluateFolder(run, shapes, { threads });
    const { best, dataset } = await readRun(run);
    expect(result).toMatchObject({ part: 'validation', sameDataset: true, images: 18, problems: [] });
    expect(result.images).toBe(dataset.validation);
    expect(result.accuracy).toBe(best!.accuracy);
    expect(result.loss).toBeCloseTo(best!.loss, 5);
    expect((await evaluateFolder(run, shapes, { threads, part: 'all' })).images).toBe(45);
    expect((await evaluateFolder(run, shapes, { threads, part: 'train' })).images).toBe(27);
  });

  test('of another folder: all, also where classes are missing', async () => {
    const two = await drawImages(join(root, 'two'), { classes: ['square', 'disc'], perClass: 4, first: 50 });
    const done: number[] = [];
    const result = await evaluateFolder(run, two, { threads, onProgress: (count) => done.push(count) });
    expect(result).toMatchObject({ part: 'all', sameDataset: false, images: 8 });
    expect(result.classes.map(({ name, support }) => [name, support])).toEqual([
      ['cross', 0],
      ['disc', 4],
      ['square', 4],
    ]);
    expect(done).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
  });

  test('of a folder with a test part: that part', async () => {
    const split = join(root, 'split');
    cpSync(shapes, join(split, 'train'), { recursive: true });
    await drawImages(join(split, 'test'), { perClass: 2, first: 70 });
    expect(await evaluateFolder(run, split, { threads })).toMatchObject({ part: 'test', images: 6 });
    await expect(evaluateFolder(run, split, { threads, part: 'validation' })).resolves.toMatchObject({ images: 18 });
    await expect(evaluateFolder(run, shapes, { threads, part: 'test' })).rejects.toThrow(
      `${shapes} has no images to evaluate in its part "test".`,
    );
  });

  test('of a run that kept images for testing: those, which it has not seen', async () => {
    const tested = join(root, 'tested');
    await runFolder(shapes, tested, { testFraction: 0.2, epochs: 1 });
    const { dataset, config } = await readRun(tested);
    expect([config.testFraction, dataset.train, dataset.validation, dataset.test]).toEqual([0.2, 30, 6, 9]);
    const result = await evaluateFolder(tested, shapes, { threads });
    expect(result).toMatchObject({ part: 'test', sameDataset: true, images: 9 });
    expect((await evaluateFolder(tested, shapes, { threads, part: 'validation' })).images).toBe(6);
    const division = { testFraction: 0.2, seed: config.seed };
    const { test, train, validation } = await openDataset(shapes, division);
    const seen = (await openRun(tested, { threads })).seen!;
    expect(test.some((image) => seen.fitted.has(contentKey(image)) || seen.chosen.has(contentKey(image)))).toBe(false);
    expect(train.every((image) => seen.fitted.has(contentKey(image)))).toBe(true);
    expect(validation.every((image) => seen.chosen.has(contentKey(image)))).toBe(true);
    // Another folder is not divided.
    const other = await drawImages(join(root, 'untested'), { perClass: 4, first: 80 });
    expect(await evaluateFolder(tested, other, { threads })).toMatchObject({ part: 'all', images: 12 });
  });

  test('a limit per class is the run’s own folder’s: another folder is measured whole', async () => {
    const limited = join(root, 'limited');
    await runFolder(shapes, limited, { maxPerClass: 5, epochs: 1 });
    expect(await evaluateFolder(limited, shapes, { threads })).toMatchObject({ part: 'validation', images: 3 });
    const other = await drawImages(join(root, 'other'), { perClass: 7, first: 30 });
    expect(await evaluateFolder(limited, other, { threads })).toMatchObject({ part: 'all', images: 21 });
  });

  test('a class that the run does not know is an error with both lists', async () => {
    const rings = await drawImages(join(root, 'rings'), { classes: ['disc', 'ring'], perClass: 2 });
    await expect(evaluateFolder(run, rings, { threads })).rejects.toThrow(
      /1 class of .* is not one of the run. \+ ring \(dataset\), the run has cross, disc, square/,
    );
  });
});

describe('the classifier', () => {
  test('probabilities sum to 1 and are those of the graph that training evaluates with', async () => {
    const { validation } = await openDataset(shapes, { validationFraction: 0.4 });
    const paths = validation.map(({ path }) => path);
    const seen = await predictions(await openRun(run, { threads }), paths);
    expect(seen.map(({ path }) => path)).toEqual(paths);
    const logits = await trainingLogits(validation);
    for (const [i, { probabilities }] of seen.entries()) {
      expect(probabilities!.reduce((sum, p) => sum + p, 0)).toBeCloseTo(1, 6);
      const row = logits.slice(3 * i, 3 * i + 3).map(Math.exp);
      const total = row.reduce((sum, e) => sum + e, 0);
      for (const [label, e] of row.entries()) expect(probabilities![label]).toBeCloseTo(e / total, 5);
    }
  });

  test('an image that cannot be read does not keep the others from being predicted, whatever stands beside it', async () => {
    const broken = join(root, 'text.jpg');
    writeFileSync(broken, 'not an image');
    const good = join(shapes, 'disc', '000.png');
    const [alone] = await predictions(await openRun(run, { threads }), [good]);
    const many = await predictions(await openRun(run, { threads }), [
      broken,
      ...new Array<string>(20).fill(good),
      '/nowhere.jpg',
    ]);
    expect(many.length).toBe(22);
    expect(many[0]!.problem).toMatchObject({ path: broken, kind: 'not-an-image' });
    expect(many[21]!.problem).toMatchObject({ path: '/nowhere.jpg', kind: 'unreadable' });
    for (const { probabilities } of many.slice(1, 21)) {
      for (const [label, p] of probabilities!.entries()) expect(p).toBeCloseTo(alone!.probabilities![label]!, 5);
    }
  });

  test('weights with their own head: the names are the checkpoint’s, or the given ones, one for each output', async () => {
    const weights = join(run, 'best.safetensors');
    const own = await openModel({ name: 'conv4', weights }, { threads });
    expect(own.classes).toEqual(['cross', 'disc', 'square']);
    const renamed = await openModel({ name: 'conv4', weights, classes: ['a', 'b', 'c'] }, { threads });
    expect(renamed.classes).toEqual(['a', 'b', 'c']);
    await Promise.all([own.close(), renamed.close()]);
    await expect(openModel({ name: 'conv4', weights, classes: ['a'] })).rejects.toThrow(
      `${weights} tells 3 classes apart, but 1 names were given.`,
    );
    await expect(openModel({ name: 'resnet18', weights })).rejects.toThrow('holds weights of conv4, not of resnet18');
    await expect(openModel({ name: 'conv5', weights })).rejects.toThrow('Did you mean "conv4"?');
  });

  test('a folder that is no run, and a run without a complete epoch', async () => {
    await expect(openRun(shapes)).rejects.toThrow(`${shapes} is not a run`);
    const early = join(root, 'early');
    mkdirSync(early);
    cpSync(join(run, 'run.json'), join(early, 'run.json'));
    await expect(openRun(early)).rejects.toThrow('no epoch of it is complete yet');
    rmSync(early, { recursive: true });
  });
});

/** Of the network as the trainer evaluates it: parameters as inputs, batches of the training's size. */
async function trainingLogits(images: readonly DatasetImage[]): Promise<number[]> {
  const { preprocessing } = await readRun(run);
  const { tensors } = await readSafetensorsFile(join(run, 'best.safetensors'));
  const network = imageNetwork(getModel('conv4'), preprocessing, 3);
  const { pool } = await openRun(run, { threads });
  const views = await Promise.all(
    images.map(({ path }) => pool.view(path, { kind: 'evaluation', preprocessing }, preprocessing.crop)),
  );
  await pool.close();
  const program = await compile(
    evaluationStep(network, { batchSize: images.length, batchNorm: 'running', loss: crossEntropyLoss() }).outputs,
  );
  const feeds: Tensors = {
    ...tensors,
    'batch/input': tensor('u8', [images.length, 3, 28, 28], Uint8Array.from(Buffer.concat(views))),
    'batch/targets': tensor('i64', [images.length], new BigInt64Array(images.length)),
    'batch/weights': tensor('f32', [images.length], new Float32Array(images.length).fill(1)),
  };
  const results = await program.run(feeds);
  await program.release();
  return Array.from(results['result/outputs']!.data as Float32Array);
}

describe('test-time augmentation', () => {
  test.each(['flip', 'five-crop', 'ten-crop'] as const)('%s: the mean of what is said of each view', async (tta) => {
    const paths = [3, 7].map((i) => join(shapes, 'disc', `00${i}.png`));
    const classifier = await openRun(run, { threads, tta });
    const { preprocessing, pool } = classifier;
    const { crop } = preprocessing;
    const views = testTimeViews[tta];
    const expected: number[][] = [];
    for (const path of paths) {
      const said: Float32Array[] = [];
      for (const place of views) {
        const pixels = await pool.view(path, { kind: 'evaluation', preprocessing, places: [place] }, crop);
        said.push(await classifier.probabilities(pixels, 1));
      }
      expected.push(classifier.classes.map((_, c) => said.reduce((sum, p) => sum + p[c]!, 0) / views.length));
    }
    for (const [i, { probabilities }] of (await predictions(classifier, paths)).entries()) {
      probabilities!.forEach((probability, c) => {
        expect(probability).toBeCloseTo(expected[i]![c]!, 5);
      });
    }
  });

  test('an evaluation says which it was, and differs', async () => {
    const plain = await evaluateFolder(run, shapes, { threads });
    const flipped = await evaluateFolder(run, shapes, { threads, tta: 'flip' });
    expect([plain.tta, flipped.tta]).toEqual(['none', 'flip']);
    expect(flipped.loss).not.toBe(plain.loss);
    expect(Math.abs(flipped.loss - plain.loss)).toBeLessThan(0.5);
  });

  test('crops of an image that is seen whole are refused', async () => {
    const model = getModel('conv4');
    const preprocessing = { ...model.preprocessing, resize: 28, crop: 28, squash: true };
    const parts = { model, classes: ['a', 'b'], preprocessing, weights: {} };
    expect(() => new Classifier(parts, { tta: 'ten-crop' })).toThrow(
      'tta ten-crop: this model sees the whole image, squashed to 28 x 28 pixels',
    );
    await new Classifier(parts, { tta: 'flip' }).close();
  });
});
