import { tensor } from '@graft-ml/core';
import { constant, input, print } from '@graft-ml/core/graph';
import type { Tensors } from '@graft-ml/core/internal/base/tensor';
import { noFeatures } from '@graft-ml/core/internal/fit/cache';
import { ImageError, type ImageProblem } from '@graft-ml/core/internal/image/problem';
import type { Preprocessing } from '@graft-ml/core/models';
import { type Forward, Scope } from '@graft-ml/core/nn';
import type { Runtime } from '@graft-ml/core/runtime';
import type { DatasetImage } from '../data/dataset.ts';
import type { ImagePool } from '../data/image-pool.ts';
import type { FolderCache } from '../files/cache-folder.ts';
import { ortVersion } from '../runtime/index.ts';

/** A network that makes features of images. */
export interface FeatureExtractor {
  /** From images u8 (n, 3, crop, crop), resized and cropped, to features (n, f). */
  readonly forward: Forward;
  /** Its parameters and buffers by name; there may be others. */
  readonly variables: Tensors;
  readonly preprocessing: Preprocessing;
  readonly runtime: Runtime;
}

export interface PooledFeaturesOptions {
  readonly pool: ImagePool;
  readonly cache: FolderCache | null;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
  readonly onNote?: ((note: string) => void) | undefined;
}

/** Images and their features. */
export interface PooledFeatures<I> {
  readonly images: readonly I[];
  /** One row (f) for each image. */
  readonly rows: readonly Float32Array[];
  /** Images that turned out to be unreadable, which are left out. */
  readonly problems: readonly ImageProblem[];
  /** Images whose features the cache had. */
  readonly cached: number;
}

/** Bytes of the cache for the features of all backbones together, as by default in training. */
const limit = 2 ** 31;
/** Images that are decoded at once, while the network takes those before. */
const readAtOnce = 16;
const inputName = 'pixels';
const outputName = 'features';

/**
 * The features (f) that a network makes of images. Those that the cache has are taken from there, by content, and the
 * others kept.
 *
 * @throws the signal's reason
 */
export async function pooledFeatures<I extends DatasetImage>(
  extractor: FeatureExtractor,
  images: readonly I[],
  { pool, cache, signal, onProgress, onNote = () => {} }: PooledFeaturesOptions,
): Promise<PooledFeatures<I>> {
  const { preprocessing, runtime } = extractor;
  const { graph, variables, width } = featureGraph(extractor);
  // What kernels were chosen is no part of it, as it is in training: it moves a feature by its last bits. A GPU may move
  // it by more.
  const backend = runtime.device === 'cpu' ? ortVersion() : `${runtime.device} ${ortVersion()}`;
  const origin = { graph, variables, preprocessing, backend, choices: {}, decoder: pool.identity };
  const rows = images.map(() => new Float32Array(width));
  await using table = (await cache?.features(origin, [width], { limit, onNote })) ?? noFeatures;
  const missing: number[] = [];
  for (const [i, { sha256 }] of images.entries()) if (!(await table.read(sha256, rows[i]!))) missing.push(i);
  const cached = images.length - missing.length;
  let done = cached;
  if (done > 0) onProgress?.(done, images.length);
  const problems = new Map<number, ImageProblem>();
  for await (const { index, features, problem } of computed(extractor, images, missing, { pool, signal })) {
    if (problem) problems.set(index, problem);
    else {
      rows[index]!.set(features);
      await table.add(images[index]!.sha256, features);
    }
    onProgress?.(++done, images.length);
  }
  const isUsable = (_: unknown, i: number) => !problems.has(i);
  return { images: images.filter(isUsable), rows: rows.filter(isUsable), problems: [...problems.values()], cached };
}

/** The graph of an extractor as text, the variables in it, and the number of its features. */
function featureGraph({ forward, variables, preprocessing }: FeatureExtractor) {
  const { scope, trace } = Scope.root({ training: false });
  const features = forward(scope, pixels(preprocessing, 1));
  const names = [...trace.variables.keys()];
  return {
    graph: print({ features }),
    variables: Object.fromEntries(names.map((name) => [name, variables[name]!])),
    width: features.shape[1]!,
  };
}

const pixels = ({ crop }: Preprocessing, size: number) => input(inputName, 'u8', [size, 3, crop, crop]);

/** The features of an image, by its position, or why it cannot be used. */
type ComputedFeatures =
  | { readonly index: number; readonly features: Float32Array; readonly problem?: undefined }
  | { readonly index: number; readonly features?: undefined; readonly problem: ImageProblem };

/** Computes the features of the images at `indices` in batches; the next one is decoded meanwhile. */
async function* computed(
  { forward, variables, preprocessing, runtime }: FeatureExtractor,
  images: readonly DatasetImage[],
  indices: readonly number[],
  { pool, signal }: Pick<PooledFeaturesOptions, 'pool' | 'signal'>,
): AsyncGenerator<ComputedFeatures, void, undefined> {
  if (indices.length === 0) return;
  const { crop } = preprocessing;
  const variable = ({ name }: { readonly name: string }) => constant(variables[name]!, name);
  const graph = (size: number) => forward(Scope.root({ training: false, variable }).scope, pixels(preprocessing, size));
  const batchSize = runtime.rowsAtOnce(indices.length, graph);
  const program = await runtime.compile({ [outputName]: graph(batchSize) });
  const read = batchSize * Math.ceil(readAtOnce / batchSize);
  const viewsFrom = (start: number) =>
    Promise.all(
      indices.slice(start, start + read).map((index) =>
        pool.view(images[index]!, { kind: 'evaluation', preprocessing }, crop).catch((error: unknown) => {
          if (error instanceof ImageError) return error;
          throw error;
        }),
      ),
    );
  try {
    let ahead = viewsFrom(0);
    let decoded: Awaited<typeof ahead> = [];
    for (let start = 0; start < indices.length; start += batchSize) {
      signal?.throwIfAborted();
      if (start % read === 0) {
        decoded = await ahead;
        ahead = viewsFrom(start + read);
        ahead.catch(() => {}); // a failure is said when its turn comes, and by nobody after an early return
      }
      const views = decoded.slice(start % read, (start % read) + batchSize);
      const batch = new Uint8Array(batchSize * 3 * crop * crop);
      views.forEach((view, i) => {
        if (!(view instanceof ImageError)) batch.set(view, i * view.length);
      });
      const results = await program.run({ [inputName]: tensor('u8', [batchSize, 3, crop, crop], batch) });
      const { data, shape } = results[outputName]!;
      if (!(data instanceof Float32Array)) throw new Error('pooledFeatures: the features are not f32');
      for (const [i, view] of views.entries()) {
        const index = indices[start + i]!;
        if (view instanceof ImageError) yield { index, problem: view.problem };
        else yield { index, features: data.slice(i * shape[1]!, (i + 1) * shape[1]!) };
      }
    }
  } finally {
    await program.release();
  }
}
