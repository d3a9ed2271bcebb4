import { basename, resolve } from 'node:path';
import { wilsonInterval } from '@graft-ml/core/evaluate';
import { OptionError, UserError } from '@graft-ml/core/internal/base/errors';
import { quote } from '@graft-ml/core/internal/base/quote';
import { type EvaluationMetrics, startEvaluation } from '@graft-ml/core/internal/evaluate/evaluation';
import { confusedPairs } from '@graft-ml/core/internal/evaluate/interpretation';
import { type CardFormat, usageOf } from '@graft-ml/core/internal/export/card-usage';
import {
  type CardBase,
  type CardCalibration,
  type CardDtypes,
  type CardLicence,
  type CardMeasure,
  type MetaCard,
  modelCardText,
  type TrainingCard,
} from '@graft-ml/core/internal/export/model-card';
import type { ExportDtype, PreprocessingPlace } from '@graft-ml/core/internal/export/names';
import { isOnnx } from '@graft-ml/core/internal/models/index';
import type { MetaRun } from '@graft-ml/core/internal/runs/meta-run';
import { isTrainedByProgram, placeOf, type Run, type RunRecord } from '@graft-ml/core/internal/runs/run-file';
import type { WeightsEntry } from '@graft-ml/core/internal/weights/registry/entry';
import { entriesOf, entryNamed, publishedAs } from '@graft-ml/core/internal/weights/registry/lookup';
import { classifyLabelled } from '../evaluate/evaluate-folder.ts';
import { chooseImages } from '../evaluate/evaluation-images.ts';
import type { OpenRunOptions } from '../evaluate/open-run.ts';
import { type OpenedRun, openRunWithImages } from '../explain/opened-run.ts';
import { readMetaRun } from '../meta/read-meta-run.ts';
import { openMetaTest } from '../meta/test-meta.ts';
import { kindOfRun, readRun } from '../runs/read-run.ts';
import { textOf } from '../text/options.ts';
import type { DtypeComparison } from './compare-dtypes.ts';

/** Options of a model card. */
export interface ModelCardOptions
  extends Pick<OpenRunOptions, 'checkpoint' | 'calibrated' | 'device' | 'cache' | 'openStore'> {
  /** The form in which the model is published, which the code in the card opens. Default `hf`; a meta-learned run is always `run`. */
  readonly format?: CardFormat | undefined;
  /** The numbers of the network, which decide its file, or of several networks. Default `fp32`. */
  readonly dtype?: ExportDtype | readonly ExportDtype[] | undefined;
  /** The accuracy of other numbers than fp32, as `exportRun` measured it. Default: the card says nothing of them. */
  readonly comparison?: DtypeComparison | null | undefined;
  /** Whether the model resizes and crops images itself. Default `outside`: it does not. */
  readonly preprocessing?: PreprocessingPlace | undefined;
  /** The repository on the hub, `owner/name`. Default: none, and the code in the card opens a folder. */
  readonly repo?: string | undefined;
  /** The name of the folder that the code in the card opens, where it lies in the working folder. Default `model`. */
  readonly folder?: string | undefined;
  /** The model's title. Default: the repository, or the name of the run's folder. */
  readonly name?: string | undefined;
  /** Its licence, as the hub spells it: `mit`, `apache-2.0`. Default: that of the published weights it began with. */
  readonly licence?: string | undefined;
  /** The dataset's repository on the hub, where its images are published. */
  readonly dataset?: string | undefined;
  /**
   * Whether to measure it now, on the validation and the test images of the run, or for a meta-learned run on episodes
   * of test classes. Without, or where the images are no longer there, the card says the best accuracy that the run
   * recorded. Default true.
   */
  readonly evaluate?: boolean | undefined;
  /** Where the run's dataset is now, if it was moved, or if the run was made by someone else. */
  readonly data?: string | undefined;
  /** Episodes to measure a meta-learned run on. Default 600. */
  readonly episodes?: number | undefined;
  /** Ends it with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?:
    | ((progress: { readonly stage: string; readonly done: number; readonly total: number }) => void)
    | undefined;
  /** Hears, in a sentence, why the run was not measured. */
  readonly onNote?: ((note: string) => void) | undefined;
}

