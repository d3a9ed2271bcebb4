import { type EvaluationMetrics, startEvaluation } from '@graft-ml/core/internal/predict/evaluation';
import { type ConfusedPair, type Reliability, wilsonInterval } from '@graft-ml/core/predict';
import type { Classifier } from '../predict/classifier.ts';
import { classifyLabelled } from '../predict/evaluate-folder.ts';
import { evaluationImages, type Part, type SeenImages } from '../predict/evaluation-images.ts';
import { type OpenRunOptions, openRun } from '../predict/open-run.ts';
import { usablePaths } from '../runs/own-paths.ts';
import { type LoggedEpoch, loggedEpochs } from '../runs/run-curves.ts';
import { type Run, readRun } from '../runs/run-file.ts';
import { openRunStore } from '../runs/run-store.ts';
import { diagnose, type FitDiagnosis, type StageTime, stagesOf } from './course.ts';
import { type EvidenceOf, explainExamples } from './evidence.ts';
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
  readonly fit: FitDiagnosis;
  readonly layers: LayerPlan;
  /** Of the part that a run may be chosen and corrected by; null where it has no such images. */
  readonly shown: ShownPart | null;
  /** Of the test part, which is counted and never shown; null where the run has none. */
  readonly test: EvaluationMetrics | null;
  /** The files of the test part. */
  readonly hidden: ReadonlySet<string>;
  /** Its images in feature space; null where that was not asked for. */
  readonly map: ImageMap | null;
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
  readonly pairs: readonly ConfusedPair[];
  readonly selection: ImageSelection;
  readonly losses: readonly SelectedImage[];
  readonly thumbnails: Thumbnails;
  readonly evidence: EvidenceOf;
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
  /** Ends it before the file is written, with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: ReportProgress) => void) | undefined;
}

/** The options that say what a report is made from. */
export type GatherOptions = Omit<WriteReportOptions, 'out'>;

/** The most characters of all thumbnails: two thirds of the 5 MB that a report may have. */
const thumbnailBudget = 3_400_000;
const mostLosses = 24;
/** Wrong and right answers that are explained. */
const mostExplained = 6;

/** Evaluates a run, chooses and explains images, and reads what it recorded. */
export async function gatherFacts(path: string, options: GatherOptions): Promise<ReportFacts> {
  const { data, map = true, signal, onProgress, ...opening } = options;
  const { openStore = openRunStore } = opening;
  const run = await readRun(path, openStore);
  const { folder } = await usablePaths(path, run, { data });
  const epochs = await loggedEpochs(openStore(path));
  const stages = stagesOf(epochs);
  await using classifier = await openRun(path, opening);
  const subject = { path, run, folder, classifier, options };
  const tested = await testPart(subject);
  return {
    path,
    run,
    folder,
    epochs,
    stages,
    fit: diagnose(epochs),
    layers: await layerPlan(path, stages),
    shown: await shownPart(subject),
    test: tested?.metrics ?? null,
    hidden: tested?.files ?? new Set(),
    map: map ? await mapOf(path, options) : null,
    notes: classifier.notes,
  };
}

interface Subject {
  readonly run: Run;
  readonly folder: string;
  readonly classifier: Classifier;
  readonly options: GatherOptions;
}

/** The part that is looked at: the validation images of the run, or where it had none what it did not learn from. */
async function shownPart({ run, folder, classifier, options }: Subject): Promise<ShownPart | null> {
  const { signal, onProgress } = options;
  const hasNone = run.dataset.validation === 0 && run.adaptedFrom === null;
  if (hasNone) return null;
  const part = run.dataset.validation > 0 ? 'validation' : undefined;
  const chosen = await evaluationImages(run, folder, { part, cache: options.cache, signal }, classifier);
  const evaluation = startEvaluation(run.classes);
  const { temperature } = classifier;
  const before = startEvaluation(run.classes, { outputs: 'logits', replicates: 0, exactScores: 0 });
  const selection = new ImageSelection();
  for await (const image of classifyLabelled(classifier, chosen, { signal })) {
    evaluation.add(image.label, image.probabilities);
    selection.add(image);
    if (temperature !== 1) before.add(image.label, undone(image.probabilities, temperature));
    onProgress?.({ stage: 'classifying', done: evaluation.images, total: chosen.images.length });
  }
  const metrics = evaluation.value();
  const [wrong, right] = [selection.wrong(), selection.right(run.classes.length)];
  const thumbnails = await drawThumbnails(classifier, [...wrong, ...right], {
    budget: thumbnailBudget,
    signal,
    onProgress: (done, total) => onProgress?.({ stage: 'drawing thumbnails', done, total }),
  });
  const explained = [...wrong.slice(0, mostExplained), ...right.slice(0, mostExplained)];
  onProgress?.({ stage: 'explaining', done: 0, total: explained.length });
  return {
    part: chosen.part,
    sameDataset: chosen.sameDataset,
    seen: chosen.seen,
    metrics,
    temperature,
    uncalibrated: temperature === 1 ? null : before.value().calibration,
    pairs: pairsOf(metrics),
    selection,
    losses: wrong.slice(0, mostLosses),
    thumbnails,
    evidence: await explainExamples(classifier, explained, signal),
  };
}

/** The test part is measured and no more: whoever looks at its images begins to choose by them. */
async function testPart({ run, folder, classifier, options }: Subject) {
  if (run.dataset.test === 0) return null;
  const { signal, cache, onProgress } = options;
  const chosen = await evaluationImages(run, folder, { part: 'test', cache, signal }, classifier);
  if (!chosen.sameDataset) return null;
  const evaluation = startEvaluation(run.classes);
  for await (const { label, probabilities } of classifyLabelled(classifier, chosen, { signal })) {
    evaluation.add(label, probabilities);
    onProgress?.({ stage: 'measuring the test part', done: evaluation.images, total: chosen.images.length });
  }
  return { metrics: evaluation.value(), files: new Set(chosen.images.map(({ path }) => path)) };
}

/** Logits, but for a constant, as they were before they were divided by a temperature. */
function undone(probabilities: Float32Array, temperature: number): Float64Array {
  return Float64Array.from(probabilities, (p) => temperature * Math.log(Math.max(p, 1e-30)));
}

/** Pairs of label and wrong answer from the counts, the most frequent first. */
function pairsOf({ confusion, classes }: EvaluationMetrics): ConfusedPair[] {
  const pairs = confusion.flatMap((row, label) =>
    row.flatMap((count, predicted) =>
      label === predicted || count === 0
        ? []
        : [{ label, predicted, count, share: count / classes[label]!.support, examples: [] }],
    ),
  );
  return pairs.sort((a, b) => b.count - a.count || b.share - a.share);
}

/** The 95 % interval of a class's recall. */
export function recallInterval({ recall, support }: EvaluationMetrics['classes'][number]): readonly [number, number] {
  return wilsonInterval(Math.round(recall * support), support);
}
