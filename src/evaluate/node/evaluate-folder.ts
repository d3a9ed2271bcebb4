import { resolve } from 'node:path';
import { UserError } from '../../base/errors.ts';
import {
  type Dataset,
  fingerprint,
  openDataset,
  type Picture,
  type Problem,
  type ShapeOptions,
  type TestTimeAugmentation,
} from '../../data/index.ts';
import { datasetOptionsOf, resolveConfig, shapeOptionsOf } from '../../train/index.ts';
import { readRun } from '../../train/node/index.ts';
import { type Judged, type Metrics, measure } from '../metrics.ts';
import { type ClassifierOptions, openRun } from './classifier.ts';

export type Part = 'train' | 'validation' | 'test' | 'all';

export interface EvaluateOptions extends ClassifierOptions {
  /**
   * Which pictures. Default: `test` where the folder has such a part; `validation` where it is the folder the run was
   * trained on and some were put aside, since the run has seen the others; else all.
   */
  readonly part?: Part;
  /** How to read the data set, where that is not the run's own; its own is read as it was for training. */
  readonly shape?: ShapeOptions;
  readonly onProgress?: (done: number, total: number) => void;
}

export interface FolderEvaluation extends Metrics {
  readonly part: Part;
  readonly tta: TestTimeAugmentation;
  /** Whether these are the very pictures that the run's dataset has. */
  readonly sameDataset: boolean;
  /** Of a run that was adapted to pictures of this folder: how many those are, and whether the others alone were looked at. */
  readonly support: { readonly pictures: number; readonly isLeftOut: boolean } | null;
  readonly problems: readonly Problem[];
}

/** How good a run is on a folder of labelled pictures, whose classes must be among the run's. */
export async function evaluateFolder(
  run: string,
  folder: string,
  options: EvaluateOptions = {},
): Promise<FolderEvaluation> {
  const { part: chosen, shape, onProgress, ...classifierOptions } = options;
  const { config, classes, dataset, folder: ownFolder, adaptedFrom } = await readRun(run);
  const classifier = await openRun(run, classifierOptions);
  try {
    const { seed, validationFraction, classDepth, strict, maxPerClass, fold } = datasetOptionsOf(resolveConfig(config));
    const kept = { seed, validationFraction, classDepth, strict, ...(fold && { fold }) };
    const ownShape = resolve(folder) === ownFolder ? shapeOptionsOf(config) : {};
    const open = (limit: { maxPerClass?: number }) =>
      openDataset(folder, { ...kept, ...ownShape, ...shape, ...limit, classes, pool: classifier.pool });
    let pictures = await open(maxPerClass === undefined ? {} : { maxPerClass });
    const sameDataset = fingerprint(pictures) === dataset.fingerprint;
    // The run's limit says which pictures of its own folder it knows; of another folder all are wanted.
    if (!sameDataset && maxPerClass !== undefined) pictures = await open({});
    const learned = sameDataset && adaptedFrom !== null ? pictures.train : [];
    const others = learned.length > 0 && maxPerClass !== undefined ? without(await open({}), learned) : null;
    if (others && others.train.length > 0) pictures = others;
    const support = learned.length > 0 ? { pictures: learned.length, isLeftOut: pictures === others } : null;
    const part = chosen ?? defaultPart(pictures, sameDataset);
    const selected = part === 'all' ? [...pictures.train, ...pictures.validation, ...pictures.test] : pictures[part];
    if (selected.length === 0) throw new UserError(`${folder} has no pictures to evaluate in its part "${part}".`);
    const judged: Judged[] = [];
    for await (const prediction of classifier.predict(selected)) {
      const { path, problem } = prediction;
      if (problem) throw new Error(`${path} could be read a moment ago: ${problem.message}`);
      judged.push({ label: selected[judged.length]!.label, probabilities: prediction.probabilities });
      onProgress?.(judged.length, selected.length);
    }
    return {
      ...measure(judged, classes),
      part,
      tta: classifier.tta,
      sameDataset,
      support,
      problems: pictures.problems,
    };
  } finally {
    await classifier.close();
  }
}

/** The same data set but for these pictures. */
function without(folder: Dataset, pictures: readonly Picture[]): Dataset {
  const keyOf = ({ path, within }: Picture) => JSON.stringify([path, within ?? null]);
  const left = new Set(pictures.map(keyOf));
  return { ...folder, train: folder.train.filter((picture) => !left.has(keyOf(picture))) };
}

function defaultPart(folder: Dataset, sameDataset: boolean): Part {
  if (folder.test.length > 0) return 'test';
  // A run that was adapted to a few pictures has put none aside.
  return sameDataset && folder.validation.length > 0 ? 'validation' : 'all';
}
