import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { MetaConfigInput } from '@graft-ml/core/internal/recipe/meta/index';
import { beforeAll, describe, expect, test } from 'vitest';
import { parseAugmentation } from '../../../../test/augmentation.ts';
import { drawImages, ownCache, temporaryFolder } from '../../../../test/images.ts';
import { expectSameRun } from '../../../../test/runs.ts';
import { collect } from '../../../../test/training.ts';
import { readSafetensorsFile } from '../checkpoint/safetensors-file.ts';
import { evaluateFolder } from '../evaluate/evaluate-folder.ts';
import { openRun } from '../evaluate/open-run.ts';
import { exportClassifier } from '../export/export-classifier.ts';
import { readRun } from '../runs/read-run.ts';
import { trainFolder } from '../transfer/train-folder.ts';
import { adaptMeta } from './adapt-meta.ts';
import { readMetaRun } from './read-meta-run.ts';
import { testMeta } from './test-meta.ts';
import { type MetaEvent, resumeMeta, trainMeta } from './train-meta.ts';

ownCache();
const root = temporaryFolder();
const folder = join(root, 'shapes');
const few = join(root, 'few');
const tiny = {
  ...{ model: 'conv4_32', imageSize: 16, way: 2, shots: 2, queries: 2, metaBatch: 2, metaSteps: 6, validateEvery: 3 },
  ...{ episodes: 4, split: { classes: { train: 3, validation: 1, test: 1 } }, rotations: 'all', threads: 1 },
} as const satisfies MetaConfigInput;

beforeAll(async () => {
  await drawImages(folder, { classes: ['disc', 'square', 'cross', 'ring', 'bar'], perClass: 8, side: 16 });
  await drawImages(few, { classes: ['cross', 'disc', 'square'], perClass: 5, side: 16, first: 50 });
});

/** Trains, or resumes the run that stands in `out`, until the end or until so many steps were taken. */
async function run(
  name: string,
  { stopAfter = Number.POSITIVE_INFINITY, ...config }: MetaConfigInput & { stopAfter?: number } = {},
): Promise<{ out: string; events: MetaEvent[] }> {
  const out = join(root, name);
  const controller = new AbortController();
  const options = { signal: controller.signal };
  const all = existsSync(out)
    ? resumeMeta(out, options)
    : trainMeta(folder, { ...tiny, ...config }, { ...options, out });
  const events: MetaEvent[] = [];
  let steps = 0;
  for await (const event of all) {
    events.push(event);
    if (event.kind === 'step' && ++steps >= stopAfter) controller.abort();
  }
  return { out, events };
}

