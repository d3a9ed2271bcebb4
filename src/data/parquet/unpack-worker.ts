/** The thread that reads one Parquet file. Started by `unpack-in-thread.ts`, always as the built file. */
import { parentPort, workerData } from 'node:worker_threads';
import { UserError } from '../../base/errors.ts';
import type { ColumnOptions } from '../readers/columns.ts';
import { unpackPictures } from './unpack-pictures.ts';

export interface UnpackTask {
  readonly path: string;
  readonly out: string;
  readonly options: ColumnOptions;
}

/** A sign of life, or the end. An Error that crosses threads loses its class. */
export type UnpackMessage =
  | { readonly kind: 'progress'; readonly done: number; readonly total: number }
  | { readonly kind: 'done' }
  | { readonly kind: 'refused'; readonly message: string };

const { path, out, options } = workerData as UnpackTask;
const tell = (message: UnpackMessage) => parentPort!.postMessage(message);

try {
  await unpackPictures(path, out, options, (done, total) => tell({ kind: 'progress', done, total }));
  tell({ kind: 'done' });
} catch (error) {
  if (!(error instanceof UserError)) throw error;
  tell({ kind: 'refused', message: error.message });
}
