import { mkdirSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { imageNetwork } from '@graft-ml/core/internal/fit/network';
import { variablesOf } from '@graft-ml/core/internal/fit/step';
import { parseConfig, resolveConfig } from '@graft-ml/core/internal/recipe/config/index';
import { pretrainedConfig } from '@graft-ml/core/internal/weights/registry/lookup';
import { getModel } from '@graft-ml/core/models';
import { initialise } from '@graft-ml/core/nn';
import { beforeAll, expect, test } from 'vitest';
import { drawImages, ownCache, temporaryFolder } from '../../../../test/images.ts';
import { collect } from '../../../../test/training.ts';
import { defaultCache, folderCache } from '../cache/folder-cache.ts';
import { cachePath } from '../checkpoint/fetch-weights.ts';
import { writeSafetensorsFile } from '../checkpoint/safetensors-file.ts';
import { openModel } from '../evaluate/classifier.ts';
import { readRun } from '../runs/read-run.ts';
import { resumeTraining, trainFolder } from './train-folder.ts';

ownCache();
const root = temporaryFolder();
const shapes = join(root, 'shapes');
const mirror = join(root, 'mirror');
const name = 'timm/resnet18.a1_in1k';
const small = { imageSize: 32, epochs: 1, batchSize: 8, threads: 1 } as const;

/** A mirror that has these weights, or what has their names and shapes. No checksum of them is published. */
beforeAll(async () => {
  await drawImages(shapes, { perClass: 6 });
  const { url } = pretrainedConfig(name);
  const model = getModel('resnet18');
  const variables = variablesOf(imageNetwork(model, model.preprocessing, 1000));
  const file = join(mirror, new URL(url).pathname);
  mkdirSync(dirname(file), { recursive: true });
  await writeSafetensorsFile(file, initialise(variables.values(), 7));
});

test('without the weights the error says where they are published, where they belong, and which flag takes a file', async () => {
  const started = collect(
    trainFolder(shapes, { ...small, model: name }, { out: join(root, 'none'), download: { offline: true } }),
  );
  await expect(started).rejects.toThrow(
    /huggingface\.co[\s\S]*weights\/timm\/resnet18\.a1_in1k[\s\S]*name it as `weights`/,
  );
});

test('a model by the name of its weights: they are fetched once, and their preprocessing is taken over', async () => {
  const out = join(root, 'run');
  await collect(trainFolder(shapes, { ...small, model: name }, { out, download: { mirror } }));
  const { config, preprocessing } = await readRun(out);
  expect(config).toMatchObject({ model: 'resnet18', weights: name, strategy: 'auto' });
  const { preprocessing: published } = pretrainedConfig(name);
  expect(preprocessing).toMatchObject({ crop: 32, interpolation: published.interpolation, mean: published.mean });
  expect(preprocessing.resize).toBe(Math.round((32 * published.resize) / published.crop));
  // From the cache now: the mirror is not asked again.
  const again = join(root, 'again');
  await collect(
    trainFolder(
      shapes,
      { ...small, model: 'resnet18', weights: 'a1_in1k' },
      { out: again, download: { offline: true } },
    ),
  );
  expect((await readRun(again)).weightsSha256).toBe((await readRun(out)).weightsSha256);
});

test('the same weights with their own head and ImageNet’s classes', async () => {
  const classifier = await openModel({ name, imageSize: 32 }, { threads: 1, download: { mirror } });
  expect(classifier.classes.length).toBe(1000);
  expect(classifier.classes[0]).toBe('tench');
  const pixels = new Uint8Array(3 * 32 * 32).fill(90);
  const probabilities = await classifier.probabilities(pixels, 1);
  await classifier.close();
  expect(probabilities.reduce((sum, p) => sum + p, 0)).toBeCloseTo(1, 4);
});

test('an architecture alone means its default weights; scratch means none', async () => {
  const model = 'resnet18';
  const wanted = collect(
    trainFolder(shapes, { ...small, model }, { out: join(root, 'a'), download: { offline: true } }),
  );
  await expect(wanted).rejects.toThrow(pretrainedConfig(model).url);
  expect(resolveConfig(parseConfig({ model })).weights).toBe(pretrainedConfig(model).name);
  expect(resolveConfig(parseConfig({ model, strategy: 'scratch' })).weights).toBeNull();
  expect(resolveConfig(parseConfig({ model: 'conv4' }))).toMatchObject({ weights: null, strategy: 'scratch' });
});

test('other weights under the same name: a run is neither resumed nor repeated with them', async () => {
  const { url } = pretrainedConfig(name);
  const other = join(root, 'other');
  const file = join(other, new URL(url).pathname);
  mkdirSync(dirname(file), { recursive: true });
  const model = getModel('resnet18');
  const variables = variablesOf(imageNetwork(model, model.preprocessing, 1000));
  await writeSafetensorsFile(file, initialise(variables.values(), 8));

  const out = join(root, 'stopped');
  const controller = new AbortController();
  const options = { out, signal: controller.signal, download: { mirror } };
  for await (const { kind } of trainFolder(
    shapes,
    { ...small, model: name, strategy: 'feature-extraction' },
    options,
  )) {
    if (kind === 'step') controller.abort();
  }
  // On this machine the cache knows the first ones; they are asked for again where they are not there.
  const path = cachePath(pretrainedConfig(name), defaultCache());
  rmSync(path);
  await expect(collect(resumeTraining(out, { download: { mirror: other } }))).rejects.toThrow(
    /cannot be had: what arrived has the sha256 \w+, expected \w+ \(what it was when it was downloaded first/,
  );
  // On another one the run knows.
  const elsewhere = { mirror: other, cache: folderCache(join(root, 'elsewhere')) };
  await expect(collect(resumeTraining(out, { download: elsewhere }))).rejects.toThrow(
    `${name} has changed since ${out} was started; the run cannot go on.`,
  );
  const { config, weightsSha256 } = await readRun(out);
  const repeated = { out: join(root, 'repeated'), weightsSha256, download: elsewhere };
  await expect(collect(trainFolder(shapes, config, repeated))).rejects.toThrow(
    `${name}: these are not the weights that the repeated run began with.`,
  );
  await collect(resumeTraining(out, { download: { mirror } }));
  expect((await readRun(out)).status).toBe('done');
});
