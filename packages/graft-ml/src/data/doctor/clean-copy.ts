import { createHash } from 'node:crypto';
import { mkdir, realpath, writeFile } from 'node:fs/promises';
import { basename, dirname, join, resolve, sep } from 'node:path';
import { UserError } from '@graft-ml/core/internal/base/errors';
import { assertFree, makeFolder } from '../../files/write.ts';
import { readImageFile } from '../decode.ts';
import { type CleanPlan, planCleanCopy } from './clean-plan.ts';
import type { Diagnosis } from './diagnose.ts';

export interface CleanCopyOptions {
  /** Images that look the same are treated as copies. Default false. */
  readonly near?: boolean;
  /** Called after each image that was copied. */
  readonly onProgress?: (done: number, total: number) => void;
}

/**
 * Writes what is sound of a dataset to `target`, a folder of the same layout, or of class folders where it has another
 * shape. The dataset itself is not touched. `target` appears when it is complete.
 *
 * @throws UserError where `target` is in the way or cannot be written, or an image is no longer what it was
 */
export async function writeCleanCopy(
  diagnosis: Diagnosis,
  target: string,
  options: CleanCopyOptions = {},
): Promise<CleanPlan> {
  await assertTarget(diagnosis.root, target);
  const plan = planCleanCopy(diagnosis, { near: options.near ?? false });
  if (plan.kept.length === 0) throw new UserError(`Nothing of ${diagnosis.root} is left to copy.`);
  await makeFolder(target, (growing) => copyAll(plan, growing, options));
  return plan;
}

/** @throws UserError where a clean copy of `root` cannot stand at `target` */
export async function assertTarget(root: string, target: string): Promise<void> {
  await assertFree(target);
  const [source, place] = [await realpath(root), await futureRealpath(resolve(target))];
  if (`${place}${sep}`.startsWith(`${source}${sep}`)) {
    throw new UserError(`${target} lies in ${root}, which is not to be touched. Name another place for the copy.`);
  }
}

/** The real path of a path that may not exist yet. */
async function futureRealpath(path: string): Promise<string> {
  const real = await realpath(path).catch(() => undefined);
  return real ?? (dirname(path) === path ? path : join(await futureRealpath(dirname(path)), basename(path)));
}

async function copyAll({ kept }: CleanPlan, into: string, { onProgress }: CleanCopyOptions): Promise<void> {
  for (const [i, { specimen, to }] of kept.entries()) {
    const bytes = await readImageFile(specimen);
    if (createHash('sha256').update(bytes).digest('hex') !== specimen.sha256) {
      throw new UserError(`${specimen.path} was changed while it was looked at. Run it again.`);
    }
    await mkdir(dirname(join(into, to)), { recursive: true });
    await writeFile(join(into, to), bytes, { flag: 'wx' });
    onProgress?.(i + 1, kept.length);
  }
}
