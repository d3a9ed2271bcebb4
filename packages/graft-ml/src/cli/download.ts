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
  expectSha256: z
    .string()
    .regex(/^[0-9a-f]{64}$/i, 'expected 64 hexadecimal digits')
    .nullable()
    .default(null)
    .describe(
      'SHA-256 that the file of the weights must have; where none is published, it must be what was downloaded first',
    ),
};

export type DownloadFlags = z.output<z.ZodObject<typeof downloadFlags>>;

/** What those flags mean, with the progress on the terminal. */
export function downloadOptions({ offline, mirror, expectSha256 }: DownloadFlags, terminal: Terminal): FetchOptions {
  return {
    offline,
    ...(mirror !== null && { mirror }),
    ...(expectSha256 !== null && { expectSha256 }),
    onProgress: showDownload(terminal),
    onNote: (note) => terminal.note(note),
  };
}

function showDownload(terminal: Terminal): (progress: DownloadProgress) => void {
  const mebibytes = (bytes: number) => Number((bytes / 2 ** 20).toFixed(1));
  return ({ stage, done, total }) => {
    if (stage === 'waiting') terminal.note('Another process is downloading this file; waiting for it.');
    else terminal.progress('downloading, MiB', mebibytes(done), mebibytes(total ?? done));
  };
}
