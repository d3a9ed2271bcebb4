import { inFile, UsageError, UserError } from '@graft-ml/core/internal/base/errors';
import { ImageError } from '@graft-ml/core/internal/image/problem';
import { isOnnx } from '@graft-ml/core/internal/models/names';
import type { Classifier, Prediction } from '../evaluate/classifier.ts';
import type { FilePredictor } from '../evaluate/prediction-file.ts';
import type { Predictor } from '../predict/predictor.ts';
import { downloadOptions } from './download.ts';
import type { ClassifierFlags } from './options/shared.ts';
import type { Terminal } from './terminal.ts';

/** A run, or in its place a model, with the names of its classes in a file if there are any. */
export type Named = { readonly run: string } | { readonly model: string; readonly classes?: string | null };

/** What decides how it runs. */
type OpeningFlags = ClassifierFlags & { readonly threads?: number | undefined };

/** Opens what a command names for as long as its work takes. */
export async function withClassifier<T>(
  named: Named,
  flags: OpeningFlags,
  terminal: Terminal,
  work: (classifier: Classifier) => Promise<T>,
): Promise<T> {
  const { networkIn } = await import('../hub/model-layout.ts');
  if ('run' in named && isOnnx(named.run)) {
    throw new UsageError(`${named.run} is an ONNX file, not a run: give it as --model ${named.run}.`);
  }
  const network = 'run' in named ? networkIn(named.run) : undefined;
  const classifier = await (network !== undefined
    ? openNamedModel(network, flags, terminal, null)
    : 'run' in named
      ? openNamedRun(named.run, flags, terminal)
      : openNamedModel(named.model, flags, terminal, named.classes ?? null));
  try {
    for (const note of classifier.notes) terminal.note(note);
    return await work(classifier);
  } finally {
    await classifier.close();
  }
}

/** A model that `graft export` wrote. */
export interface ExportAt {
  readonly path: string;
  readonly bytes: Uint8Array;
}

/** The largest ONNX file that is one file: protobuf's bound. */
const mostModelBytes = 2 ** 31 - 1;

/** What `graft export` wrote at a path, a file or its folder; undefined where something else is, or nothing. */
export async function exportAt(place: string): Promise<ExportAt | undefined> {
  const { findModel } = await import('../predict/model-place.ts');
  const found = await findModel(place).catch((error: unknown) => {
    if (error instanceof UserError) return undefined; // who opens it says what is wrong
    throw error;
  });
  if (found?.kind !== 'file') return undefined;
  const { readBytes } = await import('../files/read.ts');
  const { readOnnxMetadata } = await import('@graft-ml/core/internal/graph/onnx-metadata');
  const bytes = await readBytes(found.path, { most: mostModelBytes });
  const { format } = await inFile(found.path, async () => readOnnxMetadata(bytes));
  return format === 'graft' ? { path: found.path, bytes } : undefined;
}

/** Opens an exported model for as long as the work takes. @throws UsageError where a flag is for runs alone */
export async function withExport<T>(
  { path, bytes }: ExportAt,
  flags: ClassifierFlags,
  work: (predictor: FilePredictor) => Promise<T>,
): Promise<T> {
  assertForExports(path, flags);
  const { loadPredictor } = await import('../predict/predictor.ts');
  const predictor = await inFile(path, () => loadPredictor(bytes));
  try {
    const predict = (paths: readonly string[]) => predictionsOf(predictor, paths);
    return await work({ classes: predictor.classes, tta: 'none', predict });
  } finally {
    await predictor.close();
  }
}

/** An exported model has its preprocessing and one checkpoint in its file. */
function assertForExports(path: string, { tta, checkpoint, weights, ...flags }: ClassifierFlags): void {
  const given = Object.entries({
    ...{ tta: tta !== 'none', checkpoint: checkpoint !== 'best', weights: weights !== null },
    ...{ imageSize: flags.imageSize !== null, mean: flags.mean !== null, std: flags.std !== null },
    ...{ colourProfile: flags.colourProfile !== null, orientation: flags.orientation !== null },
  }).find(([, isGiven]) => isGiven);
  if (!given) return;
  const name = given[0].replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
  throw new UsageError(`--${name} is not for an exported model (${path}): what it does is fixed in the file.`);
}

/** Images that are asked about ahead of the one that is waited for. */
const imagesAhead = 4;

async function* predictionsOf(predictor: Predictor, paths: readonly string[]): AsyncGenerator<Prediction> {
  const asked: Promise<Prediction>[] = [];
  for (const path of paths) {
    const answer = predictionOf(predictor, path);
    answer.catch(() => {}); // it is thrown where it is waited for
    asked.push(answer);
    if (asked.length > imagesAhead) yield await asked.shift()!;
  }
  for (const answer of asked) yield await answer;
}

async function predictionOf(predictor: Predictor, path: string): Promise<Prediction> {
  try {
    return { path, probabilities: await predictor.probabilities(path) };
  } catch (error) {
    if (error instanceof ImageError) return { path, problem: error.problem };
    throw error;
  }
}

async function openNamedModel(
  name: string,
  { weights, imageSize, mean, std, colourProfile, orientation, device, tta, threads, ...flags }: OpeningFlags,
  terminal: Terminal,
  classesFile: string | null,
): Promise<Classifier> {
  const { openModel } = await import('../evaluate/classifier.ts');
  const classes = classesFile === null ? undefined : await readLines(classesFile);
  return openModel(
    { name, weights: weights ?? undefined, classes, imageSize, mean, std, colourProfile, orientation },
    { device, tta, ...(threads && { threads }), download: downloadOptions(flags, terminal) },
  );
}

async function openNamedRun(
  run: string,
  { device, tta, checkpoint, threads, ...flags }: OpeningFlags,
  terminal: Terminal,
): Promise<Classifier> {
  if (flags.expectSha256 !== null) {
    throw new UsageError(
      '--expect-sha256 is of the weights of --model; the files of a run have checksums of their own.',
    );
  }
  const { openRun } = await import('../evaluate/open-run.ts');
  return openRun(run, {
    device,
    tta,
    checkpoint,
    ...(threads && { threads }),
    download: downloadOptions(flags, terminal),
  });
}

/** The longest file, in bytes: a million names. */
const longestList = 50_000_000;

async function readLines(path: string): Promise<string[]> {
  const { readText } = await import('../files/read.ts');
  const text = await readText(path, { most: longestList }).catch((error: Error) => {
    throw new UserError(`--classes: ${error.message}`, { cause: error });
  });
  return text.split(/\r?\n/).filter((line) => line !== '');
}