/**
 * The model card of a run in Hugging Face's form: a README.md with metadata that the hub indexes, the accuracy with its
 * interval and the images that it is of, how the model was trained, its preprocessing, its limits and the licence of the
 * weights it began with, and code that opens it. It holds no paths and no names of files.
 *
 * @param run a run of `trainFolder` or `trainMeta`
 * @throws UserError where the run cannot be read; OptionError where a name is not one of the hub's; the signal's reason
 * @example await writeFile('README.md', await modelCard('runs/x', { repo: 'acme/flowers' }));
 */
export async function modelCard(run: string, options: ModelCardOptions = {}): Promise<string> {
  assertNames(options);
  const kind = await kindOfRun(run, options.openStore);
  return modelCardText(kind === 'meta' ? await metaCard(run, options) : await trainingCard(run, options));
}

async function trainingCard(path: string, options: ModelCardOptions): Promise<TrainingCard> {
  const { format = 'hf', checkpoint = 'best', calibrated = true } = options;
  const run = await readRun(path, options.openStore);
  const measures = (await orNote(options, () => measureRun(path, options))) ?? recorded(run);
  const { train, validation, test } = run.dataset;
  return {
    kind: 'train',
    ...commonFacts(path, run, options, format),
    classes: run.classes,
    data: { train, validation, test },
    measures,
    dtypes: dtypesOf(options),
    // A calibration holds for the checkpoint that it was fitted to.
    calibration: calibrated && run.calibration?.checkpoint === checkpoint ? calibrationOf(run.calibration) : null,
    training: isTrainedByProgram(run) ? [] : trainingRows(run),
    caveats: run.warnings.some(({ kind }) => kind === 'imbalance')
      ? ['Some classes had many more training images than others; it may favour them.']
      : [],
  };
}

/** Of the compared dtypes those that are published, and fp32. */
function dtypesOf({ comparison, dtype = [] }: ModelCardOptions): CardDtypes | null {
  if (!comparison) return null;
  const { images, part, rows } = comparison;
  const published = ['fp32', ...[dtype].flat()];
  return { images, part, rows: rows.filter((row) => published.includes(row.dtype)) };
}

function calibrationOf({ temperature, images, calibrationError }: NonNullable<Run['calibration']>): CardCalibration {
  return { temperature, images, before: calibrationError.before, after: calibrationError.after };
}

/** The test part first, then the validation part, each if the run has one. */
async function measureRun(path: string, options: ModelCardOptions): Promise<readonly CardMeasure[]> {
  const { data, checkpoint, calibrated, device, cache, openStore, signal } = options;
  const opening = { data, checkpoint, calibrated, device, cache, openStore, signal };
  await using opened = await openRunWithImages(path, opening);
  if (!opened.images.sameDataset) throw new UserError(`${opened.folder} does not hold the images of ${path}.`);
  const measures: CardMeasure[] = [];
  for (const part of ['test', 'validation'] as const) {
    if (opened.run.dataset[part] > 0) measures.push(await measurePart(opened, part, options));
  }
  return measures;
}

async function measurePart(
  { run, folder, classifier, images }: OpenedRun,
  part: 'validation' | 'test',
  { signal, onProgress }: ModelCardOptions,
): Promise<CardMeasure> {
  const chosen = chooseImages(images, folder, { part });
  const evaluation = startEvaluation(run.classes, { replicates: 0 });
  for await (const { label, probabilities } of classifyLabelled(classifier, chosen, { signal })) {
    evaluation.add(label, probabilities);
    onProgress?.({ stage: `measuring the ${part} part`, done: evaluation.images, total: chosen.images.length });
  }
  return measureOf(part, evaluation.value(), chosen.seen.fitted - chosen.seen.leftOut);
}

/** The most confusions that a card names. */
const mostConfused = 5;

function measureOf(part: 'validation' | 'test', metrics: EvaluationMetrics, known: number): CardMeasure {
  const { images, accuracy, interval, macro, classes, confusion, calibration } = metrics;
  const name = (i: number) => classes[i]!.name;
  return {
    part,
    images,
    accuracy,
    interval,
    others: Number.isFinite(macro.f1) ? [{ type: 'f1', name: 'Macro F1', value: macro.f1 }] : [],
    confused: confusedPairs(confusion)
      .slice(0, mostConfused)
      .map(({ label, predicted, count, share }) => ({ label: name(label), predicted: name(predicted), count, share })),
    classes: classes.map(({ name: of, support, recall, precision }) => ({
      name: of,
      images: support,
      recall,
      interval: support > 0 ? wilsonInterval(Math.round(recall * support), support) : [Number.NaN, Number.NaN],
      precision,
    })),
    calibrationError: calibration.error,
    known: Math.max(0, known),
  };
}

