import { UserError } from '@graft-ml/core/internal/base/errors';
import { sha256Of } from '@graft-ml/core/internal/base/sha256';
import { checkpointFile } from '@graft-ml/core/internal/fit/checkpoint-files';
import type { OpenRunStore } from '@graft-ml/core/internal/fit/run-store';
import { variablesOf } from '@graft-ml/core/internal/fit/step';
import type { ImageDecoder } from '@graft-ml/core/internal/image/decoder';
import { rowsOf, viewOf } from '@graft-ml/core/internal/image/view';
import { parseMetaConfig, resolveMetaConfigFor } from '@graft-ml/core/internal/recipe/meta/index';
import { learnerOf } from '@graft-ml/core/internal/recipe/meta/make-learner';
import { adaptLearner, leavingChosen } from '@graft-ml/core/internal/runs/adapt';
import { supportTensor } from '@graft-ml/core/internal/runs/adapted-tensors';
import { metaRuns } from '@graft-ml/core/internal/runs/meta-run';
import { type Adaptable, backboneOf, openLearner } from '@graft-ml/core/internal/runs/open-learner';
import type { Preparation } from '@graft-ml/core/internal/runs/prepared';
import { type Run, readRunIn } from '@graft-ml/core/internal/runs/run-file';
import { ownOnnx } from '@graft-ml/core/internal/runs/run-files';
import { assertNewRun, RunFolder } from '@graft-ml/core/internal/runs/run-folder';
import { inSequence } from '@graft-ml/core/internal/runtime/index';
import { allVariables } from '@graft-ml/core/internal/weights/checkpoint';
import { type ImageCollection, openCollection } from '../data/collection.ts';
import { canvasDecoder } from '../image/canvas-decoder.ts';
import { openBackbone } from '../model/backbone.ts';
import { pageHost } from '../runs/host.ts';
import { privateRuns } from '../runs/private-runs.ts';
import { createRuntime, type WebRuntimeOptions } from '../runtime/index.ts';

/** A pretrained network to start from, whose features tell classes apart without training. */
export interface FeatureStart {
  /** The architecture: `squeezenet1_1`. */
  readonly model: string;
  /** Its weights: published ones, a file that is kept, or a run. */
  readonly weights: string;
  /** What is made of the features: the nearest class mean, or a linear classifier. Default `nearest-centroid`. */
  readonly learner?: 'nearest-centroid' | 'linear-probe';
}

export interface AdaptMetaOptions {
  /** The run to write: an ordinary one. */
  readonly out: string;
  readonly overwrite?: boolean;
  /** Images of each class to learn from. Default: all. */
  readonly shots?: number | undefined;
  /**
   * Inner steps. Default: the start's own `testSteps`, and at least 10 where there are more classes than it was trained
   * on.
   */
  readonly steps?: number | undefined;
  readonly onPreparation?: ((progress: Preparation) => void) | undefined;
  /** Gives up, with the signal's reason, as long as nothing is written. */
  readonly signal?: AbortSignal | undefined;
  /** Decodes the images. Default: the browser, by `canvasDecoder`. */
  readonly decoder?: ImageDecoder | undefined;
  /** Settings of the runtime. */
  readonly runtime?: Omit<WebRuntimeOptions, 'choices' | 'onTuning'> | undefined;
  /** Opens the store of the new run. Default: in the browser's private file system. */
  readonly openStore?: OpenRunStore | undefined;
  /** Opens the store of the start, `servedRuns` for one. Default: that of the new run. */
  readonly openStart?: OpenRunStore | undefined;
}

/** A start, adapted to the classes of a collection. */
export interface Adapted {
  readonly out: string;
  readonly run: Run;
  readonly learner: string;
  /** Inner steps that were taken; null for a learner that takes none. */
  readonly steps: number | null;
  /** Notes on the start and the images, a sentence each. */
  readonly notes: readonly string[];
}

/** A start that is open. */
interface OpenStart {
  readonly name: string;
  readonly opened: Adaptable;
  readonly noted: Pick<Run, 'adaptedFrom' | 'weightsSha256'>;
}

/**
 * Fits a start to the classes of a collection, by a few images of each, and writes an ordinary run: `graft meta adapt` in
 * a page. A start is a run of meta-learning, or a pretrained network whose features are taken as they are.
 *
 * @throws UserError (by rejection) where the start, the images or the place for the new run cannot be had
 * @example
 * await adaptMeta('omniglot', drawings, { out: 'runs/signs', openStart: servedRuns('./starts/') });
 * await adaptMeta({ model: 'squeezenet1_1', weights }, photos, { out: 'runs/mugs' });
 */
