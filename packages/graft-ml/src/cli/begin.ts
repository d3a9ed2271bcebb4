import { UsageError } from '@graft-ml/core/internal/base/errors';
import type { RunRecord } from '@graft-ml/core/internal/runs/run-file';
import type { Choices } from '@graft-ml/core/runtime';
import type { ConfigFile } from '../runs/config-file.ts';

/** The images of a new run, and what repeats an earlier one bit for bit. */
export interface Begun {
  readonly folder: string;
  readonly repeated: { readonly choices?: Choices; readonly weightsSha256?: string };
}

/**
 * Resolves the folder that a run begins with: that of the command line, of a file of options, or of an earlier run.
 *
 * @param file what `--config` named, and what was read there; null where it was not given
 * @param given the options on the command line
 * @throws UsageError where no folder is named that may be opened
 */
export function beginning(
  command: string,
  folder: string | undefined,
  file: { readonly path: string; readonly read: ConfigFile<RunRecord> } | null,
  given: readonly string[],
): Begun {
  const { run = null, folder: recorded = null, values = {} } = file?.read ?? {};
  const written = typeof values.folder === 'string' ? values.folder : undefined;
  const images = folder ?? recorded ?? written;
  if (images === undefined && file && run) throw new UsageError(`${command}: ${foreignFolder(file.path, run.folder)}`);
  if (images === undefined)
    throw new UsageError(`${command}: which folder? \`graft ${command} <folder>\`, or --resume <run>.`);
  if (run === null) return { folder: images, repeated: {} };
  const { choices, weightsSha256 } = run;
  const hasOthers = given.includes('weights') || given.includes('model');
  return { folder: images, repeated: { choices, ...(weightsSha256 && !hasOthers && { weightsSha256 }) } };
}

/** The folder of a new run, unless `--out` gives another. */
export function newFolder(name: string): string {
  return `runs/${name}-${new Date().toISOString().slice(0, 19).replaceAll(':', '-')}`;
}

/** The message for repeating a run that came from elsewhere. */
function foreignFolder(file: string, folder: string): string {
  return (
    `${file} is of a run that was not made by you on this machine (or by a version of Graft before 0.2), so that ` +
    `the dataset it names is not opened unasked. Name the folder; it says ${folder}.`
  );
}
