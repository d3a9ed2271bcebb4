import { printable, printableJson, printableName } from '@graft-ml/core/internal/base/printable';
import { Presets, SingleBar } from 'cli-progress';
import { inCommands } from '../text/wording.ts';
import { message } from './failure.ts';
import { write } from './output.ts';
import { formatSeconds } from './show/format.ts';
import { hasColours, type Line, lineText } from './show/styled.ts';

/**
 * Results go to stdout, everything about the way there to stderr. No text that comes by here reaches the terminal with
 * control or invisible characters in it, wherever its names came from (`printable`); colours are ours
 * (`Styled`), and the cursor is the bar's.
 */
export interface Terminal {
  /** `--json`: one JSON value on stdout and nothing else there. */
  readonly json: boolean;
  /** A line of the result, in its styles where stdout has colours; nothing with `--json`. */
  print(line?: Line): void;
  /** The result, for machines; nothing without `--json`. */
  printJson(value: unknown, options?: { readonly indent?: number }): void;
  /** A line about the progress, what the library says in the words of the command line. */
  note(text: string): void;
  /**
   * Shows the progress of a stage: a bar with rate and time left on a terminal; elsewhere one line when a stage begins.
   */
  progress(stage: string, done: number, total: number, detail?: string): void;
  /** Ends the bar, if there is one. */
  endProgress(): void;
}

const bar = '{stage} {bar} {percentage}% · {value}/{total} · {rate}/s · {left} left{detail}';

/** In characters: what the numbers beside it leave, which are worth more. */
function barSize(): number {
  return Math.max(10, Math.min(40, (process.stderr.columns ?? 80) - 66));
}

export function createTerminal({ json }: { json: boolean }): Terminal {
  let current: { stage: string; bar: SingleBar | null; start: number; first: number } | null = null;
  let announced = '';
  const endProgress = () => {
    current?.bar?.stop();
    current = null;
  };
  const progress = (name: string, done: number, total: number, detail = '') => {
    const stage = printableName(name);
    if (current?.stage !== stage) {
      endProgress();
      const visible = process.stderr.isTTY
        ? new SingleBar({ format: bar, hideCursor: true, barsize: barSize() }, Presets.rect)
        : null;
      visible?.start(total, done, { stage, rate: '–', left: '–', detail: '' });
      if (!visible && announced !== stage) write('stderr', `${stage} (${total})\n`);
      announced = stage;
      current = { stage, bar: visible, start: performance.now(), first: done };
    }
    const seconds = (performance.now() - current.start) / 1000;
    const rate = (done - current.first) / seconds;
    const left = rate > 0 ? formatSeconds((total - done) / rate) : '–';
    current.bar?.update(done, {
      rate: rate.toFixed(rate < 10 ? 1 : 0),
      left,
      detail: detail && ` · ${printableName(detail)}`,
    });
    if (done >= total) endProgress();
  };
  return {
    json,
    print: (line = '') => {
      if (!json) write('stdout', `${lineText(line, { colours: hasColours(), safe: printable })}\n`);
    },
    printJson: (value, { indent = 2 } = {}) => {
      if (json) write('stdout', `${printableJson(value, indent)}\n`);
    },
    note: (text) => {
      endProgress();
      write('stderr', `${message(inCommands(text))}\n`);
    },
    progress,
    endProgress,
  };
}
