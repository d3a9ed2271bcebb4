import { UserError } from '@graft-ml/core/internal/base/errors';
import { ImageError } from '@graft-ml/core/internal/image/problem';
import { type ImageProcess, processLimits, startImageProcess } from '../data/image-process.ts';
import { type Child, ProcessLost, startChild } from './child.ts';
import type { DecodeReply, DecodeTask, TensorRequest, TensorTask, ViewTask } from './messages.ts';
import { ServeError } from './problems.ts';
import type { PixelSlot, SharedPixels } from './shared-pixels.ts';

/** Turns requests into inputs of models, in processes of its own, each of which has one image at a time. */
export interface Decoders {
  /** Settles when nothing writes there any more. @throws ImageError, ServeError (by rejection) */
  view(task: ImageTask, slot: PixelSlot, signal: AbortSignal): Promise<void>;
  /** @throws ServeError (by rejection) */
  tensor(task: Omit<TensorTask, 'kind'>, signal: AbortSignal): Promise<TensorRequest>;
  /** The processes that run. */
  readonly pids: readonly number[];
  readonly waiting: number;
  close(): void;
}

/** The image to decode, wherever it goes. */
export type ImageTask = Omit<ViewTask, 'kind' | 'offset' | 'isLarge'>;

export interface DecodersOptions {
  readonly shared: SharedPixels;
  readonly count: number;
  /** The time for one image. */
  readonly seconds: number;
  readonly onLost: (how: string) => void;
}

interface Waiting {
  readonly task: DecodeTask;
  readonly signal: AbortSignal;
  /** Whether its first process broke down. */
  readonly isRetried: boolean;
  answer(reply: DecodeReply): void;
  fail(error: unknown): void;
}

/** Bytes from which a tensor takes long to read. */
const manyBytes = 2e6;
/** Images that may cost much wait for one process; more of them than this are turned away. */
const mostCostly = 8;

export async function startDecoders({ shared, count, seconds, onLost }: DecodersOptions): Promise<Decoders> {
  const queue: Waiting[] = [];
  const idle: Child<DecodeTask, DecodeReply>[] = [];
  const running = new Set<Child<DecodeTask, DecodeReply>>();
  const costly = costlyLane(seconds);
  // Where there are several, one is always there for what is done quickly.
  const mostSlow = Math.max(1, count - 1);
  let slow = 0;
  let isClosed = false;

  const start = () => {
    const child = startChild<DecodeTask, DecodeReply>('serve/decode-main.js', shared);
    running.add(child);
    void child.ended.then((how) => {
      running.delete(child);
      const place = idle.indexOf(child);
      if (place >= 0) idle.splice(place, 1);
      if (isClosed) return;
      onLost(how);
      start();
    });
    idle.push(child);
    advance();
  };
  const advance = () => {
    while (idle.length > 0) {
      const place = slow < mostSlow ? 0 : queue.findIndex(({ task }) => !isSlow(task));
      const [next] = place < 0 ? [] : queue.splice(place, 1);
      if (!next) return;
      if (next.signal.aborted) next.fail(next.signal.reason);
      else void work(idle.pop()!, next);
    }
  };
  const work = async (child: Child<DecodeTask, DecodeReply>, one: Waiting) => {
    const cost = isSlow(one.task) ? 1 : 0;
    slow += cost;
    try {
      one.answer(await child.ask(one.task, seconds));
      idle.push(child);
    } catch (error) {
      if (!(error instanceof ProcessLost)) {
        one.fail(error);
        idle.push(child);
      } else if (one.isRetried) {
        one.fail(new ServeError('decoder-lost'));
      } else {
        // Perhaps it was not this image's doing.
        queue.unshift({ ...one, isRetried: true });
      }
    }
    slow -= cost;
    advance();
  };
  const ask = (task: DecodeTask, signal: AbortSignal) =>
    new Promise<DecodeReply>((answer, fail) => {
      queue.push({ task, signal, isRetried: false, answer, fail });
      advance();
    });

  for (let i = 0; i < count; i++) start();
  return {
    async view(task, slot, signal) {
      const own = { kind: 'view', ...task, offset: slot.offset } as const;
      const first = await ask({ ...own, isLarge: false }, signal);
      const reply = 'isLarge' in first ? await ask({ ...own, isLarge: true }, signal) : first;
      if ('isWritten' in reply) return;
      if ('isCostly' in reply) return shared.write(slot, await costly.view(task, signal));
      if ('problem' in reply) throw new ImageError(reply.problem);
      throw new Error('a decoder answered something else');
    },
    async tensor(task, signal) {
      const reply = await ask({ kind: 'tensor', ...task }, signal);
      if ('refusal' in reply) throw new ServeError('bad-request', reply.refusal);
      if ('request' in reply) return reply.request;
      throw new Error('a decoder answered something else');
    },
    get pids() {
      return [...running].flatMap(({ pid }) => (pid === undefined ? [] : [pid]));
    },
    get waiting() {
      return queue.length + costly.waiting;
    },
    close() {
      isClosed = true;
      for (const child of running) child.kill();
      for (const { fail } of queue.splice(0)) fail(new UserError('The server was closed.'));
      costly.close();
    },
  };
}

function isSlow(task: DecodeTask): boolean {
  return task.kind === 'view' ? task.isLarge : task.bytes.length > manyBytes;
}

/** One image at a time in the process of `data/`, whose memory and time are bounded: large ones, AVIF and TIFF. */
function costlyLane(seconds: number) {
  const apart: ImageProcess = startImageProcess({ seconds, bytes: processLimits.bytes });
  let previous: Promise<unknown> = Promise.resolve();
  let waiting = 0;
  return {
    get waiting() {
      return waiting;
    },
    async view({ bytes, framing, mostPixels }: ImageTask, signal: AbortSignal): Promise<Uint8Array> {
      if (waiting >= mostCostly) throw new ServeError('busy', 'Too many large images wait to be decoded.');
      waiting++;
      const request = { kind: 'evaluation', preprocessing: framing } as const;
      const viewed = previous.then(() => {
        signal.throwIfAborted();
        return apart.perform('view', { path: 'image', bytes, request, size: framing.crop, mostPixels });
      });
      previous = viewed.catch(() => {});
      try {
        const reply = await viewed;
        if ('problem' in reply) throw new ImageError(reply.problem);
        return reply.pixels;
      } finally {
        waiting--;
      }
    },
    close() {
      if (apart.pid !== undefined) process.kill(apart.pid, 'SIGKILL');
    },
  };
}
