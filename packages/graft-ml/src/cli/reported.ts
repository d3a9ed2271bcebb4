import { UserError } from '@graft-ml/core/internal/base/errors';
import type { CompareEvent } from '../experiment/compare.ts';
import type { CrossValidationEvent } from '../experiment/cross-validation.ts';
import type { ReportProgress } from '../report/index.ts';
import { messageInCommands } from '../text/wording.ts';
import type { Terminal } from './terminal.ts';

/** Where a report is written, and how it can be stopped. */
interface Reporting {
  readonly terminal: Terminal;
  readonly signal: AbortSignal;
}

type Told = CrossValidationEvent | CompareEvent;

/** What came to its end: a run with the folder of its images, or several runs in a folder. */
interface Ended {
  readonly out: string;
  readonly data: string | undefined;
  readonly isStudy: boolean;
}

/**
 * Follows the events of a run, of the folds of a cross-validation or of the learners of a comparison, and writes the
 * report when all have come to their end. A report that cannot be written is said: what was trained is no worse for it.
 *
 * @param report null: none is written
 */
export async function reported<Event extends Told>(
  events: AsyncIterable<Event>,
  report: Reporting | null,
  show: (events: AsyncIterable<Event>) => Promise<void>,
): Promise<void> {
  if (report === null) return show(events);
  const followed = new Followed();
  const watched = async function* () {
    for await (const event of events) {
      followed.hear(event);
      yield event;
    }
  };
  await show(watched());
  const { ended } = followed;
  if (ended !== null && !report.signal.aborted) await write(ended, report);
}

/** What has happened so far, as far as a report depends on it. */
class Followed {
  #run: { readonly out: string; readonly data: string } | null = null;
  #study: string | null = null;
  #isMember = false;
  #isDone = false;

  hear(event: Told): void {
    if (event.kind === 'fold' || event.kind === 'contestant') this.#isMember = true;
    // The first run is the command's; one from random weights may follow, beside it.
    if (event.kind === 'ready') this.#run ??= { out: event.out, data: event.run.folder };
    if (event.kind === 'end') this.#isDone = true;
    if (event.kind === 'folds' || event.kind === 'comparison') this.#study = event.out;
  }

  get ended(): Ended | null {
    if (this.#study !== null) return { out: this.#study, data: this.#run?.data, isStudy: true };
    return this.#run && this.#isDone && !this.#isMember ? { ...this.#run, isStudy: false } : null;
  }
}

async function write({ out, data, isStudy }: Ended, { terminal, signal }: Reporting): Promise<void> {
  const { writeReport, writeStudyReport } = await import('../report/index.ts');
  const common = {
    data,
    signal,
    onProgress: ({ stage, done, total }: ReportProgress) => terminal.progress(stage, done, total),
  };
  try {
    const { file } = await (isStudy
      ? writeStudyReport(out, common)
      : writeReport(out, { ...common, map: false, labels: false }));
    terminal.note(`The report is in ${file}: open it in a browser.`);
  } catch (error) {
    if (signal.aborted && error === signal.reason) return terminal.note('Stopped. The report was not written.');
    if (!(error instanceof UserError)) throw error;
    terminal.note(`The report was not written: ${messageInCommands(error)}`);
  }
}

/** Writes the page of a study that has ended, as `graft compare` does. One that cannot be written is said. */
export async function writeStudyPage(terminal: Terminal, out: string): Promise<void> {
  const { writeComparison } = await import('../report/compare/write-comparison.ts');
  try {
    const { file } = await writeComparison(out);
    terminal.note(`The page of the study is in ${file}: open it in a browser.`);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    terminal.note(`The page of the study was not written: ${messageInCommands(error)}`);
  }
}
