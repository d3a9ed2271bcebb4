import { UsageError } from '@graft-ml/core/internal/base/errors';
import { kebabCase } from '@graft-ml/core/internal/base/kebab-case';

/** @throws UsageError for a flag about a dataset beside `--machine` */
export function assertMachineFlags(given: readonly string[]): void {
  const other = given.find((key) => !['machine', 'renew', 'threads'].includes(key));
  if (other !== undefined)
    throw new UsageError(`doctor: --${kebabCase(other)} is about a dataset, and --machine about this machine.`);
}

/** @throws UsageError where there is no dataset, or a flag would not be looked at */
export function assertDatasetFlags(folder: string | undefined, given: readonly string[]): asserts folder is string {
  if (folder === undefined) throw new UsageError('doctor: name a folder of labelled images, or --machine.');
  if (given.includes('renew') || given.includes('threads'))
    throw new UsageError('doctor: --renew and --threads go with --machine.');
  if (given.includes('near') && !given.includes('fixTo'))
    throw new UsageError('doctor: --near is about the clean copy of --fix-to.');
  const ofLabels = given.find((key) => labelFlags.includes(key));
  if (given.includes('labels') && given.includes('fixTo'))
    throw new UsageError('doctor: the clean copy of --fix-to keeps labels as they are: leave out --labels.');
  if (ofLabels !== undefined && !given.includes('labels'))
    throw new UsageError(`doctor: --${kebabCase(ofLabels)} goes with --labels.`);
}

/** Flags that say how labels are examined. */
const labelFlags: readonly string[] = [
  'model',
  'weights',
  'imageSize',
  'folds',
  'seed',
  'sheet',
  'offline',
  'mirror',
  'expectSha256',
];
