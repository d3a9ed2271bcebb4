import { stat } from 'node:fs/promises';
import type { Problem } from '@graft-ml/core/internal/image/problem';
import type { Split } from '@graft-ml/core/internal/image/split-images';
import type { ImageFile } from './decode.ts';
import { findImages } from './find-images.ts';
import { findCandidates } from './readers/find-candidates.ts';
import type { ReaderOptions } from './readers/found.ts';

/** An image, and what its dataset says about it. Nothing of it has been read. */
export interface LabelledImage extends ImageFile {
  /** Its class; '' where none is known. */
  readonly label: string;
  /** The part of the dataset that it is in, where that is divided. */
  readonly split: Split | undefined;
}

export interface LabelledImages {
  readonly images: readonly LabelledImage[];
  readonly problems: readonly Problem[];
  /** Notes on reading the dataset, a sentence each. */
  readonly notes: readonly string[];
}

/** The names of archives and tables; their content decides later what they are. */
const holdsMany = /\.(zip|tar|tgz|gz|csv|tsv|jsonl|ndjson|parquet)$/i;

/**
 * The images of datasets in any shape that `openDataset` reads, with their classes, or of other folders, files and
 * patterns (`findImages`), without. All parts of a dataset are taken; one class is enough, or none.
 *
 * @throws UserError where a folder, a pattern or a dataset holds no images
 */
export async function findLabelledImages(
  places: readonly string[],
  options: Omit<ReaderOptions, 'classes'> = {},
): Promise<LabelledImages> {
  const [images, problems, notes]: [LabelledImage[], Problem[], string[]] = [[], [], []];
  for (const place of places) {
    const found = (await inDataset(place, options)) ?? (await unlabelled(place));
    for (const image of found.images) images.push(image);
    for (const problem of found.problems) problems.push(problem);
    notes.push(...found.notes);
  }
  return { images, problems, notes };
}

/** The images of a dataset; null where the place is none, or has no classes. */
async function inDataset(place: string, options: Omit<ReaderOptions, 'classes'>): Promise<LabelledImages | null> {
  const status = await stat(place).catch(() => null);
  if (!status?.isDirectory() && !(status?.isFile() && holdsMany.test(place))) return null;
  // With classes (none of which matter here) a part to train on is not asked for.
  const { candidates, problems, notes } = await findCandidates(place, { ...options, classes: [] });
  if (candidates.length === 0) return null;
  const images = candidates.map(({ path, within, className, part }) => ({
    path,
    ...(within && { within }),
    label: className,
    split: part.split,
  }));
  return { images, problems, notes };
}

async function unlabelled(place: string): Promise<LabelledImages> {
  const { paths, problems } = await findImages([place]);
  return { images: paths.map((path) => ({ path, label: '', split: undefined })), problems, notes: [] };
}
