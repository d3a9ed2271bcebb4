import { checkpointsIn, type FitFiles } from '@graft-ml/core/internal/fit/checkpoint-files';
import type { OpenRunStore } from '@graft-ml/core/internal/fit/run-store';
import { privateRuns } from './private-runs.ts';

export type { FitFiles };

export interface CheckpointFolderOptions<M extends string = 'accuracy'> {
  /** Opens the store. Default: in the browser's private file system. */
  readonly openStore?: OpenRunStore;
  /** The metrics of the fit. Default: `accuracy`. */
  readonly metrics?: readonly { readonly name: M }[];
}

/**
 * A folder for the state of a fit, which a page that is closed or reloaded goes on from, bit for bit: the files that
 * `graft-ml` writes, in the browser's private file system. While a fit writes to it no other tab or worker can.
 *
 * @throws UserError (by rejection) where the browser keeps no files for the page, or gives it no more room, and where what
 * is in the folder is damaged, or of a fit with other metrics
 * @example
 * const store = checkpointFolder('checkpoints/flowers');
 * for await (const event of fit(model, data, { store, resume: true })) … // begins, or goes on after a reload
 */
export function checkpointFolder(path: string, options?: CheckpointFolderOptions): FitFiles;
export function checkpointFolder<M extends string>(
  path: string,
  options: CheckpointFolderOptions<M> & { readonly metrics: readonly { readonly name: M }[] },
): FitFiles<M>;
export function checkpointFolder(
  path: string,
  { openStore = privateRuns(), metrics = [{ name: 'accuracy' }] }: CheckpointFolderOptions<string> = {},
): FitFiles<string> {
  return checkpointsIn(
    openStore(path),
    metrics.map(({ name }) => name),
  );
}