describe('a run of maml', () => {
  let out = '';
  beforeAll(async () => {
    out = (await run('maml')).out;
  });

  test('says what it was, and what it came to', async () => {
    const { status, config, dataset, best, folder: own, parameters } = await readMetaRun(out);
    expect([status, own]).toEqual(['done', folder]);
    expect(config).toMatchObject({ learner: 'maml', order: 2, innerSteps: 1, testSteps: 10, statistics: 'batch' });
    // Three classes in four turns.
    expect(dataset.train).toEqual({ classes: 12, images: 24 });
    expect(parameters).toEqual({ total: 28_896 + 2 * 32 + 2, trained: 28_896 + 2 * 32 + 2 });
    const lines = readFileSync(join(out, 'metrics.jsonl'), 'utf8').trimEnd().split('\n');
    expect(lines.map((line) => JSON.parse(line).epoch)).toEqual([1, 2]);
    expect(best!.epoch).toBeGreaterThan(0);
  });

  test('is measured after each inner step, on the same episodes every time', async () => {
    const result = await testMeta(out, { episodes: 6, threads: 1 });
    expect(result.perStep.map(({ steps }) => steps)).toEqual(Array.from({ length: 11 }, (_, steps) => steps));
    expect(result).toMatchObject({ of: 'test', episodes: 6, shape: { way: 2, shots: 2, queries: 2 } });
    expect(result.accuracy).toEqual(result.perStep[10]!.accuracy);
    expect(await testMeta(out, { episodes: 6, threads: 2 })).toEqual(result);
    expect((await testMeta(out, { episodes: 6, seed: 1, steps: 1 })).perStep).toHaveLength(2);
  });

  test('adapted, is an ordinary run: it predicts, is evaluated and exported', async () => {
    const adapted = join(root, 'maml-adapted');
    const { steps, notes } = await adaptMeta(out, few, { out: adapted });
    expect(steps).toBe(10);
    expect(notes).toEqual([
      'The run was trained on 2 classes at a time, and there are 3: each class begins with the mean of its head’s rows.',
    ]);
    const { config, classes, dataset, adaptedFrom, best, status } = await readRun(adapted);
    expect([status, classes, adaptedFrom, best]).toEqual(['done', ['cross', 'disc', 'square'], out, null]);
    expect(dataset).toMatchObject({ train: 15, validation: 0 });
    expect(config.model).toBe('conv4_32');
    const { images, part, sameDataset, seen } = await evaluateFolder(adapted, few);
    expect([images, part, sameDataset]).toEqual([15, 'all', true]);
    expect(seen).toEqual({ fitted: 15, chosen: 0, leftOut: 0, isComplete: true });
    const classifier = await openRun(adapted);
    const exported = await exportClassifier(classifier, join(root, 'adapted.onnx'));
    await classifier.close();
    expect(exported.difference).toBeLessThan(1e-5);
  });

  test('is refused where an ordinary run is wanted, and the other way round', async () => {
    await expect(openRun(out)).rejects.toThrow(
      `${out} is a run of meta-learning, which knows no classes of its own. Adapt it first, with a few images of each class: \`adaptMeta(${JSON.stringify(out)}, folder)\`.`,
    );
    const ordinary = join(root, 'ordinary');
    await adaptMeta(out, few, { out: ordinary, shots: 2 });
    // The other three of each class are what it is measured by.
    expect(await evaluateFolder(ordinary, few)).toMatchObject({
      images: 9,
      seen: { fitted: 6, chosen: 0, leftOut: 6, isComplete: true },
    });
    await expect(testMeta(ordinary)).rejects.toThrow(
      `${ordinary} is a run of ordinary training, whose classes are decided.`,
    );
  });

  test('interrupted and resumed, it ends bit for bit the same; so it does in two threads', async () => {
    for (const stopAfter of [2, 3]) {
      const name = `stopped-${stopAfter}`;
      const { events } = await run(name, { stopAfter });
      expect(events.at(-1)!.kind).toBe('interrupted');
      await run(name);
      expectSameRun(out, join(root, name));
    }
    expectSameRun(out, (await run('threads', { threads: 2 })).out);
  });

  test('augmented, learns something else from the same episodes, and ends the same where it was interrupted', async () => {
    const augment = { augment: parseAugmentation('crop=0.5,rotate=20') };
    const whole = (await run('augmented', augment)).out;
    const weights = (of: string) => readFileSync(join(of, 'best.safetensors'));
    expect(weights(whole).equals(weights(out))).toBe(false);
    await run('augmented-stopped', { ...augment, stopAfter: 2 });
    await run('augmented-stopped');
    expectSameRun(whole, join(root, 'augmented-stopped'));
  });
});

test.each(['boil', 'maml++', 'meta-sgd', 'reptile'] as const)('%s: a run, tested', async (learner) => {
  const { out } = await run(learner, { learner, metaSteps: 2, innerSteps: 2, validateEvery: 1 });
  const result = await testMeta(out, { episodes: 3, threads: 1 });
  expect(result.accuracy.mean).toBeGreaterThanOrEqual(0);
  expect(result.learner).toBe(learner);
});

