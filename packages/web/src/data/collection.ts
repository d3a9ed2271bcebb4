import { OptionError, UserError } from '@graft-ml/core/internal/base/errors';
import { plural } from '@graft-ml/core/internal/base/plural';
import { sha256Of, sha256OfText } from '@graft-ml/core/internal/base/sha256';
import type { ImageView } from '@graft-ml/core/internal/fit/examples';
import { imageSource } from '@graft-ml/core/internal/fit/image-batches';
import type { Source } from '@graft-ml/core/internal/fit/source';
import { fingerprintLine, type ImageDataset, type ImageRecord, imagesOf } from '@graft-ml/core/internal/image/dataset';
import type { ImageDecoder } from '@graft-ml/core/internal/image/decoder';
import { assertFileSize } from '@graft-ml/core/internal/image/file/bounds';
import { ImageError, type Problem } from '@graft-ml/core/internal/image/problem';
import { rankBySeed } from '@graft-ml/core/internal/image/split';
import { type SplitOptions, splitImages } from '@graft-ml/core/internal/image/split-images';
import type { ImageReading } from '@graft-ml/core/internal/image/transform';
import { rowsOf, viewOf } from '@graft-ml/core/internal/image/view';
import type { NotedDataset, NotedImages } from '@graft-ml/core/internal/runs/noted-images';
import { canvasDecoder } from '../image/canvas-decoder.ts';

/** An image file of a page: what was dropped or chosen, or content under a name. */
export type CollectedImage = File | { readonly name: string; readonly content: Blob };

/**
 * Labelled images by the name of their class, as `root/<class>/<name>` has them on a disk: the same names and contents
 * give the same split, whoever divides them.
 */
export type ImageCollection = Readonly<Record<string, readonly CollectedImage[]>>;

export interface CollectionOptions extends SplitOptions {
  /** Use at most so many images of a class. */
  readonly maxPerClass?: number | undefined;
  /** Any problem is an error. Default false. */
  readonly strict?: boolean | undefined;
  /** Decodes the images. Default: the browser, by `canvasDecoder`. */
  readonly decoder?: ImageDecoder | undefined;
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
  /** Ends it, with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

/** An image of a collection that can be used. */
export interface CollectionImage extends ImageRecord {
  readonly content: Blob;
}

/** A collection, checked and divided. */
export interface OpenCollection {
  readonly classes: readonly string[];
  readonly train: CollectionImages;
  readonly validation: CollectionImages;
  readonly test: CollectionImages;
  /** The files that were left out, and why, by path. */
  readonly problems: readonly Problem[];
  readonly dataset: ImageDataset<CollectionImage>;
  /** The identity of its content, whatever the split: that of the same images in a folder. */
  readonly fingerprint: string;
}

/** The images of one part of a collection with their labels, for `fit` and `model.evaluate`. */
export class CollectionImages implements NotedImages {
  readonly images: readonly CollectionImage[];
  readonly labels: readonly number[];
  /** SHA-256 of each file. */
  readonly keys: readonly string[];
  /** The dataset that they are a part of. */
  readonly origin: NotedDataset;
  readonly #decoder: ImageDecoder;

  constructor(origin: NotedDataset, part: 'train' | 'validation' | 'test', decoder: ImageDecoder) {
    const images = origin.dataset[part] as readonly CollectionImage[];
    this.origin = origin;
    this.images = images;
    this.labels = images.map(({ label }) => label);
    this.keys = images.map(({ sha256 }) => sha256);
    this.#decoder = decoder;
  }

  noted(): NotedDataset {
    return this.origin;
  }

  get size(): number {
    return this.images.length;
  }

  get decoder(): string {
    return this.#decoder.identity;
  }

