import { type ChildProcess, fork } from 'node:child_process';
import { UserError } from '@graft-ml/core/internal/base/errors';
import { builtWorker } from '../files/own-process.ts';
import type { Answer } from './messages.ts';

/** A process ended before it answered. */
export class ProcessLost extends Error {
  override readonly name = 'ProcessLost';
}

/** A process that answers tasks. */
export interface Child<Task, Reply> {
  readonly pid: number | undefined;
  /** Resolves with how it ended, and its last words. */
  readonly ended: Promise<string>;
  /**
   * @param seconds after so long without an answer the process is killed
   * @throws ProcessLost where it ends first; UserError for what it says of its input; Error for a failure in it
   */
  ask(task: Task, seconds: number): Promise<Reply>;
  kill(): void;
}

interface Asked<Reply> {
  answer(reply: Reply): void;
  fail(error: Error): void;
}

/** Bytes of its last words that are kept. */
const lastWords = 2000;

/** @param program the built file, by its path from `src/` */
export function startChild<Task, Reply>(program: string): Child<Task, Reply> {
  const child = fork(builtWorker(program), [], {
    serialization: 'advanced',
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    // glibc would keep freed memory for each of libvips's and ORT's threads apart.
    env: { ...process.env, MALLOC_ARENA_MAX: '2' },
  });
  const asked = new Map<number, Asked<Reply>>();
  let count = 0;
  child.on('message', (answer: Answer<Reply>) => {
    const one = asked.get(answer.id);
    asked.delete(answer.id);
    if ('reply' in answer) one?.answer(answer.reply);
    else one?.fail(answer.isSaid ? new UserError(answer.failure) : new Error(answer.failure));
  });
  const ended = endOf(child).then((how) => {
    for (const { fail } of asked.values()) fail(new ProcessLost(how));
    asked.clear();
    return how;
  });
  return {
    pid: child.pid,
    ended,
    kill: () => void child.kill('SIGKILL'),
    ask(task, seconds) {
      const id = count++;
      return new Promise((resolve, reject) => {
        const clock = setTimeout(() => child.kill('SIGKILL'), 1000 * seconds);
        asked.set(id, {
          answer: (reply) => {
            clearTimeout(clock);
            resolve(reply);
          },
          fail: (error) => {
            clearTimeout(clock);
            reject(error);
          },
        });
        if (!child.connected) return void asked.get(id)?.fail(new ProcessLost('it had ended'));
        child.send({ id, task }, (error) => error && child.kill('SIGKILL'));
      });
    },
  };
}

function endOf(child: ChildProcess): Promise<string> {
  let said = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    said = (said + chunk.toString('utf8')).slice(-lastWords);
  });
  return new Promise((resolve) => {
    child.on('error', (error) => resolve(error.message));
    child.on('exit', (code, signal) => {
      resolve([`it ended by ${signal ?? `status ${code}`}`, said.trim()].filter(Boolean).join(': '));
    });
  });
}