test('fixed labels: subsets of all classes, then a transfer of the blocks that they taught', async () => {
  const { out } = await run('phase-one', {
    ...{ fixedLabels: true, split: 'auto', rotations: 'none', shots: 1, queries: 1 },
    ...{ learner: 'fomaml', metaSteps: 3, ema: 0.9, episodes: 2 },
  });
  const { config, dataset } = await readMetaRun(out);
  expect([config.way, dataset.split]).toEqual([5, 'images']);
  await expect(testMeta(out, { way: 3 })).rejects.toThrow(
    `way: ${out} has fixed labels for its 5 classes. Leave it out.`,
  );
  const start = join(root, 'phase-one-adapted');
  const { notes } = await adaptMeta(out, folder, { out: start });
  expect(notes).toContain('Left to validate with, as the start was: 10 images.');
  expect((await readRun(start)).dataset).toMatchObject({ train: 30, validation: 10 });
  const second = join(root, 'phase-two');
  const transfer = { weights: start, transferRatio: 0.5, epochs: 1, batchSize: 8, threads: 1, model: 'conv4_32' };
  await collect(trainFolder(folder, transfer, { out: second }));
  const { classes, config: transferred } = await readRun(second);
  expect([classes.length, transferred.strategy, transferred.transferHead]).toEqual([5, 'partial-transfer', 'kept']);
});

describe('learners that go by class means', () => {
  test('a prototypical network takes any number of classes, and becomes a linear layer', async () => {
    const { out } = await run('protonet', { learner: 'protonet', metaSteps: 3 });
    expect((await testMeta(out, { episodes: 3, way: 4, threads: 1 })).shape.way).toBe(4);
    const adapted = join(root, 'protonet-adapted');
    await adaptMeta(out, few, { out: adapted });
    const { tensors } = await readSafetensorsFile(join(adapted, 'best.safetensors'));
    expect([tensors['fc.1.weight']!.shape, tensors['fc.1.bias']!.shape]).toEqual([[3, 32], [3]]);
    // -|c|² beside 2c.
    const [weight, bias] = [tensors['fc.1.weight']!.data as Float32Array, tensors['fc.1.bias']!.data as Float32Array];
    const squares = weight.slice(0, 32).reduce((sum, w) => sum + (w / 2) ** 2, 0);
    expect(bias[0]).toBeCloseTo(-squares, 4);
    expect((await evaluateFolder(adapted, few)).accuracy).toBeGreaterThan(0.5);
  });

  test.each(['nearest-centroid', 'linear-probe'] as const)('%s is measured, not trained', async (learner) => {
    const { out, events } = await run(learner, { learner });
    expect(events.map(({ kind }) => kind)).toEqual(['ready', 'start', 'stage', 'evaluation', 'end']);
    const { perStep } = await testMeta(out, { episodes: 5, threads: 1 });
    expect(perStep.map(({ steps }) => steps)).toEqual([0]);
    // Nothing is trained, so that all five classes can be in every episode.
    const five = await run(`${learner}-five`, { learner, way: 5, split: 'auto' });
    expect((await readMetaRun(five.out)).dataset).toMatchObject({ split: 'all', test: { classes: 20, images: 40 } });
    expect((await testMeta(five.out, { episodes: 3, threads: 1 })).shape.way).toBe(5);
    const adapted = join(root, `${learner}-adapted`);
    await adaptMeta(out, few, { out: adapted });
    expect((await evaluateFolder(adapted, few)).images).toBe(15);
  });
});

describe('refuses', () => {
  test('an episode that the classes do not give', async () => {
    const start = (config: MetaConfigInput) =>
      collect(trainMeta(folder, { ...tiny, ...config }, { out: join(root, 'no') }));
    await expect(start({ way: 20 })).rejects.toThrow('the train side has 12, and 12 classes in all.');
    expect(existsSync(join(root, 'no'))).toBe(false);
  });

  test('more classes than a boil has a head for, steps for class means, a shape for the trials', async () => {
    const boil = join(root, 'boil');
    await expect(adaptMeta(boil, few, { out: join(root, 'no') })).rejects.toThrow(
      `${boil}: boil does not adapt its head, which tells 2 classes apart; 3 are too many. Meta-train with \`way: 3\`, or with another learner, such as protonet, which takes any number.`,
    );
    await expect(testMeta(join(root, 'protonet'), { steps: 3 })).rejects.toThrow('steps: protonet takes none.');
    await expect(testMeta(join(root, 'protonet'), { trials: true, way: 5 })).rejects.toThrow(
      'way is not for `trials`, which are 20 tasks of 20 classes with one image each: leave it out.',
    );
  });
});
