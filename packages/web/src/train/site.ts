import { UserError } from '@graft-ml/core/internal/base/errors';
import type { OpenRunStore } from '@graft-ml/core/internal/fit/run-store';
import type { ImageDataset } from '@graft-ml/core/internal/image/dataset';
import type { ImageDecoder } from '@graft-ml/core/internal/image/decoder';
import type { ResolvedConfig } from '@graft-ml/core/internal/recipe/config/index';
import {
  assertValidation,
  assertWeightsOption,
  notesOnSeen,
  type Preparation,
  type Prepared,
  type Proof,
  preparedRun,
  runStart,
} from '@graft-ml/core/internal/runs/prepared';
import type { OfAnotherRun, PreparationOrder, TrainOptions } from '@graft-ml/core/internal/runs/train-run';
import type { RunsSite } from '@graft-ml/core/internal/runs/training';
import { type CollectionImage, type ImageCollection, openCollection } from '../data/collection.ts';
import { openBackbone } from '../model/backbone.ts';
import { readRun } from '../model/open-run.ts';
import { pageHost, usableHere } from '../runs/host.ts';
import { privateRuns } from '../runs/private-runs.ts';
import { createRuntime, type WebRuntimeOptions } from '../runtime/index.ts';

export interface TrainImagesOptions extends TrainOptions {
  /** Decodes the images. Default: the browser, by `canvasDecoder`. */
  readonly decoder?: ImageDecoder | undefined;
  /** Settings of the runtime that the run makes for itself. */
  readonly runtime?: Omit<WebRuntimeOptions, 'choices' | 'onTuning'> | undefined;
  /** Opens the store of a run by its path. Default: in the browser's private file system. */
  readonly openStore?: OpenRunStore | undefined;
}

/** A dataset of images that a page has. */
export type PageDataset = ImageDataset<CollectionImage>;

/** This page or worker as a place for runs on these images. */
export async function pageSite(
  images: ImageCollection,
  openStore: OpenRunStore = privateRuns(),
): Promise<RunsSite<PageDataset, TrainImagesOptions>> {
  return {
    host: await pageHost(openStore),
    prepare: (_folder, config, options) => prepare(images, config, { ...options, openStore }),
    read: (path) => readRun(path, openStore),
    usable: usableHere,
  };
}

async function prepare(
  collection: ImageCollection,
  config: ResolvedConfig,
  options: TrainImagesOptions & OfAnotherRun & PreparationOrder,
): Promise<Prepared<PageDataset>> {
  const { signal, meter, cache = null, openStore, onNote = () => {} } = options;
  const onPreparation = (progress: Preparation) => {
    signal?.throwIfAborted();
    options.onPreparation?.(progress);
  };
  assertWeightsOption(config);
  const backbone = await meter.during('weights', () =>
    openBackbone(config, {
      openStore,
      onnxFile: options.onnxFile,
      signal,
      onDownload: (done, total) =>
        onPreparation({
          stage: 'downloading weights (KiB)',
          done: Math.ceil(done / 1024),
          total: Math.ceil(total / 1024),
        }),
    }),
  );
  const begun = runStart(config, backbone);
  const runtime = createRuntime({
    ...options.runtime,
    ...(options.choices && { choices: options.choices }),
    onTuning: ({ done, total }) => onPreparation({ stage: 'timing kernels', done, total }),
  });
  const before = options.before === undefined ? (begun.start?.seen ?? null) : options.before;
  const { seed, validationFraction, testFraction, strict, maxPerClass, fold } = config;
  const images = await meter.during('images', () =>
    openCollection(collection, {
      ...{ seed, validationFraction, testFraction, strict, seen: before, decoder: options.decoder, signal },
      ...(maxPerClass !== null && { maxPerClass }),
      ...(fold && { fold }),
      onProgress: (done, total) => options.onPreparation?.({ stage: 'checking images', done, total }),
    }),
  );
  const { dataset, fingerprint, train, validation } = images;
  if (config.classDepth !== 1) throw new UserError('classDepth: a collection has classes of one level. Leave it out.');
  assertValidation('The collection', dataset, before, config.weights);
  const opened = {
    folder: dataset,
    fingerprint,
    data: { train, validation },
    proof: proven(),
    notes: notesOnSeen(dataset, before, config.weights),
  };
  const { threads } = runtime;
  return preparedRun(begun, { images: opened, runtime, before, threads, onPreparation, onNote, cache });
}

/** Every image was decoded when the collection was opened. */
function proven(): Proof {
  let hasBegun = false;
  return {
    async *within(events) {
      for await (const event of events) {
        yield event;
        hasBegun ||= event.kind === 'stage';
      }
    },
    get hasBegun() {
      return hasBegun;
    },
    remember: async () => {},
    isDamage: async () => false,
  };
}
