import { type ChildProcess, type ForkOptions, fork } from 'node:child_process';
import { existsSync } from 'node:fs';
import { ImageError, type ImageProblem } from '@graft-ml/core/internal/image/problem';
import { builtProgram, processorSeconds, residentBytes } from '../files/own-process.ts';
import { imageBounds } from './image/open.ts';
import type { ImageTasks, Reply, TaskName } from './image-tasks.ts';

/** Limits on decoding one image; its process is ended beyond them. */
export const processLimits = {
  /** Seconds of processor time, so that a busy machine makes no image costly. */
  seconds: 60,
  /** Resident memory: what an image may take, and what Node takes. */
  bytes: imageBounds.memory + 200e6,
  /**
   * Memory that the process can allocate at all (RLIMIT_DATA); half of it is Node's stacks and heaps, which are hardly
   * touched.
   */
  dataBytes: imageBounds.memory + 900e6,
  heapMegabytes: 128,
} as const;
const watchMilliseconds = 50;
/**
 * The wall-clock time that a second of processor time may take; where the system does not report processor time, it
 * alone counts.
 */
const patience = 10;

/** One message to the process. */
export interface ProcessTask<N extends TaskName = TaskName> {
  readonly name: N;
  readonly task: ImageTasks[N]['task'];
}

/** Its answer: the result, a problem of the image, or the stack of an error that is neither. */
export type ProcessReply = Reply<ImageTasks[TaskName]['result']> | { readonly failure: string };

/**
 * A process of its own for images that may cost much. It is started when it is first needed, and again when it was
 * ended.
 */
export interface ImageProcess {
  /** The process that runs, if any. */
  readonly pid: number | undefined;
  /** One task at a time. */
  perform<N extends TaskName>(name: N, task: ImageTasks[N]['task']): Promise<Reply<ImageTasks[N]['result']>>;
  /** Ends the process that runs, if any. An idle one ends by itself, but a program waits for it before it ends. */
  end(): void;
}

export function startImageProcess(limits: Limits = processLimits): ImageProcess {
  let child: ChildProcess | undefined;
  return {
    get pid() {
      return child?.connected ? child.pid : undefined;
    },
    async perform<N extends TaskName>(name: N, task: ImageTasks[N]['task']) {
      const isFresh = !child?.connected;
      if (!child?.connected) child = start();
      let reply = await ask(child, { name, task }, limits);
      // Idle processes end, perhaps just now; and memory that earlier images left in pieces may be what this one
      // lacked.
      if ((reply === 'gone' || reply === 'full') && !isFresh) {
        child = start();
        reply = await ask(child, { name, task }, limits);
      }
      if (typeof reply === 'string') {
        child = undefined;
        throw new ImageError({ path: task.path, ...problemOf(reply, limits) });
      }
      if ('failure' in reply) throw new Error(`The process that read ${task.path} failed: ${reply.failure}`);
      return reply as Reply<ImageTasks[N]['result']>;
    },
    end() {
      child?.kill('SIGKILL');
      child = undefined;
    },
  };
}

interface Limits {
  readonly seconds: number;
  /** The limit of resident memory. */
  readonly bytes: number;
}

/** The way a process ended before it answered. */
type End = 'gone' | 'late' | 'full';

function problemOf(end: End, { seconds, bytes }: Limits): Omit<ImageProblem, 'path'> {
  if (end === 'late') return { kind: 'too-large', message: `decoding it takes more than ${seconds} seconds` };
  if (end === 'full')
    return { kind: 'too-large', message: `decoding it takes more than ${Math.round(bytes / 1e6)} MB` };
  return { kind: 'unreadable', message: 'the process that decoded it broke down' };
}

function start(): ChildProcess {
  const program = builtProgram('data/image-process-main.js');
  const options = [`--max-old-space-size=${processLimits.heapMegabytes}`, '--expose-gc'];
  const channel: ForkOptions = {
    serialization: 'advanced',
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    // glibc keeps freed memory for each thread apart, and libvips has many: what one image left would count for the
    // next.
    env: { ...process.env, MALLOC_ARENA_MAX: '2', MALLOC_TRIM_THRESHOLD_: '1000000' },
  };
  if (process.platform !== 'linux' || !existsSync('/bin/sh'))
    return fork(program, [], { ...channel, execArgv: options });
  // The shell sets the limits and becomes Node. Without a core file of what broke down.
  const limit = `ulimit -c 0; ulimit -d ${Math.round(processLimits.dataBytes / 1024)}; exec "$0" "$@"`;
  return fork(program, [], { ...channel, execPath: '/bin/sh', execArgv: ['-c', limit, process.execPath, ...options] });
}

/** The answer of the process, or how it ended before. */
function ask(child: ChildProcess, message: ProcessTask, { seconds, bytes }: Limits): Promise<ProcessReply | End> {
  return new Promise((resolve) => {
    const finish = (reply: ProcessReply | End) => {
      clearTimeout(clock);
      clearInterval(watch);
      child.off('message', finish);
      child.off('exit', onExit);
      child.off('error', onExit);
      resolve(reply);
    };
    const end = (how: End) => {
      child.kill('SIGKILL');
      finish(how);
    };
    const onExit = () => finish('gone');
    const usedBefore = processorSeconds(child.pid);
    const clock = setTimeout(end, seconds * patience * 1000, 'late');
    const watch = setInterval(() => {
      if (residentBytes(child.pid) > bytes) end('full');
      else if (processorSeconds(child.pid) - usedBefore > seconds) end('late');
    }, watchMilliseconds);
    child.on('message', finish);
    child.on('exit', onExit);
    child.on('error', onExit);
    child.send(message, (error) => error && onExit());
  });
}
