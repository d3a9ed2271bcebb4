import { join } from 'node:path';
import { expect, test } from 'vitest';
import { drawImages, temporaryFolder } from '../../../../test/images.ts';
import { smallRun } from '../../../../test/runs.ts';
import { folderStore } from './folder-store.ts';
import type { JobContext } from './job.ts';
import { metaTrainHandler } from './meta-train-job.ts';
import { trainHandler } from './train-job.ts';

const folder = temporaryFolder();

test('a training that is stopped before its first step ends without a result', async () => {
  const shapes = join(folder, 'shapes');
  await drawImages(shapes, { perClass: 8, side: 16 });
  const context = (id: string): JobContext<unknown> => ({
    id,
    folder: join(folder, id),
    store: folderStore(join(folder, 'objects')),
    signal: AbortSignal.abort(),
    report: () => {},
    saved: async () => {},
    data: async ({ path }) => path,
  });
  const data = { path: shapes, sha256: null };
  const config = { ...smallRun, imageSize: 16 };
  const train = trainHandler.task.parse({ data, config });
  expect(await trainHandler.run(train, context('train'))).toBeNull();
  const metaTrain = metaTrainHandler.task.parse({ data, config: { way: 2, shots: 1, queries: 2, metaSteps: 2 } });
  expect(await metaTrainHandler.run(metaTrain, context('meta-train'))).toBeNull();
});
