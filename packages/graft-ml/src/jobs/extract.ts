import type { ExtractElsewhere, Extraction } from '@graft-ml/core/internal/fit/extraction';
import { assembled, type Batch, type BatchRequest, labelTensor, type Row } from '@graft-ml/core/internal/fit/source';
import { ImageError } from '@graft-ml/core/internal/image/problem';
import { FolderImages } from '../transfer/folder-images.ts';
import type { Farm } from './farm.ts';
import { computeShard, farmedOut, isOutside, type ShardOptions, shardSize } from './shards.ts';
import { type SharedProgram, shareProgram } from './shared-program.ts';

/** Options of `extractElsewhere`. */
export interface ExtractOptions extends ShardOptions {
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
    const { images, encode, threads } = extraction;
    if (!(images instanceof FolderImages)) return null;
    const { base } = images.origin.dataset;
    if (farm.ship && images.images.some((image) => isOutside(base, image))) {
      options.onNote?.(
        'The images lie in an unpacked archive, which workers do not see: their features are made here.',
      );
      return null;
    }
    let program: Promise<SharedProgram> | undefined;
    const share = async () => {
      const { program: shared, sent } = await shareProgram(farm.store, await encode(), { threads, isOptimized: true });
      options.onTraffic?.({ sent, received: 0 });
      return shared;
    };
    return {
      size: images.size,
      async *batches(request) {
        program ??= share();
        yield* fromShards(farm, { ...extraction, images, program: await program }, request, options);
      },
    };
  };
}

interface Divided extends Extraction {
  readonly images: FolderImages;
  readonly program: SharedProgram;
}

/** Batches of rows in the order of the request, while later shards are under way. */
async function* fromShards(
  farm: Farm,
  { images, shape, program, view, batchSize: atOnce }: Divided,
  { batchSize, order, epoch }: BatchRequest,
  options: ExtractOptions,
): AsyncGenerator<Batch, void, undefined> {
  const { base } = images.origin.dataset;
  const wanted = { program, base, view, epoch, decoder: images.decoder };
  const shards = shardsOf(order, shardSize(options, shape, atOnce));
  const features = farmedOut(farm, shards, options.signal, (indices, signal) => {
    const own = indices.map((index) => ({ file: images.images[index]!, content: images.keys[index]!, index }));
    return computeShard(farm, wanted, own, { ...options, signal });
  });
  let rows: Row[] = [];
  let taken = 0;
  for await (const { rows: made, problems } of features) {
    const indices = shards[taken++]!;
    const [first] = problems;
    if (first) {
      const { image, kind, message } = first;
      throw new ImageError({ path: images.images[indices[image]!]!.path, kind, message });
    }
    for (const [i, index] of indices.entries()) {
      images.decodedElsewhere(index);
      rows.push({ input: made[i]!, target: labelTensor([images.labels[index]!]).data });
    }
    const whole = taken < shards.length ? rows.length - (rows.length % batchSize) : rows.length;
    for (let i = 0; i < whole; i += batchSize) {
      yield assembled(rows.slice(i, i + batchSize), batchSize, { input: { dtype: 'f32', shape } });
    }
    rows = rows.slice(whole);
  }
}

/**
 * The positions of each shard: always the same stretches of the dataset, so that what was computed for an earlier
 * process is found, and whole batches, so that they are those of one machine.
 */
function shardsOf(order: readonly number[], size: number): number[][] {
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
