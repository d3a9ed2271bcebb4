import { checkpointsIn, type FitFiles } from '@graft-ml/core/internal/fit/checkpoint-files';
import { isRunFile } from '@graft-ml/core/internal/runs/run-files';
import { type OpenRunStore, openRunStore } from './run-store.ts';
export interface CheckpointFolderOptions {
  /** Opens the store of a run. Default: in folders. */
  readonly openStore?: OpenRunStore;
}

/** The state of a fit in a folder, which is this process's from the first access until the fit ends. */
export type CheckpointFolder<M extends string = 'accuracy'> = FitFiles<M>;

/**
 * A folder for the state of a fit: `last.safetensors`, from which it goes on; `best.safetensors`, the values of its
 * best epoch; and `metrics.jsonl`, a line for each epoch. Checkpoints are replaced whole or not at all, and have a
 * checksum. While a fit writes to it no other one can. It is no run: a model that is done is saved as one with
 * `model.save`.
 *
 * @param options `metrics` are those of the fit. Default: `accuracy`
 * @throws UserError (by rejection) where the folder cannot be written, holds a run, or is another process's, or where
 * what is in it is damaged, or of a fit with other metrics
 * @example
 * const store = checkpointFolder('checkpoints/x');
 * for await (const event of fit(model, images, { store, resume: true })) … // begins, or goes on where it was interrupted
 */
export function checkpointFolder(path: string, options?: CheckpointFolderOptions): CheckpointFolder;
export function checkpointFolder<M extends string>(
  path: string,
  options: CheckpointFolderOptions & { readonly metrics: readonly { readonly name: M }[] },
): CheckpointFolder<M>;
export function checkpointFolder(
  path: string,
  { openStore = openRunStore, metrics }: CheckpointFolderOptions & { metrics?: readonly { name: string }[] } = {},
): CheckpointFolder | CheckpointFolder<string> {
  if (metrics === undefined) return checkpointsIn(openStore(path), ['accuracy'], isRunFile);
  return checkpointsIn<string>(
    openStore(path),
    metrics.map(({ name }) => name),
    isRunFile,
  );
}
