import { relative, sep } from 'node:path';
import { UserError } from '@graft-ml/core/internal/base/errors';
import { sizeOf, type Tensor } from '@graft-ml/core/internal/base/tensor';
import type { ExtractElsewhere, Extraction } from '@graft-ml/core/internal/fit/extraction';
import { assembled, type Batch, type BatchRequest, labelTensor, type Row } from '@graft-ml/core/internal/fit/source';
import { ImageError } from '@graft-ml/core/internal/image/problem';
import { readSafetensors } from '@graft-ml/core/internal/weights/safetensors';
import type { DatasetImage } from '../data/dataset.ts';
import { FolderImages } from '../transfer/folder-images.ts';
import type { Farm } from './farm.ts';
import { type FeaturesTask, featuresHandler, featuresName, type Shard } from './features.ts';
import { contentHash, type SharedProgram, shareProgram } from './shared-program.ts';

/** Bytes between here and the store. */
export interface Traffic {
  readonly sent: number;
  readonly received: number;
}

/** Options of `extractElsewhere`. */
export interface ExtractOptions {
  /** Images of a shard, which is a job; rounded up to whole batches. Default 512. */
  readonly shard?: number | undefined;
  /** Cancels the jobs, and ends with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** Hears of each shard whose features are here, how many bytes that took. */
  readonly onShard?: ((traffic: Traffic) => void) | undefined;
  /** Hears, in a sentence, why images are not sent to the farm. */
  readonly onNote?: ((note: string) => void) | undefined;
}

/**
 * Computes the features of frozen layers on a farm, shard by shard in the order of the dataset. What comes back fills
 * memory and cache as if it had been computed here, and is the same to the last bit: the workers run this machine's
 * graph on batches of the same images. A shard whose features are in the store is not computed again.
 *
 * @example for await (const event of trainFolder('photos', config, { out: 'runs/x', extract: extractElsewhere(farm) })) …
 */
export function extractElsewhere(farm: Farm, options: ExtractOptions = {}): ExtractElsewhere {
  return async (extraction) => {
    const { images } = extraction;
    if (!(images instanceof FolderImages)) return null;
    const places = placesOf(images);
    if (farm.ship && places.some(({ path, within }) => isOutside(within?.file ?? path))) {
      options.onNote?.(
        'The images lie in an unpacked archive, which workers do not see: their features are made here.',
      );
      return null;
    }
    let program: Promise<SharedProgram> | undefined;
    const share = async () => {
      const shared = await shareProgram(farm.store, await extraction.encode(), {
        threads: extraction.threads,
        isOptimized: true,
      });
      options.onShard?.({ sent: shared.sent, received: 0 });
      return shared.program;
    };
    return {
      size: images.size,
      async *batches(request) {
        program ??= share();
        yield* fromShards(farm, { ...extraction, images, places, program: await program }, request, options);
      },
    };
  };
}

/** The image files of a part, by their paths in the dataset. */
function placesOf({ origin: { dataset }, images }: FolderImages): Shard['images'] {
  const inside = (path: string) => relative(dataset.base, path).split(sep).join('/');
  return images.map(({ path, within }: DatasetImage, index) => ({
    path: inside(path),
    ...(within && { within: { ...within, file: inside(within.file) } }),
    index,
  }));
}

const isOutside = (path: string) => path.startsWith('../');

interface Divided extends Extraction {
  readonly images: FolderImages;
  readonly places: Shard['images'];
  readonly program: SharedProgram;
}

/** Batches of rows in the order of the request, while later shards are under way. */
async function* fromShards(
  farm: Farm,
  divided: Divided,
  { batchSize, order, epoch }: BatchRequest,
  options: ExtractOptions,
): AsyncGenerator<Batch, void, undefined> {
  const { images, shape } = divided;
  const stop = new AbortController();
  const signal = options.signal ? AbortSignal.any([options.signal, stop.signal]) : stop.signal;
  const shards = shardsOf(order, divided, options.shard ?? 512);
  const underWay: Promise<Row[]>[] = [];
  let rows: Row[] = [];
  try {
    for (let next = 0, taken = 0; taken < shards.length; taken++) {
      // One more for each that works, so that none waits for this process.
      const ahead = 2 * (await farm.concurrency());
      for (; next < Math.min(taken + ahead, shards.length); next++) {
        const shard = computed(farm, divided, { indices: shards[next]!, epoch, signal }, options);
        shard.catch(() => {}); // told when its turn comes
        underWay.push(shard);
      }
      rows.push(...(await underWay.shift()!));
      const whole = taken + 1 < shards.length ? rows.length - (rows.length % batchSize) : rows.length;
      for (let i = 0; i < whole; i += batchSize) {
        yield assembled(rows.slice(i, i + batchSize), batchSize, { input: { dtype: 'f32', shape } });
      }
      rows = rows.slice(whole);
    }
  } finally {
    stop.abort(new Error(`${images.origin.dataset.root}: no more features are wanted`));
  }
}

