import { option } from '../base/code.ts';
import { OptionError, UserError } from '../base/errors.ts';
import type { Tensors } from '../base/tensor.ts';
import type { Cache } from '../fit/cache.ts';
import type { TrainEvent } from '../fit/events.ts';
import type { ImageSet } from '../fit/examples.ts';
import { imageModel, type Model } from '../fit/model.ts';
import { variablesOf } from '../fit/step.ts';
import { type ImageDataset, type ImageRecord, imagesOf } from '../image/dataset.ts';
import { contentKey, type Seen } from '../image/seen.ts';
import { isOnnx, type NamedArchitecture, type Preprocessing } from '../models/index.ts';
import type { ResolvedConfig } from '../recipe/config/index.ts';
import { partialTransfer, type TransferHead } from '../recipe/partial-transfer.ts';
import { changedPreprocessing } from '../recipe/preprocessing.ts';
import { type Strategy, strategies } from '../recipe/strategy.ts';
import type { Runtime } from '../runtime/index.ts';
import { type Checkpoint, weightsFor } from '../weights/checkpoint.ts';

/** The progress of the work before the first step. */
export interface Preparation {
  readonly stage:
    | 'downloading weights (KiB)'
    | 'waiting for another download'
    | 'checking images'
    | 'decoding images'
    | 'timing kernels'
    | 'checking kernels'
    | 'extracting features';
  readonly done: number;
  readonly total: number;
}

/** The network that training starts from and prediction uses: a model with its weights, if any. */
export interface Backbone {
  readonly model: NamedArchitecture;
  readonly checkpoint: Checkpoint | null;
  /** The file that is the model, where it is not one of the zoo's: a run keeps it. */
  readonly onnx: Uint8Array | null;
}

/** Keeps account of which images of a dataset were decoded, of those that were taken on the word of their headers. */
export interface Proof {
  /**
   * Passes on what happens in training. By the end of its first epoch every image was decoded, so that none turns out
   * to be damaged later.
   * @throws ImageError where one is
   */
  within(events: AsyncIterable<TrainEvent>): AsyncGenerator<TrainEvent, void, undefined>;
  /** Whether training went beyond the moment when its folder is made. */
  readonly hasBegun: boolean;
  /** Keeps for later runs what was decoded. */
  remember(): Promise<void>;
  /**
   * Whether an error says that an image is damaged which was taken for sound. Not so where its file has changed since:
   * that is another matter.
   */
  isDamage(error: unknown): Promise<boolean>;
}

/** The images of a run: a dataset with some to validate on, by a split that knows what the weights have seen. */
export interface RunImages<D extends ImageDataset = ImageDataset> {
  readonly folder: D;
  /** The identity of its content, whatever the split. */
  readonly fingerprint: string;
  /** The images to train on, and those that judge. */
  readonly data: Readonly<Record<'train' | 'validation', ImageSet>>;
  readonly proof: Proof;
  /** Notes on reading the dataset and on what the weights have seen of it, a sentence each. */
  readonly notes: readonly string[];
}

/** The parts of a run, before anything is trained. */
export interface Prepared<D extends ImageDataset = ImageDataset> extends RunImages<D> {
  readonly config: ResolvedConfig;
  readonly architecture: NamedArchitecture;
  readonly preprocessing: Preprocessing;
  /** The network, with its first values: pretrained or drawn. */
  readonly model: Model;
  /** Those values, whatever the model has come to. */
  readonly initial: Tensors;
  readonly weightsSha256: string | null;
  /** The images that the weights were trained on; null where unknown. */
  readonly seen: Seen | null;
  /** The images that the weights had seen when the split was made: the same, or those another run began with. */
  readonly before: Seen | null;
  /** The preprocessing that the pretrained weights were trained with; null without any. */
  readonly pretraining: Preprocessing | null;
  /** The file that is the model, where it is not one of the zoo's. */
  readonly onnx: Uint8Array | null;
  readonly threads: number;
  readonly onPreparation: (progress: Preparation) => void;
  /** Receives a sentence about a file in the cache that is not used. */
  readonly onNote: (note: string) => void;
  readonly cache: Cache | null;
}

/** A run whose images are not opened yet. */
export interface RunStart {
  readonly config: ResolvedConfig;
  readonly backbone: Backbone;
  readonly preprocessing: Preprocessing;
  /** The weights, where the strategy starts from them. */
  readonly start: Checkpoint | null;
}

/**
 * What a run of these options starts from.
 * @throws UserError where the strategy does not go with the weights
 */
export function runStart(config: ResolvedConfig, backbone: Backbone): RunStart {
  const { model, checkpoint } = backbone;
  if (checkpoint?.learner) assertStatistics(config, checkpoint);
  const preprocessing = changedPreprocessing(checkpoint?.preprocessing ?? model.preprocessing, model, config);
  return { config, backbone, preprocessing, start: strategies[config.strategy].pretrained ? checkpoint : null };
}

/** The surroundings of a run that is prepared. */
export type RunSite<D extends ImageDataset> = Pick<
  Prepared<D>,
  'before' | 'threads' | 'onPreparation' | 'onNote' | 'cache'
> & {
  readonly images: RunImages<D>;
  readonly runtime: Runtime;
};

