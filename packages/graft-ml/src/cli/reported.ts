import { UserError } from '@graft-ml/core/internal/base/errors';
import type { CrossValidationEvent } from '../experiment/cross-validation.ts';
import { messageInCommands } from '../text/wording.ts';
import type { Terminal } from './terminal.ts';

/**
 * Follows the events of a run, and writes its report when the run has come to its end. A report that cannot be written
 * is said: what was trained is no worse for it.
 *
 * @param report null: none is written
 */
export async function reported(
  events: AsyncIterable<CrossValidationEvent>,
  report: { readonly terminal: Terminal; readonly signal: AbortSignal } | null,
  show: (events: AsyncIterable<CrossValidationEvent>) => Promise<void>,
): Promise<void> {
  if (report === null) return show(events);
  let run: { readonly out: string; readonly data: string } | null = null;
  let [isFold, isDone] = [false, false];
  const watched = async function* () {
    for await (const event of events) {
      if (event.kind === 'fold') isFold = true;
      // The first run is the command's; one from random weights may follow, beside it.
      if (event.kind === 'ready') run ??= { out: event.out, data: event.run.folder };
      if (event.kind === 'end') isDone = true;
      yield event;
    }
  };
  await show(watched());
  if (run === null || isFold || !isDone || report.signal.aborted) return;
  await write(run, report);
}

async function write(
  { out, data }: { out: string; data: string },
  { terminal, signal }: { terminal: Terminal; signal: AbortSignal },
): Promise<void> {
  const { writeReport } = await import('../report/index.ts');
  try {
    const { file } = await writeReport(out, {
      data,
      map: false,
      labels: false,
      signal,
      onProgress: ({ stage, done, total }) => terminal.progress(stage, done, total),
    });
    terminal.note(`The report is in ${file}: open it in a browser.`);
  } catch (error) {
    if (signal.aborted && error === signal.reason) return terminal.note('Stopped. The report was not written.');
    if (!(error instanceof UserError)) throw error;
    terminal.note(`The report was not written: ${messageInCommands(error)}`);
  }
}
