import { UserError } from '@graft-ml/core/internal/base/errors';
import type { TrainEvent } from '@graft-ml/core/internal/fit/events';
import type { ImageDecoder } from '@graft-ml/core/internal/image/decoder';
import { ImageError } from '@graft-ml/core/internal/image/problem';
import { contentKey, type Seen } from '@graft-ml/core/internal/image/seen';
import type { ResolvedConfig } from '@graft-ml/core/internal/recipe/config/index';
import { datasetOptionsOf } from '../data/configured.ts';
import { type Dataset, imagesOf, openDataset } from '../data/dataset.ts';
import { openImagePool } from '../data/decoder-pool.ts';
import type { ImagePool } from '../data/image-pool.ts';
import { readDecoded } from '../data/scan/decoded.ts';
import type { FolderCache } from '../files/cache-folder.ts';

/** The images of a run: a dataset with some to validate on, by a split that knows what the weights have seen. */
export interface RunImages {
  readonly folder: Dataset;
  readonly proof: Proof;
  /** Notes on reading the dataset and on what the weights have seen of it, a sentence each. */
  readonly notes: readonly string[];
}

/** Options for opening the images of a run. */
export interface RunImagesOptions {
  /** The images that decide the split: those that the weights had seen; null where unknown. */
  readonly before: Seen | null;
  readonly decode: 'now' | 'later' | undefined;
  readonly decoder: ImageDecoder | undefined;
  readonly cache: FolderCache | null;
  readonly signal: AbortSignal | undefined;
  readonly cleanups: (() => Promise<void>)[];
  readonly onProgress: (done: number, total: number) => void;
}

/** Keeps account of which images of a dataset were decoded, of those that were taken on the word of their headers. */
export interface Proof {
  /** The pool, with every view that it gives noted. */
  readonly pool: ImagePool;
  /**
   * Passes on what happens in training. By the end of its first epoch every image was decoded, so that none turns out
   * to be damaged later.
   * @throws ImageError where one is
   */
  within(events: AsyncIterable<TrainEvent>): AsyncGenerator<TrainEvent, void, undefined>;
  /** Whether training went beyond the moment when its folder is made. */
  readonly hasBegun: boolean;
  /** Decodes those that nobody looked at. @throws ImageError where one is damaged */
  complete(): Promise<void>;
  /** Keeps for later runs what was decoded. */
  remember(): Promise<void>;
  /**
   * Whether an error says that an image is damaged which was taken for sound. Not so where its file has changed since:
   * that is another matter.
   */
  isDamage(error: unknown): Promise<boolean>;
}

/** Images in one message to the pool. */
const atOnce = 32;
/** The largest image, in pixels, that a view decodes whole; of a larger one it may have decoded some rows only. */
const mostPixels = 20e6;

/** Opens the dataset of a run. @throws UserError where it is none, or no image is left to validate on */
export async function openRunImages(
  path: string,
  config: ResolvedConfig,
  { before, decode = 'now', decoder, cache, signal, cleanups, onProgress }: RunImagesOptions,
): Promise<RunImages> {
  const pool = openImagePool(decoder);
  cleanups.push(() => pool.close());
  const opened = openDataset(path, { ...datasetOptionsOf(config), seen: before, decode, pool, cache, onProgress });
  const folder = await unlessAborted(opened, signal);
  if (folder.validation.length === 0) throw nothingToValidate(path, folder, before, config.weights);
  const notes = [...folder.notes, ...notesOnSeen(folder, before, config.weights)];
  return { folder, proof: proofOf(folder, pool, cache), notes };
}

/** Notes on the images that the weights have seen, a sentence each. */
function notesOnSeen(folder: Dataset, before: Seen | null, weights: string | null): string[] {
  if (!before) return [];
  const { train, validation, keptOut } = folder;
  const known = train.filter((image) => before.fitted.has(contentKey(image))).length;
  const chosen = validation.filter((image) => before.chosen.has(contentKey(image))).length;
  const start = weights ?? 'The run that this one is compared with';
  return [
    ...(before.isComplete
      ? []
      : [
          `${start} does not say which images it was trained on, as version 0.1 kept no record: some of them may ` +
            'be among those that validate.',
        ]),
    ...(known + keptOut.length > 0
      ? [
          `The weights know ${known + keptOut.length} of these images (from ${before.history.join(', ')}): none ` +
            'of them validates or tests.',
        ]
      : []),
    ...(keptOut.length > 0
      ? [`${keptOut.length} of these stand in the validation or test part, and are left out.`]
      : []),
    ...(chosen > 0
      ? [
          `The weights were chosen by ${chosen} of the ${validation.length} validation images: a test part would ` +
            'be stricter.',
        ]
      : []),
  ];
}

/** Why no image is left to validate on, and what can be done about it. */
function nothingToValidate(path: string, folder: Dataset, before: Seen | null, weights: string | null): UserError {
  const known = before && folder.train.some((image) => before.fitted.has(contentKey(image)));
  if (!known && folder.keptOut.length === 0) {
    const hasTwo = new Set(folder.train.map(({ label }) => label)).size < folder.train.length;
    const advice = hasTwo
      ? 'Give `validationFraction` a share, or add a folder val/.'
      : `its ${folder.classes.length} classes have one each, which is to train on. Add images (ten or more of each ` +
        'class make a useful classifier); or adapt a start that was made for a few images of each class: ' +
        '`adaptMeta(start, folder)`.';
    return new UserError(`${path}: no image is left to validate on${hasTwo ? '.' : ':'} ${advice}`);
  }
  return new UserError(
    `${path}: no image is left to validate on: ${weights} was trained on them (${before!.history.join(', ')}), ` +
      'and would be praised for what it knows by heart. Add images that it has not seen, or start from other weights.',
  );
}

function proofOf(dataset: Dataset, pool: ImagePool, cache: FolderCache | null): Proof {
  const unproven = imagesOf(dataset).filter(({ isUnproven }) => isUnproven);
  const pending = new Map(unproven.map((image) => [image.path, image]));
  let hasBegun = false;

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
    complete,
    get hasBegun() {
      return hasBegun;
    },
    pool: {
      ...pool,
      async view(shown, request, size) {
        const pixels = await pool.view(shown, request, size);
        const path = typeof shown === 'string' ? shown : shown.path;
        const image = pending.get(path);
        if (image && image.width * image.height <= mostPixels) pending.delete(path);
        return pixels;
      },
    },
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
