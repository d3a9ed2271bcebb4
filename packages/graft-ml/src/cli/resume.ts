import { UsageError } from '@graft-ml/core/internal/base/errors';
import { kebabCase } from '@graft-ml/core/internal/base/kebab-case';
import { choice } from '@graft-ml/core/internal/recipe/config/choice';
import { z } from 'zod';
import { checkpoints } from '../runs/checkpoints.ts';
import { downloadFlags } from './download.ts';

export const dataFlag = {
  data: z
    .string()
    .nullable()
    .default(null)
    .describe('for --resume: where the dataset is now, if it was moved, or if the run was made by someone else'),
};

/** What goes with `--resume` alone. */
export const resumeFlags = {
  ...dataFlag,
  from: choice(checkpoints)
    .default('last')
    .describe('for --resume: last, or best: the best epoch, where the last checkpoint is damaged'),
};

const flags = (keys: readonly string[]) => keys.map((key) => `--${kebabCase(key)}`).join(', ');

/** @throws UsageError for what is given beside `--resume` and would not be looked at. `others` is what the command takes besides. */
export function refuseBesideResume(
  command: string,
  folder: string | undefined,
  given: readonly string[],
  others: readonly string[],
): void {
  if (folder !== undefined) {
    throw new UsageError(`${command}: --resume knows its folder; leave it out. If it was moved, pass --data ${folder}`);
  }
  const known = new Set(['resume', ...Object.keys(resumeFlags), ...Object.keys(downloadFlags), ...others]);
  const unknown = given.filter((key) => !known.has(key));
  if (unknown.length > 0)
    throw new UsageError(`${command}: --resume keeps the run's own options; leave out ${flags(unknown)}.`);
}

/** @throws UsageError for what means something beside `--resume` alone */
export function refuseWithoutResume(command: string, given: readonly string[]): void {
  const lost = given.filter((key) => key in resumeFlags);
  if (lost.length > 0)
    throw new UsageError(`${command}: ${flags(lost)} goes with --resume <run>. A new run takes its folder as it is.`);
}

/** What to say where a run that was sent is to be repeated. */
export function foreignFolder(file: string, folder: string): string {
  return (
    `${file} is of a run that was not made by you on this machine (or by a version of Graft before 0.2), so that the dataset it names ` +
    `is not opened unasked. Name the folder; it says ${folder}.`
  );
}
