import { cpSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { HeadLayers } from '@graft-ml/core/internal/models/model';
import type { TrainConfigInput } from '@graft-ml/core/internal/recipe/config/index';
import { assertSide } from '@graft-ml/core/internal/recipe/preprocessing';
import { getModel } from '@graft-ml/core/models';
import { beforeAll, expect, test } from 'vitest';
import { drawImages, ownCache, temporaryFolder } from '../../../../test/images.ts';
import { expectSameRun, runFolder, smallRun } from '../../../../test/runs.ts';
import { collect, differing } from '../../../../test/training.ts';
import { readSafetensorsFile } from '../checkpoint/safetensors-file.ts';
import { evaluateFolder } from '../evaluate/evaluate-folder.ts';
import { readRun } from '../runs/read-run.ts';
import { resumeTraining, trainFolder } from './train-folder.ts';

ownCache();
const root = temporaryFolder();
const folder = join(root, 'others');
const weights = join(root, 'pretrained', 'best.safetensors');
const whole = join(root, 'whole');
let count = 0;
const fresh = () => join(root, `run${count++}`);

/** Trains on classes that the pretrained network does not know. */
async function transfer(config: TrainConfigInput & { stopAfter?: number } = {}, out = fresh()): Promise<string> {
  await runFolder(folder, out, { weights, strategy: 'feature-extraction', epochs: 6, ...config });
  return out;
}

beforeAll(async () => {
  const shapes = await drawImages(join(root, 'shapes'));
  await runFolder(shapes, join(root, 'pretrained'), { imageSize: 30, epochs: 2 });
  await drawImages(folder, { classes: ['bar', 'ring'], perClass: 20 });
  await transfer({}, whole);
});

test('feature extraction replaces the head, keeps the backbone and its batch norm, and takes the preprocessing over', async () => {
  const run = await readRun(whole);
  expect(run.preprocessing).toMatchObject({ resize: 30, crop: 30, mean: [0.5, 0.5, 0.5] });
  expect(run.classes).toEqual(['bar', 'ring']);
  expect(run.config.strategy).toBe('feature-extraction');
  expect(run.batchNorm).toBe('frozen');
  expect(run.weightsSha256).toMatch(/^[0-9a-f]{64}$/);
  expect(run.best!.accuracy).toBeGreaterThan(0.7);
  const before = await readSafetensorsFile(weights);
  const after = await readSafetensorsFile(join(whole, 'best.safetensors'));
  expect(differing(before.tensors, after.tensors).sort()).toEqual(['fc.bias', 'fc.weight']);
  expect(after.tensors['fc.weight']!.shape).toEqual([2, 64]);
  expect(JSON.parse(after.metadata.classes!)).toEqual(['bar', 'ring']);
  expect(run.parameters.trained).toBe(2 * 64 + 2);
});

test('features that do not fit into memory give the same run to the bit, in batches of another size than the backbone’s', async () => {
  expectSameRun(await transfer({ batchSize: 5 }), await transfer({ batchSize: 5, memory: 1e-6 }));
});

test('what is frozen runs once: the images are not read again when training begins', async () => {
  const own = await drawImages(join(root, 'gone'), { classes: ['bar', 'ring'], perClass: 20 });
  const out = fresh();
  for await (const event of trainFolder(
    own,
    { ...smallRun, weights, strategy: 'feature-extraction', epochs: 6 },
    { out },
  )) {
    if (event.kind === 'stage') rmSync(own, { recursive: true });
  }
  expectSameRun(whole, out);
});

test('interrupted and resumed, feature extraction ends like a run that was not', async () => {
  const out = await transfer({ stopAfter: 11 });
  await transfer({}, out);
  expectSameRun(whole, out);
});

test('full moves everything, the backbone and its statistics as well', async () => {
  const out = await transfer({ strategy: 'full', epochs: 1 });
  const [before, after] = [weights, join(out, 'best.safetensors')].map((path) => readSafetensorsFile(path));
  const { tensors } = await after!;
  expect(differing((await before!).tensors, tensors).sort()).toEqual(Object.keys(tensors).sort());
});

test('weights of another architecture, none, too many, or a file that is not there: both sides are named', async () => {
  await expect(transfer({ model: 'resnet18' })).rejects.toThrow(
    `${weights} holds weights of conv4, not of resnet18. Pass \`model: "conv4"\`.`,
  );
  const nothing = join(root, 'nothing.safetensors');
  await expect(transfer({ weights: nothing })).rejects.toThrow(`Cannot read ${nothing}: there is no such file.`);
  await expect(transfer({ weights: null, strategy: 'full' })).rejects.toThrow('starts from pretrained weights');
  await expect(transfer({ strategy: 'scratch' })).rejects.toThrow('leave out `weights`');
});

test('weights that are no longer those of the start stop a resumed run', async () => {
  const copy = join(root, 'copy.safetensors');
  cpSync(weights, copy);
  const out = await transfer({ weights: copy, stopAfter: 1 });
  cpSync(join(root, 'pretrained', 'last.safetensors'), copy);
  await expect(collect(resumeTraining(out))).rejects.toThrow('best.safetensors beside it');
  cpSync(join(whole, 'best.safetensors'), copy); // the same backbone, another head
  await expect(collect(resumeTraining(out))).rejects.toThrow(`${copy} has changed since ${out} was started`);
  rmSync(copy);
  await expect(collect(resumeTraining(out))).rejects.toThrow(`Cannot read ${copy}: there is no such file.`);
});

test('a deeper head is trained, saved and known again, by features and by everything', async () => {
  const head: HeadLayers = [16, 'relu', { dropout: 0.2 }];
  const runs = [await transfer({ head }), await transfer({ head, strategy: 'full', epochs: 2 })];
  for (const out of runs) {
    const { tensors, metadata } = await readSafetensorsFile(join(out, 'best.safetensors'));
    expect(metadata.head).toBe('16,relu,dropout=0.2');
    expect(tensors['fc.0.weight']!.shape).toEqual([16, 64]);
    expect(tensors['fc.3.weight']!.shape).toEqual([2, 16]);
    const { accuracy } = await evaluateFolder(out, folder, { threads: 1 });
    expect(accuracy).toBe((await readRun(out)).best!.accuracy);
  }
  expect((await readRun(runs[0]!)).parameters.trained).toBe(16 * 64 + 16 + 2 * 16 + 2);
  expect((await readRun(runs[0]!)).best!.accuracy).toBeGreaterThan(0.7);
});

test('a run with a deeper head, interrupted and resumed, ends bit for bit like one that was not', async () => {
  const head: HeadLayers = [16, 'relu', { dropout: 0.2 }];
  const stopped = await transfer({ head, stopAfter: 5 });
  await collect(resumeTraining(stopped));
  expectSameRun(await transfer({ head }), stopped);
});

test('mean and std can be given; a size that the model does not take cannot', async () => {
  const { preprocessing } = await readRun(await transfer({ mean: [0.1, 0.2, 0.3], std: [1, 1, 0.5], epochs: 1 }));
  expect(preprocessing).toMatchObject({ mean: [0.1, 0.2, 0.3], std: [1, 1, 0.5] });
  expect(() => assertSide({ ...getModel('conv4'), sides: { minimum: 32, multipleOf: 16 } }, 41)).toThrow(
    'imageSize 41: conv4 takes multiples of 16 from 32 on. The nearest is 48.',
  );
  expect(() => assertSide({ ...getModel('conv4'), sides: { minimum: 75 } }, 41)).toThrow('75 pixels or more');
  assertSide({ ...getModel('conv4'), sides: { minimum: 32, multipleOf: 16 } }, 48);
});
