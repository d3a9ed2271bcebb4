import { type ChildProcess, fork } from 'node:child_process';
import { Socket } from 'node:net';
import { UserError } from '@graft-ml/core/internal/base/errors';
import { builtProgram } from '../files/own-process.ts';
import { receiveFrames, sendFrame } from './frames.ts';
import type { Answer } from './messages.ts';
import type { SharedPixels } from './shared-pixels.ts';

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

/** The file descriptor of a process's pipe for tasks and answers, after those of its channel and its errors. */
export const taskChannel = 4;

/**
 * Settings of glibc's allocator, which by itself keeps freed memory for each of libvips's and ORT's threads apart, and
 * after the first large buffer takes later ones from what it never gives back.
 */
const frugalMemory = { MALLOC_ARENA_MAX: '2', MALLOC_MMAP_THRESHOLD_: '262144' };

/** Bytes of its last words that are kept. */
const lastWords = 2000;

/**
 * @param program the built file, by its path from `src/`
 * @param shared the file through which pixels pass
 */
export function startChild<Task, Reply>(program: string, { descriptor }: SharedPixels): Child<Task, Reply> {
  const child = fork(builtProgram(program), [], {
    execArgv: ['--expose-gc'],
    stdio: ['ignore', 'ignore', 'pipe', 'ipc', 'pipe', descriptor],
    env: { ...frugalMemory, ...process.env },
  });
  const asked = new Map<number, Asked<Reply>>();
  let count = 0;
  const socket = child.stdio[taskChannel];
  if (!(socket instanceof Socket)) throw new Error('a process that is started has a pipe');
  socket.on('error', () => child.kill('SIGKILL'));
  receiveFrames<Answer<Reply>>(socket, (answer) => {
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
        if (!socket.writable) return void asked.get(id)?.fail(new ProcessLost('it had ended'));
        sendFrame(socket, { id, task });
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
