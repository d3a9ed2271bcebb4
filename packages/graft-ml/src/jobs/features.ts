import { UserError } from '@graft-ml/core/internal/base/errors';
import { sizeOf, tensor } from '@graft-ml/core/internal/base/tensor';
import { viewIn } from '@graft-ml/core/internal/fit/image-batches';
import { augmentationOf } from '@graft-ml/core/internal/image/augment/levels';
import { ImageError } from '@graft-ml/core/internal/image/problem';
import { augmentation } from '@graft-ml/core/internal/recipe/config/augmentation';
import { preprocessingSchema } from '@graft-ml/core/internal/weights/checkpoint';
import { writeSafetensors } from '@graft-ml/core/internal/weights/safetensors';
import { z } from 'zod';
import type { ImageFile } from '../data/decode.ts';
import type { ImagePool } from '../data/image-pool.ts';
import type { JobHandler } from './job.ts';
import { filesOf, openPool, readShard, referenceSchema, type Shard } from './shard-images.ts';
import { openSharedProgram, sharedProgramSchema } from './shared-program.ts';

const taskSchema = z.object({
  /** From images u8 (batchSize, 3, crop, crop), its one input, to features f32 (batchSize, …), its one output. */
  program: sharedProgramSchema,
  data: referenceSchema,
  /** The key of the shard's images. */
  shard: z.string(),
  /** The key of its features: a hash of all that they depend on. */
  features: z.string(),
  view: z.object({ preprocessing: preprocessingSchema, augmentation, seed: z.int() }),
  /** The epoch whose views these are. */
  epoch: z.int().min(0),
  /** What decoded the images of other shards. */
  decoder: z.string(),
});
export type FeaturesTask = z.output<typeof taskSchema>;

/** Images of a shard that cannot be used, by their places in it. Their rows are 0. */
export const shardProblemsSchema = z.array(
  z.object({
    image: z.int().min(0),
    kind: z.enum(['unreadable', 'empty-file', 'not-an-image', 'truncated', 'too-small', 'too-large']),
    message: z.string(),
  }),
);
export type ShardProblem = z.output<typeof shardProblemsSchema>[number];

/** The name of a shard's rows (n, …) in its file, and that of its problems in the metadata. */
export const shardNames = { rows: 'features', problems: 'problems' } as const;

const resultSchema = z.object({});
/** Milliseconds between two reports of a shard: the queue keeps them all. */
const pause = 2000;
const reportSchema = z.object({ done: z.int(), total: z.int() });

/** Makes the features of a shard of images, a safetensors file in the store. One that is there stays. */
export const featuresHandler: JobHandler<FeaturesTask, z.output<typeof reportSchema>, z.output<typeof resultSchema>> = {
  task: taskSchema,
  report: reportSchema,
  result: resultSchema,
  async run(task, context) {
    const { store, signal } = context;
    if (await store.has(task.features)) return {};
    const images = await readShard(store, task.shard);
    const pool = openPool(task.decoder);
    const files = await filesOf(images, task.data, context);
    const program = await openSharedProgram(store, task.program);
    const [[inputName, input], [outputName, output]] = [only(program.inputs), only(program.outputs)];
    const [batchSize, ...imageShape] = input.shape as [number, ...number[]];
    const shape = output.shape.slice(1);
    const [pixels, width] = [sizeOf(imageShape), sizeOf(shape)];
    const rows = new Float32Array(images.length * width);
    const problems: ShardProblem[] = [];
    const viewsFrom = viewsOf(task, images, files, pool);
    let ahead = viewsFrom(0, batchSize);
    let told = performance.now();
    for (let start = 0; start < images.length; start += batchSize) {
      const views = await ahead;
      ahead = viewsFrom(start + batchSize, batchSize);
      ahead.catch(() => {}); // a failure is said when its turn comes, and by nobody after an early return
      if (signal.aborted) return null;
      const batch = tensor('u8', input.shape, new Uint8Array(batchSize * pixels));
      views.forEach((view, i) => {
        if (view instanceof ImageError) problems.push({ image: start + i, ...reasonOf(view) });
        else batch.data.set(view, i * pixels);
      });
      const { data } = (await program.run({ [inputName]: batch }))[outputName]!;
      if (!(data instanceof Float32Array)) throw new Error('features: the program gives no f32');
      views.forEach((view, i) => {
        if (!(view instanceof ImageError)) rows.set(data.subarray(i * width, (i + 1) * width), (start + i) * width);
      });
      if (performance.now() - told > pause) {
        told = performance.now();
        context.report({ done: start + views.length, total: images.length });
      }
    }
    const tensors = { [shardNames.rows]: tensor('f32', [images.length, ...shape], rows) };
    await store.put(task.features, writeSafetensors(tensors, { [shardNames.problems]: JSON.stringify(problems) }));
    return {};
  },
};

function only<T>(entries: ReadonlyMap<string, T>): [string, T] {
  const [first] = entries;
  if (!first || entries.size > 1) throw new UserError(`features: the program has ${entries.size} inputs or outputs.`);
  return first;
}

function reasonOf({ problem: { kind, message } }: ImageError): Omit<ShardProblem, 'image'> {
  return { kind, message };
}

/** The views of some of a shard's images: those that the whole part of the dataset would give. */
function viewsOf({ view, epoch }: FeaturesTask, images: Shard['images'], files: readonly ImageFile[], pool: ImagePool) {
  const all = viewIn(epoch, { ...view, augmentation: augmentationOf(view.augmentation) });
  const { crop } = view.preprocessing;
  return (start: number, count: number): Promise<(Uint8Array | ImageError)[]> =>
    Promise.all(
      images.slice(start, start + count).map(({ index }, i) => {
        const request = all.kind === 'training' ? { ...all, index } : all;
        return pool.view(files[start + i]!, request, crop).catch((error: unknown) => {
          if (error instanceof ImageError) return error;
          throw error;
        });
      }),
    );
}