/** The accuracy that the run recorded. */
function recorded({ best, dataset: { validation: images } }: Run): CardMeasure[] {
  if (best === null || images === 0) return [];
  const { accuracy } = best;
  const interval = wilsonInterval(Math.round(accuracy * images), images);
  const others = { others: [], confused: [], classes: null, calibrationError: null, known: 0 };
  return [{ part: 'validation', images, accuracy, interval, ...others }];
}

async function metaCard(path: string, options: ModelCardOptions): Promise<MetaCard> {
  const run = await readMetaRun(path, options.openStore);
  const { config, best, dataset } = run;
  const test = await orNote(options, () => measureMeta(path, options));
  const measured = test && {
    side: 'test' as const,
    episodes: test.episodes,
    accuracy: test.accuracy.mean,
    margin: test.accuracy.margin,
  };
  const noted = best && {
    side: 'validation' as const,
    episodes: config.episodes,
    accuracy: best.accuracy,
    margin: null,
  };
  return {
    kind: 'meta',
    ...commonFacts(path, run, options, 'run'),
    learner: config.learner,
    shape: { way: config.way, shots: config.shots, queries: config.queries },
    data: { train: dataset.train, validation: dataset.validation, test: dataset.test },
    measure: measured ?? noted,
    training: metaRows(run),
    caveats:
      test?.statistics === 'batch'
        ? ['Queries of an episode are normalised together, so that they help each other (transductive).']
        : [],
  };
}

async function measureMeta(path: string, options: ModelCardOptions) {
  const { checkpoint, cache, openStore, signal, onProgress, data: folder, episodes } = options;
  await using opened = await openMetaTest(path, { checkpoint, cache, openStore, signal, folder, episodes });
  const progress = (done: number, total: number) => onProgress?.({ stage: 'testing episodes', done, total });
  return (await opened.test({ signal, onProgress: progress })).test;
}

/** What was measured; null, with a note, where the images cannot be had, and where that was not asked for. */
async function orNote<T>({ evaluate = true, onNote }: ModelCardOptions, measure: () => Promise<T>): Promise<T | null> {
  if (!evaluate) return null;
  try {
    return await measure();
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    onNote?.(`Not measured, so that the card says what the run recorded: ${error.message}`);
    return null;
  }
}

type AnyRun = RunRecord & {
  readonly config: { readonly model: string | null; readonly weights: string | null; readonly seed: number };
};

function commonFacts(path: string, run: AnyRun, options: ModelCardOptions, format: CardFormat) {
  const { config, parameters, preprocessing, versions } = run;
  const { repo, dataset, preprocessing: place, folder } = options;
  const [dtype = 'fp32', ...others] = [options.dtype ?? []].flat();
  const entry = publishedStart(run);
  return {
    name: options.name ?? repo ?? basename(resolve(path)),
    licence: options.licence === undefined ? licenceOf(entry) : { id: options.licence.toLowerCase() },
    base: entry && baseOf(entry),
    dataset: dataset ?? null,
    architecture: architectureOf(config.model),
    parameters,
    preprocessing,
    environment: `Graft ${run.graft}, ONNX Runtime ${versions.onnxruntime}, ${placeOf(run)}, ${run.device}`,
    usage: usageOf(format, repo ?? null, { dtypes: [dtype, ...others], preprocessing: place, folder }),
  };
}

/** The name of a model, of which a file's would be a path. */
function architectureOf(model: string | null): string {
  if (model === null) return 'the learner’s own network';
  return isOnnx(model) ? 'an ONNX file' : (entryNamed(model)?.architecture ?? model);
}

/** The published weights that a run began with; null for others, and for none. */
function publishedStart({ config: { model, weights }, weightsSha256 }: AnyRun): WeightsEntry | null {
  if (weightsSha256 === null || model === null || isOnnx(model)) return null;
  const named = entryNamed(model);
  if (weights !== null) return publishedAs(weights, named?.architecture ?? model) ?? null;
  return named ?? entriesOf(model)[0] ?? null;
}

function baseOf({ name, licence, source, url }: WeightsEntry): CardBase {
  const { hostname, pathname } = new URL(url);
  const [owner, repo] = pathname.split('/').slice(1);
  return { name, hub: hostname === 'huggingface.co' ? `${owner}/${repo}` : null, licence, source };
}

