import type { Terminal } from '../terminal.ts';
import type { Line } from './styled.ts';

/** Something that is told on the way: a line of the result, a line about the way there, or how far a stage is. */
export type Told =
  | { readonly print: string }
  | { readonly note: string }
  | { readonly stage: string; readonly done: number; readonly total: number; readonly detail?: string };

/** Tells it. What is only a part of the result is on the way there. */
export function tell(terminal: Terminal, told: Told, { isPart = false } = {}): void {
  if ('stage' in told) terminal.progress(told.stage, told.done, told.total, told.detail);
  else if ('note' in told) terminal.note(told.note);
  else if (isPart) terminal.note(told.print);
  else terminal.print(told.print);
}

/** A result as lines of text with notes, and as JSON. */
export interface Result {
  readonly notes?: readonly string[];
  readonly lines: readonly Line[];
  readonly json: unknown;
}

/** Prints a result: its notes to stderr, and to stdout its lines or, with `--json`, its value. */
export function printResult(terminal: Terminal, { notes = [], lines, json }: Result): void {
  for (const note of notes) terminal.note(note);
  for (const line of lines) terminal.print(line);
  terminal.printJson(json);
}

/** Shows how far a stage is that is named beforehand. */
export function progressOf(terminal: Terminal, stage: string): (done: number, total: number) => void {
  return (done, total) => terminal.progress(stage, done, total);
}