export async function adaptMeta(
  start: string | FeatureStart,
  images: ImageCollection,
  options: AdaptMetaOptions,
): Promise<Adapted> {
  const { out, overwrite = false, shots, steps, onPreparation, signal, decoder = canvasDecoder() } = options;
  const { openStore = privateRuns() } = options;
  await assertNewRun(openStore(out), { overwrite });
  const collection = await openCollection(images, {
    validationFraction: 0,
    ...(shots !== undefined && { maxPerClass: shots }),
    ...{ decoder, signal },
    onProgress: (done, total) => onPreparation?.({ stage: 'checking images', done, total }),
  });
  const { name, opened, noted } = await open(start, collection.classes.length, options);
  const { dataset, left } = leavingChosen(collection.dataset, opened);
  const { preprocessing } = opened;
  const runtime = createRuntime({
    ...options.runtime,
    onTuning: ({ done, total }) => onPreparation?.({ stage: 'timing kernels', done, total }),
  });
  const request = { kind: 'evaluation', preprocessing } as const;
  const views: Uint8Array[] = [];
  for (const { path, content } of dataset.train) {
    signal?.throwIfAborted();
    const bytes = new Uint8Array(await content.arrayBuffer());
    const decoded = await decoder.decode({ bytes, name: path }, preprocessing);
    views.push(await viewOf(rowsOf(decoded), request, preprocessing.crop));
  }
  const host = await pageHost(openStore);
  const adapted = await adaptLearner({
    start: name,
    opened,
    dataset,
    fingerprint: collection.fingerprint,
    support: supportTensor(views, preprocessing),
    steps,
    runtime,
    parallel: async (outputs, tasks) => inSequence(await tasks.runtime.compile(outputs)),
    own: { maxPerClass: shots ?? null },
    noted: { folder: '', ...noted },
    versions: host.versions,
  });
  signal?.throwIfAborted();
  const folder = new RunFolder(out, adapted.run, { ...adapted.parts, host });
  try {
    await folder.createWhole({ overwrite });
  } finally {
    await folder.release();
  }
  const notes = [...opened.notes, ...left, ...adapted.run.warnings.map(({ message }) => message)];
  return { out, run: adapted.run, learner: opened.config.learner, steps: adapted.steps, notes };
}

function open(start: string | FeatureStart, way: number, options: AdaptMetaOptions): Promise<OpenStart> {
  const { openStore = privateRuns(), openStart = openStore } = options;
  return typeof start === 'string' ? openRunAsStart(start, way, openStart) : openFeatureStart(start, way, openStore);
}

async function openRunAsStart(path: string, way: number, openStart: OpenRunStore): Promise<OpenStart> {
  const run = await readRunIn(path, metaRuns, openStart);
  const onnxFile = ownOnnx(path, run, openStart);
  const backbone = await openBackbone(backboneOf(run), { onnxFile, openStore: openStart });
  const opened = await openLearner(path, { run, backbone, way, checkpoint: 'best', openStore: openStart });
  const digest = await sha256Of(await openStart(path).read(checkpointFile('best')));
  return { name: path, opened, noted: { adaptedFrom: path, weightsSha256: digest } };
}

/** A pretrained network as what a baseline of meta-learning goes by. */
async function openFeatureStart(
  { model: name, weights, learner = 'nearest-centroid' }: FeatureStart,
  way: number,
  openStore: OpenRunStore,
): Promise<OpenStart> {
  const { model, checkpoint, onnx } = await openBackbone({ model: name, weights, head: null }, { openStore });
  const config = resolveMetaConfigFor(parseMetaConfig({ model: name, weights, learner }), model);
  if (checkpoint === null) throw new UserError(`${name}: features need weights. Name some: \`weights\`.`);
  const preprocessing = checkpoint.preprocessing ?? model.preprocessing;
  const parts = learnerOf(config, model, preprocessing, way);
  const values = allVariables(checkpoint, model, variablesOf(parts.network), { newHead: true, seed: 0 });
  const { seen, notes, sha256 } = checkpoint;
  const opened = { ...parts, values, notes, config, model, preprocessing, seen, images: null, onnx };
  return { name: weights, opened, noted: { adaptedFrom: weights, weightsSha256: sha256 } };
}
