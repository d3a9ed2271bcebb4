import { UserError } from '@graft-ml/core/internal/base/errors';
import { f32, type Tensor, type TensorOf, tensor } from '@graft-ml/core/internal/base/tensor';
import { type ClassOverlap, classOverlap, pca, umap } from '@graft-ml/core/internal/explain/index';
import {
  cosineDistance,
  type Neighbour,
  type NeighbourTable,
  neighbourTable,
  unit,
} from '@graft-ml/core/internal/explain/neighbours';
import type { Run } from '@graft-ml/core/internal/runs/run-file';
import { embeddingFile } from '@graft-ml/core/internal/runs/run-files';
import { readSealed, writeSealed } from '@graft-ml/core/internal/weights/sealed';
import { z } from 'zod';
import { defaultCache } from '../cache/folder-cache.ts';
import type { OpenRunOptions } from '../evaluate/open-run.ts';
import { pooledFeatures } from '../experiment/pooled-features.ts';
import { readRun } from '../runs/read-run.ts';
import { openRunStore, type RunStore } from '../runs/run-store.ts';
import { keepInRun, keyOf, type OpenedRun, openRunWithImages, pathWithin, sampled } from './opened-run.ts';
import { ownExtractor } from './run-features.ts';

/** Options of mapping the images of a run. */
export interface EmbedRunOptions extends Omit<OpenRunOptions, 'calibrated' | 'tta'> {
  /** Where the run's dataset is now, if it was moved, or if the run was made by someone else. */
  readonly data?: string | undefined;
  /** The seed of the map, and of the choice where there are more than `most` images. Default 0. */
  readonly seed?: number | undefined;
  /** At most so many images; of more, so many are drawn. Default 5000. */
  readonly most?: number | undefined;
  /** Hears of the stages: images whose features are computed, then epochs of the map. */
  readonly onProgress?: ((stage: 'features' | 'map', done: number, total: number) => void) | undefined;
  /** Ends it before the run is written to, with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

/** The images of a run in feature space. */
export interface RunEmbedding {
  readonly classes: readonly string[];
  /** The images of all parts, in the order of the rows. */
  readonly images: readonly EmbeddedImage[];
  /** The number of images in the dataset, of which these may be a sample. */
  readonly total: number;
  /** Images that turned out to be unreadable, and are not on the map. */
  readonly leftOut: readonly { readonly path: string; readonly kind: string }[];
  /** The share of the features' variance along each principal component. */
  readonly shares: readonly number[];
  /** f32 (n, 2): the map. */
  readonly points: TensorOf<'f32'>;
  /** f32 (n, k): the coordinates by principal components, of which the map was made. */
  readonly components: TensorOf<'f32'>;
  /** The classes that overlap, by the images' nearest neighbours. */
  readonly overlap: ClassOverlap;
}

/** An image of a map. */
export interface EmbeddedImage {
  /** Its path from the folder of the dataset, with `/`; elsewhere whole. */
  readonly path: string;
  /** The position of its class. */
  readonly label: number;
  /** The images nearest to it by the cosine of their features, the nearest first: rows of the map. */
  readonly neighbours: readonly { readonly index: number; readonly similarity: number }[];
}

const overlapSchema = z.object({
  classes: z.array(z.string()),
  confusion: z.array(z.array(z.number())),
  pairs: z.array(z.object({ classes: z.tuple([z.string(), z.string()]), share: z.number() })),
  silhouettes: z.array(z.number().nullable()),
  silhouette: z.number().nullable(),
});
const recordSchema = z.object({
  classes: z.array(z.string()),
  images: z.array(
    z.object({
      path: z.string(),
      label: z.int().min(0),
      neighbours: z.array(z.object({ index: z.int().min(0), similarity: z.number() })),
    }),
  ),
  total: z.int(),
  leftOut: z.array(z.object({ path: z.string(), kind: z.string() })).default([]), // absent before 0.2
  shares: z.array(z.number()),
  overlap: overlapSchema,
});

/** The neighbours of one vector, from a table by cosine distance. */
function neighboursOf({ count, indices, distances }: NeighbourTable, vector: number): Neighbour[] {
  return Array.from({ length: count }, (_, k) => {
    const at = vector * count + k;
    return { index: indices[at]!, similarity: 1 - distances[at]! };
  });
}

/** The longest file, in bytes. Five thousand images with paths of average length make 6 MB. */
const longestFile = 100_000_000;
const version = 1;

/**
 * Maps the images of a run by their features: principal components (50), UMAP, nearest neighbours, and the classes that
 * overlap. Images that cannot be read are left out. It is computed once and kept in the run folder as
 * `embedding.safetensors`, until the weights, the dataset or the options are others. Equal runs and seeds give equal
 * maps.
 *
 * The file has a checksum, and holds `points` f32 (n, 2), `components` f32 (n, k), and `record` u8: JSON with all else
 * of a `RunEmbedding`. Its metadata has `format`, `version`, and `key`: what it was made of.
 *
 * @throws UserError where the run or its images cannot be read, or there are fewer than two; the signal's reason
 * @example const { points, images, overlap } = await embedRun('runs/x');
 */
export async function embedRun(run: string, options: EmbedRunOptions = {}): Promise<RunEmbedding> {
  let opened: OpenedRun | undefined;
  try {
    const described = await readRun(run, options.openStore);
    const open = async () => {
      opened = await openRunWithImages(run, options);
      return opened;
    };
    return await embedOpened({ path: run, run: described, open }, options);
  } finally {
    await opened?.[Symbol.asyncDispose]();
  }
}

/** `embedRun` of a run that is opened when its images are needed, and by whoever closes it. */
export async function embedOpened(
  { path, run, open }: { readonly path: string; readonly run: Run; readonly open: () => Promise<OpenedRun> },
  options: EmbedRunOptions,
): Promise<RunEmbedding> {
  const { seed = 0, most = 5000, openStore = openRunStore, checkpoint, cache = defaultCache() } = options;
  const { signal, onProgress } = options;
  const store = openStore(path);
  const key = [version, ...(await keyOf(store, run, checkpoint)), seed, most].join(' ');
  const kept = await readKept(store, key);
  if (kept) return kept;
  const { folder, classifier, images: found } = await open();
  if (!found.sameDataset) throw new UserError(`${folder} does not hold the images that ${path} was trained on.`);
  const { train, validation, test } = found.images;
  const all = [...train, ...validation, ...test];
  const { images, rows, problems } = await pooledFeatures(ownExtractor(classifier), sampled(all, most, seed), {
    pool: classifier.pool,
    cache,
    signal,
    onProgress: (done, total) => onProgress?.('features', done, total),
  });
  if (rows.length < 2) throw new UserError(`${folder} has fewer than two images to map.`);
  const { projected, shares } = pca(rows);
  const onEpoch = (done: number, total: number) => onProgress?.('map', done, total);
  const points = await umap(projected, { seed, signal, onProgress: onEpoch });
  const { classes } = run;
  const labels = images.map(({ label }) => label);
  const nearest = neighbourTable(rows.map(unit), 10, cosineDistance);
  const record = {
    classes,
    images: images.map((image, i) => ({
      path: pathWithin(folder, image.path),
      label: image.label,
      neighbours: neighboursOf(nearest, i),
    })),
    total: all.length,
    leftOut: problems.map(({ path: file, kind }) => ({ path: pathWithin(folder, file), kind })),
    shares,
    overlap: classOverlap(rows, labels, classes),
  };
  const tensors = {
    points: f32([rows.length, 2], points),
    components: f32(
      [rows.length, shares.length],
      projected.flatMap((row) => [...row]),
    ),
  };
  signal?.throwIfAborted();
  const content = { ...tensors, record: bytesOf(record) };
  const metadata = { format: 'graft-embedding', version: String(version), key };
  await keepInRun(store, embeddingFile, await writeSealed(content, metadata));
  return { ...record, ...tensors };
}

function bytesOf(record: object): Tensor {
  const bytes = new TextEncoder().encode(JSON.stringify(record));
  return tensor('u8', [bytes.length], bytes);
}

/** The map that is kept; null where there is none, or one of something else, or a damaged one. */
async function readKept(store: RunStore, key: string): Promise<RunEmbedding | null> {
  if (!(await store.names()).includes(embeddingFile)) return null;
  try {
    const { tensors, metadata } = await readSealed(await store.read(embeddingFile, longestFile));
    if (metadata.key !== key) return null;
    const { points, components, record } = tensors;
    if (points?.dtype !== 'f32' || components?.dtype !== 'f32' || record?.dtype !== 'u8') return null;
    const parsed = recordSchema.parse(JSON.parse(new TextDecoder().decode(record.data)));
    const n = parsed.images.length;
    const isWhole = points.shape.join() === `${n},2` && components.shape.join() === `${n},${parsed.shares.length}`;
    return isWhole ? { ...parsed, points, components } : null;
  } catch {
    return null; // it is computed anew
  }
}
