import { isAbsolute, relative } from 'node:path';
import { UserError } from '@graft-ml/core/internal/base/errors';
import { bytesPerElement, type Shape, sizeOf } from '@graft-ml/core/internal/base/tensor';
import type { ImageView } from '@graft-ml/core/internal/fit/examples';
import { readSafetensors } from '@graft-ml/core/internal/weights/safetensors';
import type { ImageFile } from '../data/decode.ts';
import type { Farm } from './farm.ts';
import { type FeaturesTask, featuresHandler, type ShardProblem, shardNames, shardProblemsSchema } from './features.ts';
import { shardOf } from './shard-images.ts';
import { contentHash, type SharedProgram } from './shared-program.ts';

/** Bytes between here and the store. */
export interface Traffic {
  readonly sent: number;
  readonly received: number;
}

/** Options of work that is divided into shards. */
export interface ShardOptions {
  /**
   * Images of a shard, which is a job; rounded up to whole batches. Default: 512, and fewer where their features would
   * be more than 16 MiB.
   */
  readonly shard?: number | undefined;
  /** Cancels the jobs, and ends with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** Hears, when something was sent or has come back, how many bytes. */
  readonly onTraffic?: ((traffic: Traffic) => void) | undefined;
}

/** The images of a shard: whole batches. @param shape of the features of one image */
export function shardSize({ shard }: ShardOptions, shape: Shape, batchSize: number): number {
  const fitting = Math.floor(2 ** 24 / (bytesPerElement.f32 * sizeOf(shape)));
  return Math.max(1, Math.ceil((shard ?? Math.min(512, fitting)) / batchSize)) * batchSize;
}

/** Features that are wanted of images, with all that they depend on. */
export interface Wanted {
  readonly program: SharedProgram;
  /** The folder or file that the images are in. */
  readonly base: string;
  readonly view: ImageView;
  readonly epoch: number;
  readonly decoder: string;
}

/** An image of a shard. */
export interface ShardImage {
  readonly file: ImageFile;
  /** SHA-256 of its content. */
  readonly content: string;
  /** Its position, by which its augmentation is drawn. */
  readonly index: number;
}

/** The features of a shard. */
export interface ShardFeatures {
  /** A row for each image; 0 where it cannot be used. */
  readonly rows: readonly Float32Array[];
  readonly problems: readonly ShardProblem[];
}

/** Whether an image lies where workers do not see it: they are sent what is below the base. */
export function isOutside(base: string, { path, within }: ImageFile): boolean {
  const inside = relative(base, within?.file ?? path);
  return inside.startsWith('..') || isAbsolute(inside);
}

/** The features of a shard, from the store or a worker. */
export async function computeShard(
  { store, reference, result }: Farm,
  { program, base, view, epoch, decoder }: Wanted,
  images: readonly ShardImage[],
  { signal, onTraffic }: ShardOptions,
): Promise<ShardFeatures> {
  const { preprocessing, augmentation = [], seed = 0 } = view;
  // An augmentation is drawn by the position, evaluation sees the content alone.
  const contents = images.map(({ content, index }) => (augmentation.length > 0 ? [content, index] : content));
  const dependence = [program, preprocessing, augmentation, seed, epoch, decoder, contents];
  const features = `features/${contentHash(JSON.stringify(dependence))}.safetensors`;
  const read = async (): Promise<ShardFeatures | null> => {
    const bytes = await store.get(features);
    if (!bytes) return null;
    const read = featuresIn(bytes, { program, count: images.length }, `${store.place}: ${features}`);
    onTraffic?.({ sent: 0, received: bytes.length });
    return read;
  };
  const found = await read();
  if (found) return found;
  const content = shardOf(base, images);
  const shard = `features/lists/${contentHash(content)}.json`;
  await store.put(shard, content);
  onTraffic?.({ sent: content.length, received: 0 });
  const data = await reference(base);
  const task: FeaturesTask = {
    ...{ program, data, shard, features, epoch, decoder },
    view: { preprocessing, augmentation, seed },
  };
  const name = `features-${contentHash(JSON.stringify(task)).slice(0, 32)}`;
  // A queue remembers jobs longer than a store that was cleared keeps what they made.
  for (const id of [name, `${name}-again`]) {
    await result({ id, kind: 'features', task }, featuresHandler.result, signal);
    const made = await read();
    if (made) return made;
  }
  throw new UserError(`${store.place}: ${features} is not there, though its job is done.`);
}

/** @throws UserError where a file from the store holds something else */
function featuresIn(
  bytes: Uint8Array,
  { program, count }: { readonly program: SharedProgram; readonly count: number },
  place: string,
): ShardFeatures {
  const { tensors, metadata } = readSafetensors(bytes);
  const [output] = Object.values(program.outputs);
  const shape = output!.shape.slice(1);
  const { data, shape: own } = tensors[shardNames.rows] ?? {};
  if (!(data instanceof Float32Array) || String(own) !== String([count, ...shape])) {
    throw new UserError(`${place} holds other features than were asked for.`);
  }
  const width = sizeOf(shape);
  const rows = Array.from({ length: count }, (_, i) => data.subarray(i * width, (i + 1) * width));
  return { rows, problems: shardProblemsSchema.parse(JSON.parse(metadata[shardNames.problems] ?? '[]')) };
}

/**
 * What a farm makes of items, in their order: while one is waited for, two for each worker are under way, so that none
 * waits for this process. Ends the others when nobody wants more.
 */
export async function* farmedOut<T, R>(
  farm: Farm,
  items: readonly T[],
  given: AbortSignal | undefined,
  compute: (item: T, signal: AbortSignal) => Promise<R>,
): AsyncGenerator<R, void, undefined> {
  const stop = new AbortController();
  const signal = given ? AbortSignal.any([given, stop.signal]) : stop.signal;
  const underWay: Promise<R>[] = [];
  try {
    for (let next = 0, taken = 0; taken < items.length; taken++) {
      const ahead = 2 * (await farm.concurrency());
      for (; next < Math.min(taken + ahead, items.length); next++) {
        const result = compute(items[next]!, signal);
        result.catch(() => {}); // told when its turn comes
        underWay.push(result);
      }
      yield await underWay.shift()!;
    }
  } finally {
    stop.abort(new Error('no more of this is wanted'));
  }
}
