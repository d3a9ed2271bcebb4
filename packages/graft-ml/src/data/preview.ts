import type { Augmentation, Colour, Planes } from '@graft-ml/core/internal/image/augment/index';
import type { ImageDecoder } from '@graft-ml/core/internal/image/decoder';
import type { Problem } from '@graft-ml/core/internal/image/problem';
import type { Framing } from '@graft-ml/core/internal/image/transform';
import { describeTraining } from '@graft-ml/core/internal/image/view';
import { type DatasetImage, type DatasetOptions, openDataset } from './dataset.ts';
import { openImagePool } from './decoder-pool.ts';
import type { ImagePool } from './image-pool.ts';
import type { ReaderOptions } from './readers/found.ts';

export interface PreviewOptions {
  readonly augmentation: Augmentation;
  readonly preprocessing: Framing;
  /** The colour of empty and erased pixels. */
  readonly fill: Colour;
  /** The number of images, and of augmented views of each. */
  readonly images: number;
  readonly views: number;
  readonly seed: number;
  /** Options for reading the dataset. */
  readonly reading?: Pick<DatasetOptions, keyof ReaderOptions>;
  /** The image decoder: a pool, or one of your own. It stays its owner's. */
  readonly decoder?: ImageDecoder | undefined;
  /** Called after each image that was checked. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
  /** Ends it, with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

/** An image as evaluation sees it, and then as training would see it in one epoch after the other. */
export interface PreviewRow {
  readonly path: string;
  readonly className: string;
  readonly images: readonly Planes[];
  /** What was done to each, in a few words: nothing to the first, then `crop 62 %`, `mirrored`. */
  readonly changes: readonly (readonly string[])[];
}

/** The rows of a preview, and the images that were left out. */
export interface Preview {
  readonly rows: readonly PreviewRow[];
  readonly problems: readonly Problem[];
}

/** Augmented views of a few images of a dataset, of each class in turn. */
export async function previewAugmentation(root: string, options: PreviewOptions): Promise<Preview> {
  const pool = openImagePool(options.decoder);
  try {
    // With at least two classes, half of the rows from each are enough.
    const maxPerClass = Math.max(2, Math.ceil(options.images / 2));
    const { seed, reading, signal, onProgress } = options;
    const division = { seed, maxPerClass, validationFraction: 0, signal, ...(onProgress && { onProgress }) };
    const { classes, train, problems } = await openDataset(root, { ...reading, ...division, pool });
    const chosen = inTurn(train, classes.length).slice(0, options.images);
    const rows = chosen.map(async (image, index) => ({
      path: image.path,
      className: classes[image.label]!,
      ...(await viewsOf(pool, image, index, options)),
    }));
    return { rows: await Promise.all(rows), problems };
  } finally {
    await pool.close();
  }
}

async function viewsOf(
  pool: ImagePool,
  image: DatasetImage,
  index: number,
  options: PreviewOptions,
): Promise<Pick<PreviewRow, 'images' | 'changes'>> {
  const { augmentation, preprocessing, fill, views, seed } = options;
  const size = preprocessing.crop;
  const training = { kind: 'training', preprocessing, augmentation, fill, seed, index } as const;
  const requests = [
    { kind: 'evaluation', preprocessing } as const,
    ...Array.from({ length: views }, (_, epoch) => ({ ...training, epoch: epoch + 1 })),
  ];
  const images = await Promise.all(
    requests.map(async (request) => ({
      width: size,
      height: size,
      data: await pool.view(image, request, size),
    })),
  );
  const changes = requests.map((request) => (request.kind === 'training' ? describeTraining(image, request) : []));
  return { images, changes };
}

/** The first image of each class, then the second of each, and so on. */
function inTurn(images: readonly DatasetImage[], classes: number): DatasetImage[] {
  const byClass = Array.from({ length: classes }, (_, label) => images.filter((image) => image.label === label));
  const longest = Math.max(...byClass.map((all) => all.length));
  return Array.from({ length: longest }, (_, i) => byClass.flatMap((all) => all.slice(i, i + 1))).flat();
}
