import { plural } from '@graft-ml/core/internal/base/plural';
import type { LabelledImage } from '../data/labelled-images.ts';
import type { ReaderOptions } from '../data/readers/found.ts';
import { foundNotes } from './show/features.ts';
import { problemLine } from './show/format.ts';
import { expandStdin } from './stdin.ts';
import type { Terminal } from './terminal.ts';

/** The paths of the images that a command line names, with notes on what was not followed or passed over. */
export async function givenImages(places: readonly string[], terminal: Terminal): Promise<readonly string[]> {
  const { findImages } = await import('../data/find-images.ts');
  const { paths, problems, passedOver } = await findImages(await expandStdin(places));
  for (const { path, message } of problems) terminal.note(problemLine(path, message));
  if (passedOver > 0) terminal.note(`${plural(passedOver, 'other file')} passed over.`);
  return paths;
}

/** The images that a command line names, with their classes where they are a dataset, and notes on reading it. */
export async function givenLabelledImages(
  places: readonly string[],
  options: Omit<ReaderOptions, 'classes'>,
  terminal: Terminal,
): Promise<readonly LabelledImage[]> {
  const { findLabelledImages } = await import('../data/labelled-images.ts');
  const found = await findLabelledImages(await expandStdin(places), options);
  for (const note of foundNotes(found)) terminal.note(note);
  return found.images;
}