  view(how: ImageView): Source {
    const { images, labels } = this;
    const reading: ImageReading = how.preprocessing;
    return imageSource(
      {
        labels,
        view: async (index, request, size) => {
          const { path, content } = images[index]!;
          const bytes = new Uint8Array(await content.arrayBuffer());
          return viewOf(rowsOf(await this.#decoder.decode({ bytes, name: path }, reading)), request, size);
        },
      },
      how,
    );
  }
}

/**
 * Opens labelled images: each is decoded once to see whether it is damaged; what cannot be used is in `problems`.
 * Classes are in code unit order, as they are in a folder.
 *
 * @throws UserError where no image can be used, or there are fewer than two classes; OptionError for a name that no
 * folder could have
 * @example const images = await openCollection({ cat: [file1, file2], dog: [file3] }, { seed: 1 });
 */
export async function openCollection(
  collection: ImageCollection,
  options: CollectionOptions = {},
): Promise<OpenCollection> {
  const { decoder = canvasDecoder(), strict = false, onProgress, signal } = options;
  const found = collectedFiles(collection, options);
  const good: (CollectedFile & Omit<CollectionImage, 'label'>)[] = [];
  const problems: Problem[] = [];
  for (const [i, candidate] of found.entries()) {
    signal?.throwIfAborted();
    try {
      good.push({ ...candidate, ...(await factsOf(candidate, decoder)) });
    } catch (error) {
      if (!(error instanceof ImageError)) throw error;
      problems.push(error.problem);
    }
    onProgress?.(i + 1, found.length);
  }
  const classes = [...new Set(good.map(({ className }) => className))].sort();
  for (const [name, images] of Object.entries(collection)) {
    if (images.length === 0 || classes.includes(name)) continue;
    problems.push({ path: name, kind: 'empty-class', message: 'none of its images can be used' });
  }
  problems.sort((a, b) => (a.path < b.path ? -1 : 1));
  if (classes.length < 2 || (strict && problems.length > 0)) throw unusable(classes, problems);
  const split = splitImages([], good, classes, options);
  const own = (images: readonly CollectionImage[]): CollectionImage[] =>
    images.map(({ path, label, width, height, sha256, content }) => ({ path, label, width, height, sha256, content }));
  const parts = {
    train: own(split.train),
    validation: own(split.validation),
    test: own(split.test),
    keptOut: own(split.keptOut),
  };
  const lines = imagesOf(parts).map((image) => fingerprintLine(image.path, image));
  const fingerprint = sha256OfText(lines.sort().join('\n'));
  const dataset = { root: '', classes, ...parts, problems, notes: [] };
  const {
    seed = 0,
    validationFraction = 0.2,
    testFraction = 0,
    maxPerClass = null,
    fold = null,
    seen = null,
  } = options;
  const division = { seed, validationFraction, testFraction, maxPerClass, fold };
  const origin = { dataset, folder: '', fingerprint, options: division, seen };
  return {
    classes,
    train: new CollectionImages(origin, 'train', decoder),
    validation: new CollectionImages(origin, 'validation', decoder),
    test: new CollectionImages(origin, 'test', decoder),
    problems,
    dataset,
    fingerprint,
  };
}

/** A file of a collection, of which nothing is read yet. */
export interface CollectedFile {
  readonly className: string;
  readonly name: string;
  readonly path: string;
  readonly content: Blob;
  readonly part: { readonly split: undefined };
}

const compare = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);

/**
 * The files in the order of classes and names, as a folder is read.
 * @throws OptionError for a name that no folder could have; UserError where two images have one name
 */
export function collectedFiles(
  collection: ImageCollection,
  { maxPerClass, seed = 0 }: Pick<CollectionOptions, 'maxPerClass' | 'seed'> = {},
): CollectedFile[] {
  return Object.entries(collection)
    .flatMap(([className, images]) => {
      assertName('class', className);
      const names = new Set<string>();
      const all = images.map((image): CollectedFile => {
        assertName('image', image.name);
        if (names.has(image.name)) {
          throw new UserError(`${className}: two images are called ${image.name}. Rename one of them.`);
        }
        names.add(image.name);
        const content = image instanceof Blob ? image : image.content;
        return { className, name: image.name, path: `${className}/${image.name}`, content, part: { split: undefined } };
      });
      if (maxPerClass === undefined) return all;
      return rankBySeed(all, seed, 'limit', ({ name }) => name).slice(0, maxPerClass);
    })
    .sort((a, b) => compare(a.className, b.className) || compare(a.name, b.name));
}

/** @throws OptionError for a name that is none in a folder: a run made here is to be opened there */
function assertName(what: string, name: string): void {
  if (name !== '' && name !== '.' && name !== '..' && !/[/\\\0]/.test(name)) return;
  throw new OptionError({
    option: 'collection',
    expected: `names without slashes`,
    received: name,
    problem: `: the name of ${what === 'class' ? 'a class' : 'an image'} is ${JSON.stringify(name)}. Use one that a folder could have.`,
  });
}

async function factsOf({ path, content }: CollectedFile, decoder: ImageDecoder) {
  assertFileSize(path, content.size); // before it is read
  const bytes = new Uint8Array(await content.arrayBuffer());
  const { width, height } = await decoder.decode({ bytes, name: path }, {});
  return { width, height, sha256: await sha256Of(bytes) };
}

function unusable(classes: readonly string[], problems: readonly Problem[]): UserError {
  const found = classes.length === 1 ? `one class (${classes[0]})` : `${classes.length} classes`;
  const [first] = problems;
  const reason = first === undefined ? '' : ` ${first.path}: ${first.message}.`;
  const more = problems.length > 1 ? ` And ${problems.length - 1} more.` : '';
  return new UserError(
    `The collection has ${found} with images that can be used, and ${plural(problems.length, 'problem')}; at least two classes ` +
      `are needed.${reason}${more}`,
  );
}
