import { cpSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { f32 } from '@graft-ml/core';
import { input } from '@graft-ml/core/graph';
import type { ExtractElsewhere } from '@graft-ml/core/internal/fit/extraction';
import { relu } from '@graft-ml/core/ops';
import { expect, test } from 'vitest';
import { farmHere, memoryStore } from '../../../../test/farm.ts';
import { drawImages, temporaryFolder } from '../../../../test/images.ts';
import { expectSameRun, smallRun } from '../../../../test/runs.ts';
import { folderCache } from '../cache/folder-cache.ts';
import { findLabelledImages } from '../data/labelled-images.ts';
import { farmedFeatures } from '../evaluate/farmed-features.ts';
import { openRun } from '../evaluate/open-run.ts';
import { createRuntime } from '../runtime/index.ts';
import { trainFolder } from '../transfer/train-folder.ts';
import { extractElsewhere } from './extract.ts';
import { featuresHandler } from './features.ts';
import type { Traffic } from './shards.ts';
import { openSharedProgram, shareProgram } from './shared-program.ts';

const root = temporaryFolder();
const config = {
  ...smallRun,
  strategy: 'feature-extraction',
  model: 'conv4',
  weights: join(root, 'start'),
  augment: 'light',
  views: 2,
} as const;

async function train(folder: string, name: string, extract?: ExtractElsewhere): Promise<string> {
  const out = join(root, name);
  const cache = folderCache(join(root, `cache-of-${name}`));
  for await (const _ of trainFolder(folder, config, { out, cache, ...(extract && { extract }) }));
  return out;
}

test('features of shards, from a farm, make the run of one process to the bit, and are found again', async () => {
  const folder = await drawImages(join(root, 'photos'));
  const start = trainFolder(folder, { ...smallRun, strategy: 'scratch', epochs: 1 }, { out: config.weights });
  for await (const _ of start);
  const store = memoryStore();
  const { farm, jobs, close } = farmHere({ features: featuresHandler }, { folder: join(root, 'jobs'), store });
  const traffic: Traffic[] = [];
  const extract = extractElsewhere(farm, { shard: 20, onTraffic: (each) => traffic.push(each) });
  const alone = await train(folder, 'alone');
  expectSameRun(alone, await train(folder, 'farmed', extract));
  // 57 images in 2 views and 15 in 1, in shards of two batches of 16.
  expect(jobs.map(({ kind }) => kind)).toEqual(new Array(5).fill('features'));
  const features = [...store.objects].filter(([key]) => /^features\/\w+\.safetensors$/.test(key));
  expect(sum(traffic, 'received')).toBe(features.reduce((bytes, [, content]) => bytes + content.length, 0));
  const programs = [...store.objects].filter(([key]) => key.startsWith('programs/'));
  expect(programs).toHaveLength(1);
  expect(sum(traffic, 'sent')).toBeGreaterThan(programs[0]![1].length);

  // A submitter without a cache, of the same images elsewhere: what the workers made is still in the store.
  const moved = join(root, 'moved');
  cpSync(folder, moved, { recursive: true });
  await train(moved, 'again', extract);
  expect(jobs).toHaveLength(5);
  await close();
});

test('an image that turns out to be damaged is left out as by one process', async () => {
  const folder = await drawImages(join(root, 'damaged'));
  truncateSync(join(folder, 'disc', '003.png'), 700);
  const { farm, close } = farmHere({ features: featuresHandler }, { folder: join(root, 'jobs-of-damaged') });
  const alone = await train(folder, 'alone-damaged');
  expectSameRun(alone, await train(folder, 'farmed-damaged', extractElsewhere(farm)));
  await close();
});

test('a signal cancels the jobs', async () => {
  const folder = join(root, 'photos');
  const { farm, jobs, close } = farmHere({ features: featuresHandler }, { folder: join(root, 'jobs-of-cancelled') });
  const controller = new AbortController();
  const { signal } = controller;
  const cache = folderCache(join(root, 'cache-of-cancelled'));
  const extract = extractElsewhere(farm, { signal, onTraffic: () => controller.abort() });
  const events = trainFolder(folder, config, { out: join(root, 'cancelled'), cache, signal, extract });
  const kinds: string[] = [];
  for await (const { kind } of events) kinds.push(kind);
  expect(kinds.filter((kind) => kind !== 'start')).toEqual(['ready', 'cancelled']);
  expect(jobs.length).toBeLessThan(2);
  await close();
});

test('a worker that rounds otherwise says so', async () => {
  const store = memoryStore();
  const x = input('batch/input', 'f32', [1, 4]);
  const graph = await createRuntime({ threads: 1 }).encode({ features: relu(x) });
  const { program } = await shareProgram(store, graph, { threads: 1, isOptimized: true });
  const row = f32([1, 4], [-1, 0, 1, 2]);
  const { features } = await (await openSharedProgram(store, program)).run({ 'batch/input': row });
  expect(features).toEqual(f32([1, 4], [0, 0, 1, 2]));
  const other = { ...program, machine: { ...program.machine, instructionSet: 'x64-of-1999' } };
  await expect(openSharedProgram(store, other)).rejects.toThrow(
    /^This work was begun on x64-of-1999 with onnxruntime .*, this worker has .*: its results would differ/,
  );
});

test('the feature vectors of any images are those of one process, and so are the images that cannot be used', async () => {
  const images = await findLabelledImages([join(root, 'damaged')]);
  const { farm, jobs, close } = farmHere({ features: featuresHandler }, { folder: join(root, 'jobs-of-vectors') });
  await using classifier = await openRun(config.weights, { threads: 1 });
  const alone = await all(classifier.features(images.images));
  const farmed = farmedFeatures(farm, classifier, images.images, { base: join(root, 'damaged'), shard: 32 });
  expect(await all(farmed)).toEqual(alone);
  expect(alone.filter(({ problem }) => problem)).toHaveLength(1);
  expect(jobs).toHaveLength(3);
  await close();
});

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const item of items) list.push(item);
  return list;
}

function sum(traffic: readonly Traffic[], of: keyof Traffic): number {
  return traffic.reduce((total, each) => total + each[of], 0);
}
