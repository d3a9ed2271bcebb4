/** The process that reads one Parquet file. Started by `unpack-apart.ts`, always as the built file. */
import { UserError } from '@graft-ml/core/internal/base/errors';
import type { ColumnOptions } from '../readers/columns.ts';
import { unpackImages } from './unpack-images.ts';

export interface UnpackTask {
  readonly path: string;
  readonly out: string;
  readonly options: ColumnOptions;
}

/** A sign of life, or how it ended. */
export type UnpackMessage =
  | { readonly kind: 'progress'; readonly done: number; readonly total: number }
  | { readonly kind: 'done' }
  | { readonly kind: 'refused'; readonly message: string }
  | { readonly kind: 'failed'; readonly stack: string };

const tell = (message: UnpackMessage) => process.send!(message);

async function run({ path, out, options }: UnpackTask): Promise<void> {
  try {
    await unpackImages(path, out, options, (done, total) => tell({ kind: 'progress', done, total }));
    tell({ kind: 'done' });
  } catch (error) {
    if (error instanceof UserError) tell({ kind: 'refused', message: error.message });
    else tell({ kind: 'failed', stack: error instanceof Error ? `${error.stack}` : String(error) });
  }
  process.disconnect();
}

process.once('message', (task: UnpackTask) => void run(task));
// The parent is gone.
process.once('disconnect', () => process.exit());
