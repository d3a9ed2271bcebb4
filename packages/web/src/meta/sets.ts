import { sha256Hasher, sha256Of } from '@graft-ml/core/internal/base/sha256';
import type { ImageDecoder } from '@graft-ml/core/internal/image/decoder';
import { assertFileSize } from '@graft-ml/core/internal/image/file/bounds';
import { type Decoded, tableOf } from '@graft-ml/core/internal/image/image-table';
import { contentKey } from '@graft-ml/core/internal/image/seen';
import { packSquares, type Squares } from '@graft-ml/core/internal/image/squares';
import { type EvaluationRequest, evaluationViews, rowsOf } from '@graft-ml/core/internal/image/view';
import { requestOf } from '@graft-ml/core/internal/recipe/meta/class-split';
import { learners, type ResolvedMetaConfig } from '@graft-ml/core/internal/recipe/meta/index';
import { type EpisodeSets, episodeSets, rotationsOf } from '@graft-ml/core/internal/runs/episode-sets';
import type { Preparation } from '@graft-ml/core/internal/runs/prepared';
import { assertSubsetsFit, subsetImages, subsetSets } from '@graft-ml/core/internal/runs/subset-sets';
import type { Preprocessing } from '@graft-ml/core/models';
import {
  type CollectedFile,
  type CollectionImage,
  collectedFiles,
  type ImageCollection,
  openCollection,
} from '../data/collection.ts';
import { canvasDecoder } from '../image/canvas-decoder.ts';

/** How the images of a collection are decoded. */
export interface DecodingOptions {
  /** Decodes the images. Default: the browser, by `canvasDecoder`. */
  readonly decoder?: ImageDecoder | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onPreparation?: ((progress: Preparation) => void) | undefined;
}

/** The classes of a collection, divided, with every image decoded once and in memory. */
export async function openSets(
  images: ImageCollection,
  config: ResolvedMetaConfig,
  preprocessing: Preprocessing,
  options: DecodingOptions,
): Promise<EpisodeSets> {
  const { seed, shots, queries, memory, learner, way, rotations } = config;
  if (config.fixedLabels) return openSubsets(images, config, preprocessing, options);
  const files = collectedFiles(images);
  const decoded = await decodeFiles(files, preprocessing, { ...options, limit: memory * 2 ** 20 });
  const placed = files.map(({ className, path }) => ({ className, name: path, part: { name: '', split: undefined } }));
  return episodeSets(placed, decoded, {
    ...{ root: 'The collection', seed, perClass: shots + queries, problems: [], notes: [] },
    wanted: requestOf(config.split),
    isOmniglot: false,
    rotations: rotationsOf(rotations),
    untrainedWay: learners[learner].kind === 'baseline' ? way : undefined,
    pathOf: (className) => className,
  });
}

/** All classes in every episode, of which only the images are drawn. */
async function openSubsets(
  images: ImageCollection,
  { seed, memory }: ResolvedMetaConfig,
  preprocessing: Preprocessing,
  { decoder = canvasDecoder(), signal, onPreparation }: DecodingOptions,
): Promise<EpisodeSets> {
  const { dataset, fingerprint } = await openCollection(images, {
    ...{ seed, decoder, signal },
    onProgress: (done, total) => onPreparation?.({ stage: 'checking images', done, total }),
  });
  const side = preprocessing.crop;
  const bytes = assertSubsetsFit('The collection', dataset, side, memory);
  const view = viewing(decoder, preprocessing);
  const views = new Map<CollectionImage, Uint8Array>();
  const all = subsetImages(dataset);
  for (const image of all) {
    signal?.throwIfAborted();
    views.set(image, (await view(image)).pixels);
    onPreparation?.({ stage: 'decoding images', done: views.size, total: all.length });
  }
  return subsetSets(dataset, { seed, side, fingerprint, views, bytes });
}

/** Reads an image file as the network sees it. */
function viewing(decoder: ImageDecoder, preprocessing: Preprocessing) {
  const request: EvaluationRequest = { kind: 'evaluation', preprocessing };
  return async ({ path, content }: Pick<CollectedFile, 'path' | 'content'>) => {
    assertFileSize(path, content.size); // before it is read
    const bytes = new Uint8Array(await content.arrayBuffer());
    const decoded = await decoder.decode({ bytes, name: path }, preprocessing);
    return { bytes, pixels: await evaluationViews(rowsOf(decoded), request, preprocessing.crop) };
  };
}

/** Images between two looks at the signal. */
const chunk = 16;

function decodeFiles(
  files: readonly CollectedFile[],
  preprocessing: Preprocessing,
  { decoder = canvasDecoder(), signal, onPreparation, limit }: DecodingOptions & { readonly limit: number },
): Promise<Decoded> {
  const { crop } = preprocessing;
  const view = viewing(decoder, preprocessing);
  const squares = async function* (): AsyncGenerator<Squares> {
    for (let first = 0; first < files.length; first += chunk) {
      yield await packSquares(files.slice(first, first + chunk), crop, async (file) => {
        const { bytes, pixels } = await view(file);
        return { pixels, content: contentKey({ sha256: await sha256Of(bytes) }) };
      });
    }
  };
  return tableOf(squares(), {
    ...{ count: files.length, side: crop, limit, hasher: sha256Hasher(), signal },
    onProgress: (done, total) => onPreparation?.({ stage: 'decoding images', done, total }),
  });
}
