import type { Profiler } from '@graft-ml/core/internal/fit/profile/profiler';
import type { ImageDecoder } from '@graft-ml/core/internal/image/decoder';
import { ImageError } from '@graft-ml/core/internal/image/problem';
import type { Seen } from '@graft-ml/core/internal/image/seen';
import type { ResolvedConfig } from '@graft-ml/core/internal/recipe/config/index';
import { assertValidation, notesOnSeen, type Proof, type RunImages } from '@graft-ml/core/internal/runs/prepared';
import { datasetOptionsOf } from '../data/configured.ts';
import { type Dataset, type DatasetImage, fingerprint, imagesOf, openDataset } from '../data/dataset.ts';
import { openImagePool } from '../data/decoder-pool.ts';
import type { ImagePool } from '../data/image-pool.ts';
import { readDecoded } from '../data/scan/decoded.ts';
import type { FolderCache } from '../files/cache-folder.ts';
import { FolderImages } from './folder-images.ts';

/** Options for opening the images of a run. */
export interface RunImagesOptions {
  /** The images that decide the split: those that the weights had seen; null where unknown. */
  readonly before: Seen | null;
  readonly decode: 'now' | 'later' | undefined;
  readonly decoder: ImageDecoder | undefined;
  readonly cache: FolderCache | null;
  readonly signal: AbortSignal | undefined;
  readonly cleanups: (() => Promise<void>)[];
  /** Is told which views threads made. */
  readonly profiler: Profiler | undefined;
  readonly onProgress: (done: number, total: number) => void;
}

/** The proof of a folder's images, with the pool that it watches. */
interface PoolProof extends Proof {
  /** The pool, with every view that it gives noted. */
  readonly pool: ImagePool;
  /** Notes that an image was decoded elsewhere. */
  decoded(image: DatasetImage): void;
}

/** Images in one message to the pool. */
const atOnce = 32;
/** The largest image, in pixels, that a view decodes whole; of a larger one it may have decoded some rows only. */
const mostPixels = 20e6;

/** Opens the dataset of a run. @throws UserError where it is none, or no image is left to validate on */
export async function openRunImages(
  path: string,
  config: ResolvedConfig,
  { before, decode = 'now', decoder, cache, signal, cleanups, profiler, onProgress }: RunImagesOptions,
): Promise<RunImages<Dataset>> {
  const pool = openImagePool(decoder, { onView: profiler && ((span) => profiler.viewed(span)) });
  cleanups.push(() => pool.close());
  const shape = datasetOptionsOf(config);
  const opened = openDataset(path, { ...shape, seen: before, decode, pool, cache, onProgress });
  const folder = await unlessAborted(opened, signal);
  assertValidation(path, folder, before, config.weights);
  const proof = proofOf(folder, pool, cache);
  const origin = { dataset: folder, options: shape };
  return {
    folder,
    fingerprint: fingerprint(folder),
    data: {
      train: new FolderImages(origin, 'train', proof.pool, proof.decoded),
      validation: new FolderImages(origin, 'validation', proof.pool, proof.decoded),
    },
    proof,
    notes: [...folder.notes, ...notesOnSeen(folder, before, config.weights)],
  };
}

function proofOf(dataset: Dataset, pool: ImagePool, cache: FolderCache | null): PoolProof {
  const unproven = imagesOf(dataset).filter(({ isUnproven }) => isUnproven);
  const pending = new Map(unproven.map((image) => [image.path, image]));
  let hasBegun = false;

  function decoded(path: string): void {
    const image = pending.get(path);
    if (image && image.width * image.height <= mostPixels) pending.delete(path);
  }

  async function complete(): Promise<void> {
    const left = [...pending.values()];
    for (let start = 0; start < left.length; start += atOnce) {
      const chunk = left.slice(start, start + atOnce);
      for (const [i, result] of (await pool.survey(chunk, { decode: 'now' })).entries()) {
        if ('kind' in result) throw new ImageError(result);
        pending.delete(chunk[i]!.path);
      }
    }
  }

  return {
    get hasBegun() {
      return hasBegun;
    },
    pool: {
      ...pool,
      async view(shown, request, size) {
        const pixels = await pool.view(shown, request, size);
        const path = typeof shown === 'string' ? shown : shown.path;
        decoded(path);
        return pixels;
      },
    },
    decoded: ({ path }) => decoded(path),
    async *within(events) {
      for await (const event of events) {
        if (event.kind === 'evaluation') await complete();
        yield event;
        hasBegun ||= event.kind === 'stage';
      }
    },
    async remember() {
      const proven = unproven.filter(({ path }) => !pending.has(path));
      if (proven.length > 0) await (await readDecoded(cache, pool)).add(proven.map(({ sha256 }) => sha256));
    },
    async isDamage(error) {
      const image = error instanceof ImageError ? pending.get(error.problem.path) : undefined;
      if (!image) return false;
      const [now] = await pool.survey([image], { decode: 'later' });
      return now !== undefined && 'sha256' in now && now.sha256 === image.sha256;
    },
  };
}

/** `work`, or the signal's reason as soon as it is aborted; what the work still does then is nobody's concern. */
export async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return work;
  let onAbort = () => {};
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => reject(signal.reason);
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort);
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}
