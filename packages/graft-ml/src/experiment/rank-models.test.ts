import { join } from 'node:path';
import { OptionError, UserError } from '@graft-ml/core';
import { expect, test } from 'vitest';
import { graft } from '../../../../test/graft.ts';
import { drawImages, ownCache, temporaryFolder } from '../../../../test/images.ts';
import { runFolder } from '../../../../test/runs.ts';
import { folderCache } from '../cache/folder-cache.ts';
import { candidatesOf } from './model-candidates.ts';
import type { RankProgress } from './model-scores.ts';
import { rankModels } from './rank-models.ts';

ownCache();
const root = temporaryFolder();
const cache = folderCache(join(root, 'cache'));

test('names, patterns and pairs stand for models, each once', () => {
  const names = candidatesOf(['resnet*', 'resnet18', 'own.onnx', { model: 'alexnet', weights: null }]).map(
    ({ name }) => name,
  );
  expect(names.slice(0, 2)).toEqual(['resnet18', 'resnet34']);
  expect(names.filter((name) => name === 'resnet18')).toHaveLength(1);
  expect(names).not.toContain('resnet12'); // nobody has published weights for it
  expect(names.slice(-2)).toEqual(['own.onnx', 'alexnet (random)']);
  const weights = candidatesOf(['timm/resnet50.*']).map(({ name }) => name);
  expect(weights.length).toBeGreaterThan(1);
  expect(weights.every((name) => name.startsWith('timm/resnet50.'))).toBe(true);
  expect(() => candidatesOf(['resnext9*'])).toThrow(UserError);
});

test('models are ranked by features, which are computed once; what cannot be had is reported', async () => {
  const folder = await drawImages(join(root, 'shapes'), { perClass: 12 });
  await runFolder(folder, join(root, 'run'), { epochs: 1 });
  const progress: RankProgress[] = [];
  const onProgress = (one: RankProgress) => progress.push(one);
  const models = ['conv4', join(root, 'run'), 'golden/onnx/residual_18.onnx', 'resnet18'];
  const heard: string[] = [];
  const onModel = ({ name }: { readonly name: string }) => heard.push(name);
  const options = { models, folds: 3, cache, onProgress, onModel, download: { offline: true } };
  const ranking = await rankModels(folder, options);
  expect(ranking.classes).toEqual(['cross', 'disc', 'square']);
  expect(ranking.images).toBe(36);
  expect(heard).toEqual(models);
  expect(ranking.failed).toEqual([{ name: 'resnet18', reason: expect.stringContaining('not in the cache') }]);
  expect(ranking.models.map(({ name }) => name).sort()).toEqual(models.slice(0, 3).sort());
  const accuracies = ranking.models.map(({ probe }) => probe.accuracy);
  expect(accuracies).toEqual([...accuracies].sort((a, b) => b - a));
  expect(ranking.models[0]!.pValue).toBe(1);
  for (const { probe, neighbours, logme, parameters, flops, features, cached } of ranking.models) {
    expect(probe.interval[0]).toBeLessThan(probe.accuracy);
    expect(probe.inverseStrengths).toHaveLength(3);
    expect(neighbours.accuracy).toBeGreaterThan(1 / 3);
    expect(logme).toSatisfy(Number.isFinite);
    expect(parameters).toBeGreaterThan(100);
    expect(flops).toBeGreaterThan(parameters);
    expect(features).toBeGreaterThan(1);
    expect(cached).toBe(0);
  }
  const notesOf = (name: string) => ranking.models.find((model) => model.name === name)!.notes;
  expect(notesOf('conv4')).toEqual(['Its weights are random numbers.']);
  expect(notesOf(join(root, 'run')).at(-1)).toMatch(/^Its weights were fitted to \d+ of these images/);
  expect(new Set(progress.map(({ stage }) => stage)).size).toBe(3);

  const again = await rankModels(folder, { ...options, by: 'logme' });
  expect(again.models.map(({ cached }) => cached)).toEqual([36, 36, 36]);
  const scores = again.models.map(({ logme }) => logme);
  expect(scores).toEqual([...scores].sort((a, b) => b - a));
  for (const { name, probe } of again.models)
    expect(probe).toEqual(ranking.models.find((model) => model.name === name)!.probe);

  const few = await rankModels(folder, { ...options, models: ['conv4'], images: 12 });
  expect(few.images).toBe(12);
  expect(few.models[0]!.cached).toBe(12);
  expect(few.notes).toContain('12 of 36 images were drawn.');
}, 60_000);

test('a signal ends it; options are checked before anything is done', async () => {
  const folder = await drawImages(join(root, 'few'), { perClass: 4 });
  const controller = new AbortController();
  const reason = new Error('enough');
  const stopped = rankModels(folder, {
    ...{ models: ['conv4'], folds: 2, cache: null, signal: controller.signal },
    onProgress: ({ stage }) => stage === 'fitting probes' && controller.abort(reason),
  });
  await expect(stopped).rejects.toBe(reason);
  await expect(rankModels('nowhere', { models: [] })).rejects.toThrow(OptionError);
  await expect(rankModels('nowhere', { models: ['conv4'], folds: 1 })).rejects.toThrow(OptionError);
});

test('graft rank prints a table or JSON, and fails where no model could be ranked', async () => {
  const folder = await drawImages(join(root, 'cli'), { perClass: 6, classes: ['cross', 'disc'] });
  const flags = ['--folds', '2', '--offline'];
  const { status, stdout } = await graft(['rank', folder, '--models', 'conv4,golden/onnx/residual_18.onnx', ...flags]);
  expect(status).toBe(0);
  expect(stdout).toMatch(/12 images of 2 classes; by the linear probe/);
  expect(stdout).toMatch(/^residual_18\.onnx +\d+\.\d %/m);
  const json = await graft(['rank', folder, '--models', 'conv4', '--by', 'neighbours', '--json', ...flags]);
  expect(JSON.parse(json.stdout)).toMatchObject({ images: 12, by: 'neighbours', models: [{ name: 'conv4' }] });
  const none = await graft(['rank', folder, '--models', 'alexnet', ...flags]);
  expect(none.status).toBe(1);
  expect(none.stdout).toMatch(/Not ranked:\n {2}alexnet: /);
  const missing = await graft(['rank', folder]);
  expect(missing.status).toBe(2);
  expect(missing.stderr).toMatch(/which models/);
}, 60_000);
