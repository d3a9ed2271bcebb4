import { z } from 'zod';
import type { DownloadProgress, FetchOptions } from '../files/download/fetch-file.ts';
import type { Terminal } from './terminal.ts';

/** The flags of every command that may have to download weights. */
export const downloadFlags = {
  offline: z.boolean().default(false).describe('take weights from the cache only'),
  mirror: z
    .string()
    .nullable()
    .default(null)
    .describe('address or folder in place of the publishers’ hosts; default: GRAFT_MIRROR'),
};

/** What those flags mean, with the progress on the terminal. */
export function downloadOptions(
  { offline, mirror }: { readonly offline: boolean; readonly mirror: string | null },
  terminal: Terminal,
): FetchOptions {
  return { offline, ...(mirror !== null && { mirror }), onProgress: showDownload(terminal) };
}

function showDownload(terminal: Terminal): (progress: DownloadProgress) => void {
  const mebibytes = (bytes: number) => Number((bytes / 2 ** 20).toFixed(1));
  return ({ stage, done, total }) => {
    if (stage === 'waiting') terminal.note('Another process is downloading this file; waiting for it.');
    else terminal.progress('downloading, MiB', mebibytes(done), mebibytes(total ?? done));
  };
}
