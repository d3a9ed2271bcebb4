import type { DownloadProgress, FetchOptions } from '../files/download/fetch-file.ts';
import type { DownloadFlags } from './options/download.ts';
import type { Terminal } from './terminal.ts';

/** The fetch options for the download flags, with the progress on the terminal. */
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
