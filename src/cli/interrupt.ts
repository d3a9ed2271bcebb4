import type { Terminal } from './terminal.ts';

/**
 * The first Ctrl-C, or SIGTERM, asks the run to finish its step and save, or to give up where it is still being prepared; the
 * second ends the process at once, and leaves the last checkpoint. Either way it exits as if the signal had ended it.
 */
export function onInterrupt(terminal: Terminal): AbortSignal {
  const controller = new AbortController();
  const handle = (_: NodeJS.Signals, number: number) => {
    if (controller.signal.aborted) process.exit(128 + number);
    terminal.note('Stopping at the next safe point. Ctrl-C again to stop at once.');
    process.exitCode = 128 + number;
    controller.abort();
  };
  process.on('SIGINT', handle);
  process.on('SIGTERM', handle);
  return controller.signal;
}

/** A reader of our output that goes away, as `head` does, is no error: what is left to say is for nobody. */
export function ignoreClosedOutput(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') throw error;
      process.exit(Number(process.exitCode ?? 0));
    });
  }
}

/** A file that may not grow (`ulimit -f`) is an error of the write, EFBIG, and not the end of the process without a word. */
export function ignoreFileSizeSignal(): void {
  process.on('SIGXFSZ', () => {});
}
