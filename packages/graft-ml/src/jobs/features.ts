import { relative, resolve } from 'node:path';
import { UserError } from '@graft-ml/core/internal/base/errors';
import { longestOwnJson } from '@graft-ml/core/internal/base/own-json';
import { sizeOf, tensor } from '@graft-ml/core/internal/base/tensor';
import type { ImageView } from '@graft-ml/core/internal/fit/examples';
import { imageSource } from '@graft-ml/core/internal/fit/image-batches';
import { inOrder } from '@graft-ml/core/internal/fit/source';
import { feedNames } from '@graft-ml/core/internal/fit/step';
import { augmentationOf } from '@graft-ml/core/internal/image/augment/levels';
import { ImageError } from '@graft-ml/core/internal/image/problem';
import { augmentation } from '@graft-ml/core/internal/recipe/config/augmentation';
import { preprocessingSchema } from '@graft-ml/core/internal/weights/checkpoint';
import { writeSafetensors } from '@graft-ml/core/internal/weights/safetensors';
import { z } from 'zod';
import type { ImageFile } from '../data/decode.ts';
import { createImagePool, type ImagePool } from '../data/image-pool.ts';
import type { JobHandler } from './job.ts';
import type { ObjectStore } from './object-store.ts';
import { openSharedProgram, sharedProgramSchema } from './shared-program.ts';

/** The name of the frozen layers' output, and of the tensor (n, …shape) in a shard's file. */
export const featuresName = 'features';

const withinSchema = z.object({
  /** By its path in the dataset. */
  file: z.string(),
  start: z.int().min(0),
  length: z.int().min(0),
  zip: z.object({ isDeflated: z.boolean(), size: z.int().min(0), crc32: z.int().min(0) }).optional(),
});

/** The images of a shard, in the store: too many for a queue. */
export const shardSchema = z.object({
  images: z
    .array(
      z.object({
        /** Its path in the dataset, with '/' between the parts. */
        path: z.string(),
        within: withinSchema.optional(),
        /** Its position in its part of the dataset, by which its augmentation is drawn. */
        index: z.int().min(0),
      }),
    )
    .min(1),
});
export type Shard = z.output<typeof shardSchema>;

export const referenceSchema = z.object({ path: z.string(), sha256: z.string().nullable() });

const taskSchema = z.object({
  program: sharedProgramSchema,
  data: referenceSchema,
  /** The key of the shard's images. */
  shard: z.string(),
  /** The key of its features: a hash of all that they depend on. */
  features: z.string(),
  view: z.object({ preprocessing: preprocessingSchema, augmentation, seed: z.int() }),
  /** The epoch whose views these are. */
  epoch: z.int().min(0),
  /** Images that go through the program together. */
  batchSize: z.int().min(1),
  /** What decoded the images of other shards. */
  decoder: z.string(),
});
export type FeaturesTask = z.output<typeof taskSchema>;

const resultSchema = z.object({
  /** The image that cannot be used, by its place in the shard, and why; then there are no features. */
  problem: z
    .object({
      image: z.int().min(0),
      kind: z.enum(['unreadable', 'empty-file', 'not-an-image', 'truncated', 'too-small', 'too-large']),
      message: z.string(),
    })
    .nullable(),
});
export type FeaturesResult = z.output<typeof resultSchema>;

const reportSchema = z.object({ done: z.int(), total: z.int() });

/** Makes the features of a shard of images, `features` (n, …) f32 in a safetensors file. One that is there stays. */
export const featuresHandler: JobHandler<FeaturesTask, z.output<typeof reportSchema>, FeaturesResult> = {
  task: taskSchema,
  report: reportSchema,
  result: resultSchema,
  async run(task, context) {
    const { store, signal } = context;
    if (await store.has(task.features)) return { problem: null };
    const { images } = await readShard(store, task.shard);
    const pool = openPool();
    if (pool.identity !== task.decoder) {
      throw new UserError(`Other shards are decoded by ${task.decoder}, this worker has ${pool.identity}.`);
    }
    const files = [...new Set(images.map(({ path, within }) => within?.file ?? path))];
    const root = await context.data(task.data, files);
    const program = await openSharedProgram(store, task.program);
    const source = viewsOf(task, images, root, pool);
    const shape = program.outputs.get(featuresName)!.shape.slice(1);
    const width = sizeOf(shape);
    const rows = new Float32Array(images.length * width);
    const { batchSize, epoch } = task;
    let done = 0;
    try {
      const request = { batchSize, order: inOrder(images.length), lastBatch: 'pad', epoch } as const;
      for await (const { inputs } of source.batches(request)) {
        if (signal.aborted) return null;
        const { data } = (await program.run({ [feedNames.input]: inputs }))[featuresName]!;
        const count = Math.min(batchSize, images.length - done);
        if (!(data instanceof Float32Array)) throw new Error('features: the program gives no f32');
        rows.set(data.subarray(0, count * width), done * width);
        done += count;
        context.report({ done, total: images.length });
      }
    } catch (error) {
      if (!(error instanceof ShardError)) throw error;
      return { problem: { image: error.image, kind: error.cause.problem.kind, message: error.cause.problem.message } };
    }
    await store.put(task.features, writeSafetensors({ features: tensor('f32', [images.length, ...shape], rows) }));
    return { problem: null };
  },
};

/** An image of the shard cannot be used. */
class ShardError extends Error {
  readonly image: number;
  override readonly cause: ImageError;

  constructor(image: number, cause: ImageError) {
    super(cause.message);
    this.image = image;
    this.cause = cause;
  }
}

async function readShard(store: ObjectStore, key: string): Promise<Shard> {
  const bytes = await store.get(key, longestOwnJson);
  if (!bytes) throw new UserError(`${store.place}: ${key} is gone. Submit the work again.`);
  return shardSchema.parse(JSON.parse(new TextDecoder().decode(bytes)));
}

/** The views of a shard's images: those that the whole part of the dataset would give. */
function viewsOf({ view, data }: FeaturesTask, images: Shard['images'], root: string, pool: ImagePool) {
  const how: ImageView = { ...view, augmentation: augmentationOf(view.augmentation) };
  const placed = (path: string) => {
    const place = resolve(root, path);
    const isOutside = relative(root, place).startsWith('..');
    if (isOutside && data.sha256 !== null) throw new UserError(`${path}: it is outside the dataset.`);
    return place;
  };
  const files = images.map(
    ({ path, within }): ImageFile => ({
      path: placed(path),
      ...(within && { within: { ...within, file: placed(within.file) } }),
    }),
  );
  const viewed = {
    labels: images.map(() => 0),
    view: (place: number, request: Parameters<ImagePool['view']>[1], size: number) => {
      const own = request.kind === 'training' ? { ...request, index: images[place]!.index } : request;
      return pool.view(files[place]!, own, size).catch((error: unknown) => {
        throw error instanceof ImageError ? new ShardError(place, error) : error;
      });
    },
  };
  return imageSource(viewed, how);
}

let held: ImagePool | undefined;

/** A thread that decodes the next images while this one computes; it stays for the jobs after this one. */
function openPool(): ImagePool {
  held ??= createImagePool({ threads: 1 });
  return held;
}
