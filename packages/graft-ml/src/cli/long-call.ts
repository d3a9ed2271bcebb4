import type { Preparation } from '@graft-ml/core/internal/runs/prepared';
import { downloadOptions } from './download.ts';
import { onInterrupt } from './interrupt.ts';
import type { DownloadFlags } from './options/download.ts';
import type { Terminal } from './terminal.ts';

/**
 * The common options of long calls of the library: the signal of Ctrl-C, and callbacks for stages, notes and downloads.
 */
export function longCall(terminal: Terminal, flags: DownloadFlags, signal = onInterrupt(terminal)) {
  return {
    signal,
    onPreparation: ({ stage, done, total }: Preparation) => terminal.progress(stage, done, total),
    onNote: (note: string) => terminal.note(note),
    download: downloadOptions(flags, terminal),
  };
}

/** The result of a call that writes nothing before its end; null, with a note, where a signal stopped it. */
export async function unlessStopped<T>(
  terminal: Terminal,
  call: (signal: AbortSignal) => Promise<T>,
): Promise<T | null> {
  const signal = onInterrupt(terminal);
  try {
    return await call(signal);
  } catch (error) {
    if (!signal.aborted || error !== signal.reason) throw error;
    terminal.print('Stopped. Nothing was written.');
    return null;
  }
}
