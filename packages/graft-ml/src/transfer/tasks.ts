import { createHash } from 'node:crypto';
import { constant, print } from '@graft-ml/core/graph';
import { option } from '@graft-ml/core/internal/base/code';
import { OptionError } from '@graft-ml/core/internal/base/errors';
import type { Tensors } from '@graft-ml/core/internal/base/tensor';
import { noFeatures } from '@graft-ml/core/internal/fit/cache';
import { type Cut, cutBefore, prefixGraph } from '@graft-ml/core/internal/fit/cut';
import { accuracy } from '@graft-ml/core/internal/fit/metrics';
import { type Mixing, mixed } from '@graft-ml/core/internal/fit/mixing';
import { imageNetwork } from '@graft-ml/core/internal/fit/network';
import { epochOrder } from '@graft-ml/core/internal/fit/sampling';
import { fits, inMemory, type Source, throughPrefix, whenAsked } from '@graft-ml/core/internal/fit/source';
import type { Stage, StageRates, StageSources } from '@graft-ml/core/internal/fit/stage';
import type { Network } from '@graft-ml/core/internal/fit/step';
import type { TrainingTask } from '@graft-ml/core/internal/fit/task';
import { augmentationOf } from '@graft-ml/core/internal/image/augment/levels';
import {
  clipOf,
  lossOf,
  mixingOf,
  optimizerOf,
  type ResolvedConfig,
} from '@graft-ml/core/internal/recipe/config/index';
import type { PlannedStage } from '@graft-ml/core/internal/recipe/plan';
import { strategies } from '@graft-ml/core/internal/recipe/strategy';
import { batching, timetableOf } from '@graft-ml/core/internal/recipe/timetable';
import { crossEntropyLoss } from '@graft-ml/core/nn';
import { hashOf } from '../checkpoint/pretrained.ts';
import type { DatasetImage } from '../data/dataset.ts';
import { ortVersion } from '../runtime/index.ts';
import { featureSource } from './feature-source.ts';
import { imageSource, type SeededAugmentation } from './image-source.ts';
import type { Prepared } from './prepare.ts';

/** The trainer's task for a plan. */
export function trainingTask(prepared: Prepared, plan: readonly PlannedStage[]): TrainingTask {
  const { config, model, preprocessing, folder, initial } = prepared;
  const { seed, sampling, ema, patience, batchNorm } = config;
  const network = imageNetwork(model, preprocessing, folder.classes.length);
  const labels = folder.train.map(({ label }) => label);
  const { stages, stepsPerEpoch, warmup } = timetableOf(config, plan, labels.length);
  const { batchSize, accumulate } = batching(config, labels.length);
  const ready = stages.map((stage) => stageOf(stage, network, prepared));
  assertMixing(config, ready);
  return {
    stages: ready,
    stepsPerEpoch,
    warmup,
    initial,
    optimizer: optimizerOf(config),
    loss: crossEntropyLoss(lossOf(config, labels, folder.classes.length)),
    metrics: [accuracy()],
    clip: clipOf(config),
    batchNorm,
    batchSize,
    accumulate,
    order: epochOrder(sampling, labels, seed),
    average: ema,
    patience,
    seed,
  };
}

/**
 * @throws UserError where images are to be mixed, and in no stage whole images are what is trained on. (What auto comes
 * to is its own choice.)
 */
function assertMixing(config: ResolvedConfig, stages: readonly Stage[]): void {
  const { strategy, mixup } = config;
  if (mixingOf(config) === null || strategies[strategy].isDecidedByProbe || stages.some(({ mixes }) => mixes)) return;
  throw new OptionError({
    option: mixup === null ? 'cutmix' : 'mixup',
    expected: 'nothing where features are trained on',
    received: mixup ?? config.cutmix,
    problem:
      ` mixes images, but ${option('strategy', strategy)} trains on features of them here, since what comes ` +
      'first in the network is ' +
      'frozen. Leave it out, or train everything (full, scratch, or gradual in its last stage).',
  });
}

/** A planned stage with all it needs: its network begins where something is trained. */
function stageOf(planned: PlannedStage & StageRates, network: Network, prepared: Prepared): Stage {
  const { name, epochs, settings, schedule, isFresh, isProbe } = planned;
  const { config } = prepared;
  const cut = cutBefore(network, (parameter) => Boolean(settings.get(parameter)));
  const augmentation = augmentationOf(config.augment);
  const isAugmented = augmentation.length > 0 && (!isProbe || config.views !== null);
  const augmented = isAugmented ? { seed: config.seed, augmentation } : null;
  const mixing = cut ? null : mixingOf(config);
  const open = cut
    ? (variables: Tensors) => openBehind(cut, network, augmented, variables, prepared)
    : () => openImages(network, augmented, mixing, prepared);
  const mixes = mixing !== null;
  return { name, epochs, network: cut?.network ?? network, settings, schedule, isFresh, mixes, open };
}

