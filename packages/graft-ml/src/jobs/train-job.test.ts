import { join } from 'node:path';
import { expect, test } from 'vitest';
import { drawImages, temporaryFolder } from '../../../../test/images.ts';
import { smallRun } from '../../../../test/runs.ts';
import { folderStore } from './folder-store.ts';
import type { JobContext } from './job.ts';
import { metaTrainHandler } from './meta-train-job.ts';
import { downloadTask, trainHandler } from './train-job.ts';

const folder = temporaryFolder();

const contextOf = (id: string, signal: AbortSignal): JobContext<unknown> => ({
  id,
  folder: join(folder, id),
  store: folderStore(join(folder, 'objects')),
  signal,
  report: () => {},
  saved: async () => {},
  data: async ({ path }) => path,
});

test('a training that is stopped before its first step ends without a result', async () => {
  const shapes = join(folder, 'shapes');
  await drawImages(shapes, { perClass: 8, side: 16 });
  const context = (id: string) => contextOf(id, AbortSignal.abort());
  const data = { path: shapes, sha256: null };
  const config = { ...smallRun, imageSize: 16 };
  const train = trainHandler.task.parse({ data, config });
  expect(await trainHandler.run(train, context('train'))).toBeNull();
  const metaTrain = metaTrainHandler.task.parse({ data, config: { way: 2, shots: 1, queries: 2, metaSteps: 2 } });
  expect(await metaTrainHandler.run(metaTrain, context('meta-train'))).toBeNull();
});

test('a job takes weights from where its maker says', async () => {
  expect(downloadTask({ offline: false, onNote: () => {} })).toEqual({});
  const mirror = join(folder, 'mirror');
  const data = { path: join(folder, 'mirrored'), sha256: null };
  await drawImages(data.path, { perClass: 8, side: 16 });
  const config = { ...smallRun, model: 'squeezenet1_1', weights: 'torchvision/squeezenet1_1.imagenet1k_v1' };
  const handlers = [
    [trainHandler, config],
    [metaTrainHandler, { model: config.model, weights: config.weights, way: 2, shots: 1, queries: 2, metaSteps: 2 }],
  ] as const;
  for (const [i, [handler, own]] of handlers.entries()) {
    const task = handler.task.parse({ data, config: own, ...downloadTask({ mirror }) });
    await expect(handler.run(task, contextOf(`mirrored-${i}`, new AbortController().signal))).rejects.toThrow(mirror);
  }
});
