import * as z from 'zod';
import { csvCell } from '../../base/csv.ts';
import { printableJson } from '../../base/printable.ts';
import { parseShallow } from '../../base/shallow-json.ts';
import type { EvaluationEvent, TrainEvent } from '../events.ts';
import type { LogFormat } from './logger.ts';

/** `metrics.jsonl`: an object a line for each epoch, whatever its metrics. */
export function jsonLinesOf<M extends string>(): LogFormat<M> {
  return lineLog({
    name: 'metrics.jsonl',
    head: null,
    line: ({ kind: _, ...metrics }) => printableJson(metrics),
    epochOf: (line) => epochSchema.safeParse(parseShallow(line, 8)).data?.epoch,
  });
}

const epochSchema = z.object({ epoch: z.int() });

/** The lines of a classifier. */
export const jsonLines: LogFormat = jsonLinesOf();

const columns: Readonly<Record<string, (event: EvaluationEvent) => string | number | boolean>> = {
  epoch: ({ epoch }) => epoch,
  stage: ({ stage }) => stage,
  step: ({ step }) => step,
  learningRate: ({ learningRate }) => learningRate,
  trainingLoss: ({ training }) => training.loss,
  trainingAccuracy: ({ training }) => training.accuracy,
  validationLoss: ({ loss }) => loss,
  validationAccuracy: ({ accuracy }) => accuracy,
  isBest: ({ isBest }) => isBest,
  seconds: ({ seconds }) => seconds,
};

/** `metrics.csv`: a row for each epoch, under a row of names (RFC 4180). */
export const csv: LogFormat = lineLog({
  name: 'metrics.csv',
  head: Object.keys(columns).join(','),
  line: (event) =>
    Object.values(columns)
      .map((cell) => csvCell(cell(event)))
      .join(','),
  epochOf: (line) => (/^\d+,/.test(line) ? Number.parseInt(line, 10) : undefined),
});

const lineFeed = 0x0a;
/** The longest line, in bytes; ours have 300. A log from elsewhere may be one line, too long for a string. */
const longestLine = 100_000;

/** A log with a line for each epoch. `epochOf` is undefined for what is no such line. */
function lineLog<M extends string>(log: {
  readonly name: string;
  readonly head: string | null;
  line(event: EvaluationEvent<M>): string;
  epochOf(line: string): number | undefined;
}): LogFormat<M> {
  const encoder = new TextEncoder();
  const decoder = new TextDecoder();
  const head = log.head === null ? '' : `${log.head}\n`;
  return {
    name: log.name,
    isLog: (name) => name === log.name,
    header: encoder.encode(head),
    encode: (event: TrainEvent<M>) => (event.kind === 'evaluation' ? encoder.encode(`${log.line(event)}\n`) : null),
    lengthUntil: (content, phase) => {
      // In bytes: what is damaged need not be UTF-8, and then its text has another length.
      const textOf = (start: number, end: number) => decoder.decode(content.subarray(start, end));
      if (textOf(0, head.length) !== head) return 0;
      let length = head.length;
      // What follows the last line break is a line that was cut.
      for (let end = content.indexOf(lineFeed, length); end >= 0; end = content.indexOf(lineFeed, length)) {
        if (end - length > longestLine) break;
        const epoch = log.epochOf(textOf(length, end));
        if (!((epoch ?? Number.POSITIVE_INFINITY) <= phase.epoch)) break;
        length = end + 1;
      }
      return length;
    },
  };
}