/** Opens images, augmented anew in every epoch, and mixed, where nothing is frozen. */
async function openImages(
  network: Network,
  augmented: SeededAugmentation | null,
  mixing: Mixing | null,
  prepared: Prepared,
): Promise<StageSources> {
  const { config, preprocessing, folder, pool } = prepared;
  const training = imageSource(pool, folder.train, preprocessing, augmented);
  const validation = imageSource(pool, folder.validation, preprocessing, null);
  return {
    training: mixing ? mixed(training, mixing, config.seed) : training,
    // Evaluation sees the same in every epoch, so its images are decoded once: at the end of the first.
    validation: fits(config.memory, validation.size, network.input)
      ? whenAsked(validation.size, () =>
          inMemory(validation, network.input, { batchSize: Math.min(config.batchSize, validation.size) }),
        )
      : validation,
    close: async () => {},
  };
}

/**
 * Opens the outputs of the frozen layers, which run as a graph of their own; those of images that do not change are
 * kept.
 */
async function openBehind(
  { endpoint, shape }: Cut,
  network: Network,
  augmented: SeededAugmentation | null,
  variables: Tensors,
  prepared: Prepared,
): Promise<StageSources> {
  const { config, preprocessing, folder, pool, runtime, cache, onPreparation, onNote } = prepared;
  const { train, validation } = folder;
  const batchSize = Math.min(16, train.length + validation.length);
  const features = prefixGraph(network, endpoint, batchSize, ({ name }) => constant(variables[name]!));
  const prefix = await runtime.compile({ features });
  const isAnew = augmented !== null && config.views === null;
  const views = augmented === null ? 1 : (config.views ?? 1);
  const kept = validation.length + (isAnew ? 0 : views * train.length);
  const input = { dtype: 'f32', shape } as const;
  const fitsMemory = fits(config.memory, kept, input);
  const isKept = fitsMemory || (cache !== null && fits(config.disk, kept, input));
  const trunk = trunkKey(prepared, network, endpoint, batchSize, variables);
  const limit = config.disk * 2 ** 20;
  const table = (await cache?.features(trunk, shape, { limit, onNote })) ?? noFeatures;
  const total = isKept ? kept : 0;
  let before = 0;
  const source = async (images: readonly DatasetImage[], how: SeededAugmentation | null): Promise<Source> => {
    const computed = throughPrefix(imageSource(pool, images, preprocessing, how), prefix, batchSize);
    if (!isKept || (how !== null && isAnew)) return computed;
    const cached = await featureSource(computed, {
      shape,
      views: how === null ? 1 : views,
      key: (image, view) => viewKey(images[image]!, how && { ...how, image, view }),
      labels: images.map(({ label }) => label),
      table,
      inMemory: fitsMemory,
      batchSize,
      onProgress: (done) => onPreparation({ stage: 'extracting features', done: before + done, total }),
    });
    before += images.length * (how === null ? 1 : views);
    return cached;
  };
  return {
    training: await source(train, augmented),
    validation: await source(validation, null),
    close: async () => {
      await table.close();
      await prefix.release();
    },
  };
}

/** A name for all that features depend on besides the image: what is computed, with which numbers, by what. */
function trunkKey(
  { preprocessing, runtime, threads, pool }: Prepared,
  network: Network,
  endpoint: string,
  batchSize: number,
  variables: Tensors,
): string {
  const used: Record<string, Tensors[string]> = {};
  const features = prefixGraph(network, endpoint, batchSize, (variable) => {
    used[variable.name] = variables[variable.name]!;
    return constant(variables[variable.name]!, variable.name);
  });
  const { device, choices } = runtime;
  const versions = [ortVersion(), device, threads];
  const parts = [
    print({ features }),
    hashOf(used),
    preprocessing,
    versions,
    pool.identity,
    Object.entries(choices).sort(),
  ];
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 32);
}

/** A view of an image, by the image's content and all that the view depends on. */
function viewKey(
  { sha256 }: DatasetImage,
  how: (SeededAugmentation & { readonly image: number; readonly view: number }) | null,
): string {
  return how === null ? sha256 : JSON.stringify([sha256, how.seed, how.augmentation, how.image, how.view]);
}
