import { relative, resolve, sep } from 'node:path';
import { UserError } from '@graft-ml/core/internal/base/errors';
import { longestOwnJson } from '@graft-ml/core/internal/base/own-json';
import { z } from 'zod';
import type { ImageFile } from '../data/decode.ts';
import { createImagePool, type ImagePool } from '../data/image-pool.ts';
import type { DataReference, JobContext } from './job.ts';
import type { ObjectStore } from './object-store.ts';

const withinSchema = z.object({
  /** By its path in the dataset. */
  file: z.string(),
  start: z.int().min(0),
  length: z.int().min(0),
  zip: z.object({ isDeflated: z.boolean(), size: z.int().min(0), crc32: z.int().min(0) }).optional(),
});

/** The images of a shard, in the store: too many for a queue. */
const shardSchema = z.object({
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

/** A shard as it is sent. @param base the folder or file that the images are in */
export function shardOf(
  base: string,
  images: readonly { readonly file: ImageFile; readonly index: number }[],
): Uint8Array {
  const inside = (path: string) => relative(base, path).split(sep).join('/');
  const shard: Shard = {
    images: images.map(({ file: { path, within }, index }) => ({
      path: inside(path),
      ...(within && { within: { ...within, file: inside(within.file) } }),
      index,
    })),
  };
  return new TextEncoder().encode(JSON.stringify(shard));
}

export async function readShard(store: ObjectStore, key: string): Promise<Shard['images']> {
  const bytes = await store.get(key, longestOwnJson);
  if (!bytes) throw new UserError(`${store.place}: ${key} is gone. Submit the work again.`);
  return shardSchema.parse(JSON.parse(new TextDecoder().decode(bytes))).images;
}

/** The files of a shard's images on this machine, brought here where they are not. @throws UserError */
export async function filesOf(
  images: Shard['images'],
  data: DataReference,
  context: Pick<JobContext<never>, 'data'>,
): Promise<ImageFile[]> {
  const wanted = [...new Set(images.map(({ path, within }) => within?.file ?? path))];
  const root = await context.data(data, wanted);
  const placed = (path: string) => {
    const place = resolve(root, path);
    const isOutside = relative(root, place).startsWith('..');
    if (isOutside && data.sha256 !== null) throw new UserError(`${path}: it is outside the dataset.`);
    return place;
  };
  return images.map(({ path, within }) => ({
    path: placed(path),
    ...(within && { within: { ...within, file: placed(within.file) } }),
  }));
}

let held: ImagePool | undefined;

/**
 * A thread that decodes the next images while this one computes; it stays for the jobs after this one.
 *
 * @param identity of what decoded the images for others
 * @throws UserError where this machine's decoder is another
 */
export function openPool(identity: string): ImagePool {
  held ??= createImagePool({ threads: 1 });
  if (held.identity === identity) return held;
  throw new UserError(`Other shards are decoded by ${identity}, this worker has ${held.identity}.`);
}
