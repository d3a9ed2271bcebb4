import { UsageError } from '@graft-ml/core/internal/base/errors';
import { kebabCase } from '@graft-ml/core/internal/base/kebab-case';
import { downloadFlags } from './options/download.ts';
import { resumeFlags } from './options/shared.ts';

const flags = (keys: readonly string[]) => keys.map((key) => `--${kebabCase(key)}`).join(', ');

/**
 * @throws UsageError for what is given beside `--resume` and would not be looked at. `others` is what the command takes
 * besides.
 */
export function assertNoneBesideResume(
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
export function assertNoneWithoutResume(command: string, given: readonly string[]): void {
  const lost = given.filter((key) => key in resumeFlags);
  if (lost.length > 0)
    throw new UsageError(`${command}: ${flags(lost)} goes with --resume <run>. A new run takes its folder as it is.`);
}
