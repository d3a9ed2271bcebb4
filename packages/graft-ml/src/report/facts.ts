import { type Reliability, wilsonInterval } from '@graft-ml/core/evaluate';
import { type EvaluationMetrics, startEvaluation } from '@graft-ml/core/internal/evaluate/evaluation';
import { type CountedPair, confusedPairs } from '@graft-ml/core/internal/evaluate/interpretation';
import { type ResourceSession, readResources } from '@graft-ml/core/internal/runs/resources';
import { type LoggedEpoch, loggedEpochs } from '@graft-ml/core/internal/runs/run-curves';
import type { Run } from '@graft-ml/core/internal/runs/run-file';
import type { ImageFile } from '../data/decode.ts';
import { classifyLabelled } from '../evaluate/evaluate-folder.ts';
import { chooseImages, type Part, type SeenImages } from '../evaluate/evaluation-images.ts';
import type { OpenRunOptions } from '../evaluate/open-run.ts';
import { type OpenedRun, openRunWithImages, pathFrom, sampled } from '../explain/opened-run.ts';
import { openRunStore } from '../runs/run-store.ts';
import { diagnose, type FitDiagnosis, type StageTime, stagesOf } from './course.ts';
import { type EvidenceOf, explainExamples } from './evidence.ts';
import { type AnsweredImage, checkAnswers, checkLabels, filesOf, type LabelCheck, mostSuspects } from './labels.ts';
import { type LayerPlan, layerPlan } from './layers.ts';
import { type ImageMap, mapOf } from './map.ts';
import { ImageSelection, type SelectedImage } from './selection.ts';
import { drawThumbnails, type Thumbnails } from './thumbnails.ts';

/** What a report is made from. */
export interface ReportFacts {
  readonly path: string;
  readonly run: Run;
  /** The folder of its images as it is now. */
  readonly folder: string;
  readonly epochs: readonly LoggedEpoch[];
  readonly stages: readonly StageTime[];
  /** The time and memory that it took by phase, from each beginning; none where nobody measured. */
  readonly resources: readonly ResourceSession[];
  readonly fit: FitDiagnosis;
  readonly layers: LayerPlan;
  /** Of the part that a run may be chosen and corrected by; null where it has no such images. */
  readonly shown: ShownPart | null;
  /** Of the test part, which is counted and never shown; null where the run has none. */
  readonly test: EvaluationMetrics | null;
  /** Its images in feature space; null where that was not asked for. */
  readonly map: ImageMap | null;
  /** The labels that are probably wrong; null where they were not asked for. */
  readonly labels: LabelCheck | null;
  /** The images that may be shown by their paths: those of the training and validation parts. */
  readonly files: ReadonlyMap<string, ImageFile>;
  /** Of all images that are shown. */
  readonly thumbnails: Thumbnails;
  readonly notes: readonly string[];
}

/** A part of a dataset that a run was evaluated on, with images of it. */
export interface ShownPart {
  readonly part: Part;
  readonly sameDataset: boolean;
  readonly seen: SeenImages;
  /** With the run's temperature, where it has one. */
  readonly metrics: EvaluationMetrics;
  readonly temperature: number;
  /** Without the temperature; null where the run has none. */
  readonly uncalibrated: Reliability | null;
  readonly pairs: readonly CountedPair[];
  readonly selection: ImageSelection;
  readonly losses: readonly SelectedImage[];
  /** The answers for the images of the map, by their paths. */
  readonly answers: ReadonlyMap<string, Answer>;
  readonly evidence: EvidenceOf;
}

/** A run's answer for an image: the position of the class, and its probability. */
export interface Answer {
  readonly predicted: number;
  readonly confidence: number;
}

/** A step of the work, and how far it is. */
export interface ReportProgress {
  readonly stage: string;
  readonly done: number;
  readonly total: number;
}

