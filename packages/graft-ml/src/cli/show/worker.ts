import { isJsonObject } from '@graft-ml/core/internal/base/shallow-json';
import type { WorkerEvent } from '../../jobs/index.ts';
import type { Terminal } from '../terminal.ts';
import { formatSeconds } from './format.ts';

const ends = ['done', 'cancelled', 'failed', 'given-back', 'lost'] as const;
type End = (typeof ends)[number];

const words: Readonly<Record<End, string>> = {
  done: 'done',
  cancelled: 'cancelled',
  failed: 'failed',
  'given-back': 'given back',
  lost: 'taken by another worker',
};

/** Tells what a worker does, a line for each thing, and counts how its jobs ended. */
export function workerProgress(terminal: Terminal) {
  const counts = Object.fromEntries(ends.map((end) => [end, 0])) as Record<End, number>;
  const lineOf = (event: WorkerEvent): string | null => {
    switch (event.kind) {
      case 'ready':
        return `${event.worker} takes jobs from ${event.queue}, with the store ${event.store}. Ctrl-C to stop.`;
      case 'note':
        return event.message;
      case 'started':
        return `${event.job}: ${event.attempt === 1 ? 'begun' : `gone on with (attempt ${event.attempt})`}`;
      case 'report':
        return reportLine(event.job, event.report);
      default: {
        counts[event.kind]++;
        const why = event.kind === 'failed' ? `: ${event.message}` : '';
        return `${event.job}: ${words[event.kind]} after ${formatSeconds(event.seconds)}${why}`;
      }
    }
  };
  return {
    show(event: WorkerEvent): void {
      const line = lineOf(event);
      if (line !== null) terminal.note(line);
    },
    result() {
      const parts = ends.flatMap((end) => (counts[end] === 0 ? [] : [`${counts[end]} ${words[end]}`]));
      return { lines: [parts.length === 0 ? 'No jobs.' : `Jobs: ${parts.join(', ')}.`], json: { jobs: counts } };
    },
  };
}

/** A line for a validation; null for reports of other things. */
function reportLine(job: string, report: unknown): string | null {
  if (!isJsonObject(report) || typeof report.epoch !== 'number' || typeof report.accuracy !== 'number') return null;
  return `${job}: epoch ${report.epoch}, accuracy ${(100 * report.accuracy).toFixed(1)} %`;
}
