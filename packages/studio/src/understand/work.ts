import { batch, type ReadonlySignal, signal } from '@preact/signals';
import type { Reply, TaskName, Tasks } from './tasks.ts';

/** An answer, with the question that it answers. */
export interface Answered<T extends TaskName> {
  readonly question: Tasks[T]['question'];
  readonly value: Tasks[T]['answer'];
}

/** A task that a worker of its own computes. Its answer stays until the next one is there. */
export interface Work<T extends TaskName> {
  readonly answer: ReadonlySignal<Answered<T> | null>;
  readonly progress: ReadonlySignal<Tasks[T]['progress'] | null>;
  /** Why there is no answer to the last question; null where there is one, or will be. */
  readonly problem: ReadonlySignal<string | null>;
  readonly isBusy: ReadonlySignal<boolean>;
  /** Asks; while an earlier question is computed the newest waits, and those between are not computed. */
  ask(question: Tasks[T]['question']): void;
  /** Ends the computation at once, with its worker; the next question starts another. */
  cancel(): void;
}

/** Milliseconds that a worker with nothing to do keeps its memory: WebAssembly never gives any back. */
const idleTime = 60_000;

/** Nothing is loaded before the first question. */
export function openWork<T extends TaskName>(task: T): Work<T> {
  const answer = signal<Answered<T> | null>(null);
  const progress = signal<Tasks[T]['progress'] | null>(null);
  const problem = signal<string | null>(null);
  const isBusy = signal(false);
  let worker: Worker | null = null;
  let idle: ReturnType<typeof setTimeout> | undefined;
  let asked: Tasks[T]['question'] | null = null;
  let waiting: Tasks[T]['question'] | null = null;

  const open = () => {
    const opened = new Worker(new URL('./worker.ts', import.meta.url), { type: 'module' });
    opened.onmessage = ({ data }: MessageEvent<Reply<T>>) => {
      if (data.kind === 'progress') progress.value = data.progress;
      else finish(data, asked!);
    };
    opened.onerror = ({ message }) => {
      cancel();
      problem.value = message || 'The part of the page that computes could not be loaded. Reload the page.';
    };
    return opened;
  };
  const send = (question: Tasks[T]['question']) => {
    clearTimeout(idle);
    progress.value = null;
    isBusy.value = true;
    worker ??= open();
    asked = question;
    worker.postMessage({ task, question });
  };
  const finish = (reply: Exclude<Reply<T>, { kind: 'progress' }>, question: Tasks[T]['question']) => {
    if (waiting !== null) {
      const next = waiting;
      waiting = null;
      return send(next);
    }
    batch(() => {
      problem.value = reply.kind === 'problem' ? reply.message : null;
      if (reply.kind === 'answer') answer.value = { question, value: reply.answer };
      isBusy.value = false;
    });
    idle = setTimeout(close, idleTime);
  };
  const close = () => {
    worker?.terminate();
    worker = null;
  };
  const cancel = () => {
    close();
    waiting = null;
    isBusy.value = false;
  };
  return {
    answer,
    progress,
    problem,
    isBusy,
    ask: (question) => {
      // An effect that asks must not run again because of what it set off.
      if (isBusy.peek()) waiting = question;
      else send(question);
    },
    cancel,
  };
}
