import type { Terminal } from './terminal.ts';

/**
 * The first Ctrl-C, SIGTERM or SIGHUP asks the run to finish its step and save, or to give up where it is still being
 * prepared; a second Ctrl-C or SIGTERM ends the process at once, and leaves the last checkpoint. Either way it exits as
 * if the signal had ended it. A second SIGHUP is no impatience: a closed terminal sends it through the shell and by
 * itself.
 */
export function onInterrupt(terminal: Terminal): AbortSignal {
  const controller = new AbortController();
  const handle = (name: NodeJS.Signals, number: number) => {
    if (controller.signal.aborted) {
      if (name === 'SIGHUP') return;
      process.exit(128 + number);
    }
    terminal.note('Stopping at the next safe point. Ctrl-C again to stop at once.');
    process.exitCode = 128 + number;
    controller.abort();
  };
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, handle);
  return controller.signal;
}

/**
 * A file that may not grow (`ulimit -f`) is an error of the write, EFBIG, and not the end of the process without a
 * word.
 */
export function ignoreFileSizeSignal(): void {
  process.on('SIGXFSZ', () => {});
}

/** Ctrl-C is how one ends a server, and no interruption. */
export function ended(): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => resolve());
  });
}

/**
 * The same for a server that SIGHUP tells to look at its files again. A second Ctrl-C or SIGTERM ends the process at
 * once.
 */
export function endedOrHangUp(onHangUp: () => void): Promise<void> {
  process.on('SIGHUP', onHangUp);
  return new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      process.once(signal, (_: NodeJS.Signals, number: number) => {
        process.on(signal, () => process.exit(128 + number));
        resolve();
      });
    }
  });
}