/** The model of a run with its first values, and all that is known of the run. */
export function preparedRun<D extends ImageDataset>(
  { config, backbone, preprocessing, start }: RunStart,
  { images, runtime, before, threads, onPreparation, onNote, cache }: RunSite<D>,
): Prepared<D> {
  const { model: architecture, checkpoint, onnx } = backbone;
  const { classes } = images.folder;
  const { keepsHead } = strategies[config.strategy];
  const model = imageModel({ architecture, preprocessing, classes, runtime, seed: config.seed });
  const transferHead = keepsHead ? headOf(config, start!, classes) : null;
  const newHead = transferHead !== 'kept';
  if (start) model.load(weightsFor(start, architecture, variablesOf(model.network), { newHead }));
  const decided = { ...config, transferHead };
  const cut = keepsHead ? [partialTransfer(decided, model.table).description] : [];
  return {
    ...images,
    config: decided,
    architecture,
    preprocessing,
    model,
    initial: model.variables,
    onnx,
    notes: [...(checkpoint?.notes ?? []), ...images.notes, ...cut],
    weightsSha256: start?.sha256 ?? null,
    seen: start?.seen ?? null,
    before,
    pretraining: start ? (start.preprocessing ?? architecture.preprocessing) : null,
    threads,
    onPreparation,
    onNote,
    cache,
  };
}

/**
 * Whether the weights' head is taken over: where it tells the classes of the images apart, in their order.
 * @throws UserError where that is asked for, and it does not
 */
function headOf({ head, transferHead }: ResolvedConfig, start: Checkpoint, classes: readonly string[]): TransferHead {
  if (transferHead === 'new') return 'new';
  const fits = JSON.stringify([start.classes, start.head ?? null]) === JSON.stringify([classes, head]);
  if (fits || transferHead === null) return fits ? 'kept' : 'new';
  const own = start.classes?.join(', ') ?? 'classes that it does not name';
  const layers = start.head ? ` (${option('head', start.head)})` : '';
  throw new OptionError({
    option: 'transferHead',
    expected: 'new, since the classes differ',
    received: transferHead,
    problem:
      ` kept: the head of ${start.path} is for ${own}${layers}, the images are of ${classes.join(', ')}. ` +
      'Leave it out for a new one.',
  });
}

/** @throws UserError where the strategy wants pretrained weights and there are none, or the reverse */
export function assertWeightsOption({ model, weights, strategy: name }: ResolvedConfig): void {
  const strategy: Strategy = strategies[name];
  if (strategy.pretrained && weights === null && !isOnnx(model)) {
    throw new OptionError({
      option: 'strategy',
      expected: 'scratch, without weights',
      received: name,
      problem:
        ` ${name} starts from pretrained weights, and none are published for ${model}: ` +
        `name a file as ${option('weights')}, or pass ${option('strategy', 'scratch')}.`,
    });
  }
  if (!strategy.pretrained && weights !== null) {
    throw new OptionError({
      option: 'strategy',
      expected: 'one that starts from pretrained weights',
      received: name,
      problem: ` ${name} starts from random weights: leave out ${option('weights')}.`,
    });
  }
}

/**
 * @throws UserError where layers would be frozen that have no running statistics, since meta-learning goes by those of
 * a batch
 */
function assertStatistics({ strategy }: ResolvedConfig, { path, learner, tensors }: Checkpoint): void {
  const hasNone = Object.entries(tensors).some(
    ([name, { data }]) => name.endsWith('running_var') && data.every((value: number | bigint) => value === 1),
  );
  if (strategy === 'full' || !hasNone) return;
  throw new UserError(
    `${path} is what ${learner} learned to start from: its batch norms have no running statistics, which frozen ` +
      'layers need. `adaptMeta(run, folder)` makes a run that has them and is taken here, with the head; or train ' +
      'everything: `strategy: "full"`.',
  );
}

/** Notes on the images that the weights have seen, a sentence each. */
export function notesOnSeen(folder: ImageDataset, before: Seen | null, weights: string | null): string[] {
  if (!before) return [];
  const { train, validation, keptOut } = folder;
  const known = train.filter((image) => before.fitted.has(contentKey(image))).length;
  const chosen = validation.filter((image) => before.chosen.has(contentKey(image))).length;
  const start = weights ?? 'The run that this one is compared with';
  return [
    ...(before.isComplete
      ? []
      : [
          `${start} does not say which images it was trained on, as exports and files of version 0.1 do not: some ` +
            'of them may be among those that validate.',
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

/**
 * @param path names the dataset in the message
 * @throws UserError where no image is left to validate on, with what can be done about it
 */
export function assertValidation(
  path: string,
  folder: ImageDataset,
  before: Seen | null,
  weights: string | null,
): void {
  if (folder.validation.length > 0) return;
  const known = before && folder.train.some((image) => before.fitted.has(contentKey(image)));
  if (!known && folder.keptOut.length === 0) {
    const hasTwo = new Set(folder.train.map(({ label }) => label)).size < folder.train.length;
    const advice = hasTwo
      ? 'Give `validationFraction` a share, or add a folder val/.'
      : `its ${folder.classes.length} classes have one each, which is to train on. Add images (ten or more of each ` +
        'class make a useful classifier); or adapt a start that was made for a few images of each class: ' +
        '`adaptMeta(start, folder)`.';
    throw new UserError(`${path}: no image is left to validate on${hasTwo ? '.' : ':'} ${advice}`);
  }
  throw new UserError(
    `${path}: no image is left to validate on: ${weights} was trained on them (${before!.history.join(', ')}), ` +
      'and would be praised for what it knows by heart. Add images that it has not seen, or start from other weights.',
  );
}

/** The contents of all images of a dataset. */
export function contentsOf(dataset: ImageDataset): ReturnType<typeof contentKey>[] {
  return imagesOf<ImageRecord>(dataset).map(contentKey);
}