/** Options of writing a report. */
export interface WriteReportOptions extends Omit<OpenRunOptions, 'tta' | 'calibrated'> {
  /** The file to write, which is replaced. Default: `report.html` in the run. */
  readonly out?: string | undefined;
  /** Where the run's dataset is now, if it was moved, or if the run was made by someone else. */
  readonly data?: string | undefined;
  /**
   * Whether to show a map of the images in feature space (`embedRun`). The first one takes a pass over all images, and is
   * kept in the run. Default true.
   */
  readonly map?: boolean | undefined;
  /**
   * Whether to look for labels that are probably wrong, by linear probes on features of the backbone that the run began
   * with, as `labelIssues` does. Kept in the run like the map. Default true.
   */
  readonly labels?: boolean | undefined;
  /** Ends it before the file is written, with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: ReportProgress) => void) | undefined;
}

/** The options that say what a report is made from. */
export type GatherOptions = Omit<WriteReportOptions, 'out'>;

/** The most characters of all thumbnails: two thirds of the 5 MB that a report may have. */
const thumbnailBudget = 3_400_000;
/** The most thumbnails: decoding is what takes time. */
const mostThumbnails = 1500;
const mostLosses = 24;
/** The most images whose answers are asked for wrong labels. */
const mostJudged = 5000;

/** Evaluates a run, chooses and explains images, and reads what it recorded. */
export async function gatherFacts(path: string, options: GatherOptions): Promise<ReportFacts> {
  const { map: withMap = true, labels: withLabels = true, openStore = openRunStore } = options;
  await using opened = await openRunWithImages(path, options);
  const { run, folder, classifier } = opened;
  const epochs = await loggedEpochs(openStore(path));
  const stages = stagesOf(epochs);
  const map = withMap ? await mapOf(opened, options) : null;
  const probed = withLabels ? await checkLabels(opened, options) : null;
  const tested = await testPart(opened, options);
  const classified = await classifyShown(opened, options, { map, isJudged: probed !== null && probed.by === null });
  const labels = probed?.by === null ? checkAnswers(classified?.judged ?? [], probed.reason) : probed;
  const thumbnails = await drawAll({ opened, map, labels, classified }, options);
  return {
    path,
    run,
    folder,
    epochs,
    stages,
    resources: await readResources(openStore(path)),
    fit: diagnose(epochs),
    layers: await layerPlan(path, stages),
    shown: classified && { ...classified.part, evidence: await explainShown(opened, classified, options) },
    test: tested?.metrics ?? null,
    map,
    labels,
    files: filesOf(opened),
    thumbnails,
    notes: classifier.notes,
  };
}

/** The classified images of the part that is looked at. */
interface Classified {
  readonly part: Omit<ShownPart, 'evidence'>;
  /** Wrong answers, the largest loss first, and right ones. */
  readonly wrong: readonly SelectedImage[];
  readonly right: readonly SelectedImage[];
  /** Those that are judged by their own answers, where that is asked for and the run did not learn from them. */
  readonly judged: readonly AnsweredImage[];
}

/** The part that is looked at: the validation images of the run, or where it had none what it did not learn from. */
async function classifyShown(
  { run, folder, classifier, images }: OpenedRun,
  { signal, onProgress }: GatherOptions,
  { map, isJudged }: { readonly map: ImageMap | null; readonly isJudged: boolean },
): Promise<Classified | null> {
  const hasNone = run.dataset.validation === 0 && run.adaptedFrom === null;
  if (hasNone) return null;
  const part = run.dataset.validation > 0 ? 'validation' : undefined;
  const chosen = chooseImages(images, folder, { part });
  const evaluation = startEvaluation(run.classes);
  const { temperature } = classifier;
  const before = startEvaluation(run.classes, { outputs: 'logits', replicates: 0, exactScores: 0 });
  const selection = new ImageSelection();
  const onMap = new Set(map?.embedding?.images.map((image) => pathFrom(folder, image.path)));
  const answers = new Map<string, Answer>();
  const isUnknown = chosen.part === 'validation' && chosen.seen.fitted === chosen.seen.leftOut;
  const toJudge = new Set(isJudged && isUnknown ? sampled(chosen.images, mostJudged, 0).map(({ path }) => path) : []);
  const judged: AnsweredImage[] = [];
  for await (const image of classifyLabelled(classifier, chosen, { signal })) {
    const { path, label, predicted, probabilities } = image;
    evaluation.add(label, probabilities);
    selection.add(image);
    if (onMap.has(path)) answers.set(path, { predicted, confidence: probabilities[predicted]! });
    if (toJudge.has(path)) judged.push(image);
    if (temperature !== 1) before.add(label, undone(probabilities, temperature));
    onProgress?.({ stage: 'classifying', done: evaluation.images, total: chosen.images.length });
  }
  const metrics = evaluation.value();
  const [wrong, right] = [selection.wrong(), selection.right(run.classes.length)];
  const shown = {
    part: chosen.part,
    sameDataset: chosen.sameDataset,
    seen: chosen.seen,
    metrics,
    temperature,
    uncalibrated: temperature === 1 ? null : before.value().calibration,
    pairs: confusedPairs(metrics.confusion),
    selection,
    losses: wrong.slice(0, mostLosses),
    answers,
  };
  return { part: shown, wrong, right, judged };
}

/** Thumbnails of all that is shown, the most telling first: suspects, mistakes, right answers, the rest of the map. */
function drawAll(
  {
    opened,
    map,
    labels,
    classified,
  }: {
    readonly opened: OpenedRun;
    readonly map: ImageMap | null;
    readonly labels: LabelCheck | null;
    readonly classified: Classified | null;
  },
  { signal, onProgress }: GatherOptions,
): Promise<Thumbnails> {
  const suspects = labels?.issues.slice(0, mostSuspects).map(({ image }) => image) ?? [];
  const { wrong, right } = classified ?? { wrong: [], right: [] };
  // A test image has a place on the map, and is not among these files: it is not shown.
  const files = filesOf(opened);
  const rest = (map?.embedding?.images ?? []).flatMap(({ path }) => files.get(pathFrom(opened.folder, path)) ?? []);
  const isAnswered = ({ path }: ImageFile) => classified?.part.answers.has(path);
  const onMap = [...rest.filter(isAnswered), ...rest.filter((image) => !isAnswered(image))];
  const once = new Map([...suspects, ...wrong, ...right, ...onMap].map((image) => [image.path, image]));
  return drawThumbnails(opened.classifier, [...once.values()].slice(0, mostThumbnails), {
    budget: thumbnailBudget,
    signal,
    onProgress: (done, total) => onProgress?.({ stage: 'drawing thumbnails', done, total }),
  });
}

function explainShown(
  { classifier }: OpenedRun,
  { wrong, right }: Classified,
  { signal, onProgress }: GatherOptions,
): Promise<EvidenceOf> {
  return explainExamples(
    classifier,
    { wrong, right },
    { signal, onProgress: (done, total) => onProgress?.({ stage: 'explaining', done, total }) },
  );
}

/** The test part is measured and no more: whoever looks at its images begins to choose by them. */
export async function testPart(
  { run, folder, classifier, images }: Pick<OpenedRun, 'run' | 'folder' | 'classifier' | 'images'>,
  { signal, onProgress }: Pick<GatherOptions, 'signal' | 'onProgress'>,
) {
  if (run.dataset.test === 0) return null;
  const chosen = chooseImages(images, folder, { part: 'test' });
  if (!chosen.sameDataset) return null;
  const evaluation = startEvaluation(run.classes);
  for await (const { label, probabilities } of classifyLabelled(classifier, chosen, { signal })) {
    evaluation.add(label, probabilities);
    onProgress?.({ stage: 'measuring the test part', done: evaluation.images, total: chosen.images.length });
  }
  return { metrics: evaluation.value() };
}

/** Logits, but for a constant, as they were before they were divided by a temperature. */
function undone(probabilities: Float32Array, temperature: number): Float64Array {
  return Float64Array.from(probabilities, (p) => temperature * Math.log(Math.max(p, 1e-30)));
}

/** The 95 % interval of a class's recall. */
export function recallInterval({ recall, support }: EvaluationMetrics['classes'][number]): readonly [number, number] {
  return wilsonInterval(Math.round(recall * support), support);
}
