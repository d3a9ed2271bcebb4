import type { Terminal } from './terminal.ts';

/**
 * The first Ctrl-C asks the run to finish its step and save; the second ends the process at once. Before training has
 * begun there is nothing to save, so a run that is still being prepared ends a moment after it notices the first.
 */
export function onInterrupt(terminal: Terminal): AbortSignal {
  const controller = new AbortController();
  const handle = () => {
    if (controller.signal.aborted) process.exit(130);
    terminal.note('Finishing the step and saving. Ctrl-C again to stop at once.');
    controller.abort();
  };
  process.on('SIGINT', handle);
  process.on('SIGTERM', handle);
  return controller.signal;
}
