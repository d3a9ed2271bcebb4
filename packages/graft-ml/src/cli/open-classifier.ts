import { UsageError, UserError } from '@graft-ml/core/internal/base/errors';
import type { Classifier } from '../evaluate/classifier.ts';
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