/**
 * The images of each shard: always the same stretches of the dataset, so that what was computed for an earlier process
 * is found, and whole batches, so that they are those of one machine.
 */
function shardsOf(order: readonly number[], { batchSize }: Divided, images: number): number[][] {
  const size = Math.max(1, Math.ceil(images / batchSize)) * batchSize;
  const shards: number[][] = [];
  let stretch = -1;
  for (const index of order) {
    const own = Math.floor(index / size);
    if (own !== stretch) shards.push([]);
    stretch = own;
    shards.at(-1)!.push(index);
  }
  return shards;
}

/** The features of a shard, from the store or a worker. */
async function computed(
  { store, reference, result }: Farm,
  { images, places, program, view, batchSize, shape }: Divided,
  {
    indices,
    epoch,
    signal,
  }: { readonly indices: readonly number[]; readonly epoch: number; readonly signal: AbortSignal },
  { onShard }: ExtractOptions,
): Promise<Row[]> {
  const { preprocessing, augmentation = [], seed = 0 } = view;
  const { decoder } = images;
  // An augmentation is drawn by the position, evaluation sees the content alone.
  const contents = indices.map((index) => (augmentation.length > 0 ? [images.keys[index], index] : images.keys[index]));
  const dependence = [program, preprocessing, augmentation, seed, epoch, batchSize, decoder, contents];
  const features = `features/${contentHash(JSON.stringify(dependence))}.safetensors`;
  const read = async (): Promise<Row[] | null> => {
    const bytes = await store.get(features);
    if (!bytes) return null;
    const rows = rowsOf(readSafetensors(bytes).tensors[featuresName], { indices, shape, images }, features);
    onShard?.({ sent: 0, received: bytes.length });
    return rows;
  };
  const found = await read();
  if (found) return found;
  const list: Shard = { images: indices.map((index) => places[index]!) };
  const content = new TextEncoder().encode(JSON.stringify(list));
  const shard = `features/lists/${contentHash(content)}.json`;
  await store.put(shard, content);
  onShard?.({ sent: content.length, received: 0 });
  const task: FeaturesTask = {
    program,
    data: await reference(images.origin.dataset.base),
    shard,
    features,
    view: { preprocessing, augmentation, seed },
    epoch,
    batchSize,
    decoder,
  };
  const name = `features-${contentHash(JSON.stringify(task)).slice(0, 32)}`;
  // A queue remembers jobs longer than a store that was cleared keeps what they made.
  for (const id of [name, `${name}-again`]) {
    const { problem } = await result({ id, kind: 'features', task }, featuresHandler.result, signal);
    if (problem) {
      const { image, kind, message } = problem;
      throw new ImageError({ path: images.images[indices[image]!]!.path, kind, message });
    }
    const made = await read();
    if (!made) continue;
    for (const index of indices) images.decodedElsewhere(index);
    return made;
  }
  throw new UserError(`${store.place}: ${features} is not there, though its job is done.`);
}

function rowsOf(
  features: Tensor | undefined,
  { indices, shape, images }: Pick<Divided, 'images' | 'shape'> & { readonly indices: readonly number[] },
  key: string,
): Row[] {
  const { data } = features ?? {};
  if (!(data instanceof Float32Array) || String(features?.shape) !== String([indices.length, ...shape])) {
    throw new UserError(`${key} holds other features than were asked for.`);
  }
  const width = sizeOf(shape);
  return indices.map((index, i) => ({
    input: data.subarray(i * width, (i + 1) * width),
    target: labelTensor([images.labels[index]!]).data,
  }));
}