/** A licence of the registry by the hub's identifiers. */
function licenceOf(entry: WeightsEntry | null): CardLicence | null {
  const licence = entry?.licence ?? null;
  if (licence === null) return null;
  const own = /^LicenseRef-(.*)$/.exec(licence);
  if (own === null) return { id: licence.toLowerCase() };
  return { id: 'other', name: `${own[1]!.toLowerCase()}-license`, link: entry!.source };
}

/** A share of the options that decide what was trained and how: those that are no places. */
function trainingRows(run: Run): [string, string][] {
  const { config, decision, batchNorm, dataset, weightsSha256, adaptedFrom } = run;
  const value = (key: keyof Run['config']) => textOf(key, config[key]) ?? String(config[key]);
  const fingerprint = ['dataset fingerprint', dataset.fingerprint.slice(0, 16)] as const;
  // Of the options of a training an adaptation has none.
  if (adaptedFrom !== null) {
    return [['method', 'a meta-learned run, adapted to these images'], ['seed', value('seed')], [...fingerprint]];
  }
  const own = publishedStart(run) === null && weightsSha256 !== null;
  const always = [
    ...(own ? [['weights', `its author’s own, SHA-256 ${weightsSha256.slice(0, 16)}…`] as const] : []),
    ...(weightsSha256 === null ? [['weights', 'none: trained from scratch'] as const] : []),
    ['strategy', `${config.strategy}${decision ? `, which chose ${decision.strategy}` : ''}`] as const,
    ['epochs', `${config.epochs! + run.addedEpochs}${run.best ? ` (the best: ${run.best.epoch})` : ''}`] as const,
    ['batch size', value('batchSize')] as const,
    ['optimizer', value('optimizer')] as const,
    ['learning rate', `${value('learningRate')} (${value('schedule')})`] as const,
    ['weight decay', value('weightDecay')] as const,
    ['augmentation', value('augment')] as const,
    ['batch norm', batchNorm] as const,
    ['seed', value('seed')] as const,
    fingerprint,
  ];
  const others = (['mixup', 'cutmix', 'labelSmoothing', 'ema', 'layerDecay', 'patience'] as const)
    .filter((key) => config[key] !== null && config[key] !== 0 && config[key] !== 1)
    .map((key) => [key, value(key)] as const);
  return [...always, ...others].map(([name, said]) => [name, said]);
}

function metaRows({ config, best }: MetaRun): [string, string][] {
  const rows: (readonly [string, unknown])[] = [
    ['learner', config.learner],
    ['order', config.order],
    ['inner steps', config.innerSteps],
    ['inner rate', config.innerRate],
    ['inner steps in tests', config.testSteps],
    ['optimizer', config.optimizer],
    ['learning rate', config.learningRate],
    ['meta-steps', config.metaSteps],
    ['episodes of a step', config.metaBatch],
    ['best validation', best?.epoch],
    ['seed', config.seed],
  ];
  return rows
    .filter(([, value]) => value !== null && value !== undefined)
    .map(([name, value]) => [name, String(value)]);
}

/** `owner/name`, as the hub allows it. */
const repoName = /^[A-Za-z0-9][\w.-]{0,95}\/[A-Za-z0-9][\w.-]{0,95}$/;

const isRepoName = (name: string) => repoName.test(name) && !/--|\.\.|[.-]$|[.-]\/|\.git$/.test(name);
const repoForm = '`owner/name`, in letters, digits, hyphens, underscores and dots';

/** @throws UserError where it is not `owner/name`, which is all that stands in addresses and code */
export function assertRepoName(name: string): void {
  if (!isRepoName(name))
    throw new UserError(`${quote(name)} does not name a repository of the hub: expected ${repoForm}.`);
}

function assertRepoOption(option: string, name: string | undefined): void {
  if (name === undefined || isRepoName(name)) return;
  throw new OptionError({ option, expected: `a repository of the hub, ${repoForm}`, received: name });
}

function assertNames({ repo, dataset, licence }: ModelCardOptions): void {
  assertRepoOption('repo', repo);
  assertRepoOption('dataset', dataset);
  if (licence === undefined || /^[a-z0-9][a-z0-9.+-]{0,60}$/i.test(licence)) return;
  throw new OptionError({
    option: 'licence',
    expected: 'a licence as the hub spells it, such as `mit`',
    received: licence,
  });
}
