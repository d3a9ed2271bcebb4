import { UserError } from '@graft-ml/core/internal/base/errors';
import { rowsOf } from '@graft-ml/core/internal/image/evaluation-view';
import { ImageError, type ImageProblem } from '@graft-ml/core/internal/image/problem';
import { planesOf } from '@graft-ml/core/internal/predict/exported-model';
import { type ImageProcess, processLimits, startImageProcess } from '../data/image-process.ts';
import { type Child, ProcessLost, startChild } from './child.ts';
import type {
  BeginTask,
  DecodeImageTask,
  DecodeReply,
  DecodeTask,
  ImageContent,
  PlanarImage,
  TensorRequest,
  TensorTask,
  ViewTask,
} from './messages.ts';
import { ServeError } from './problems.ts';
import type { PixelSlot, SharedPixels } from './shared-pixels.ts';

/** Turns requests into inputs of models, in processes of its own, each of which has one image at a time. */
export interface Decoders {
  /** Settles when nothing writes there any more. @throws ImageError, ServeError (by rejection) */
  view(content: ImageContent, slot: PixelSlot, signal: AbortSignal): Promise<void>;
  /** The image in its own size. @throws ImageError, ServeError (by rejection) */
  image(content: ImageContent, signal: AbortSignal): Promise<PlanarImage>;
  /** @throws ServeError (by rejection) */
  tensor(task: Omit<TensorTask, 'kind'>, signal: AbortSignal): Promise<TensorRequest>;
  /** The processes that run. */
  readonly pids: readonly number[];
  readonly waiting: number;
  close(): void;
}

export interface DecodersOptions {
  readonly shared: SharedPixels;
  readonly count: number;
  /** The time for one image. */
  readonly seconds: number;
  readonly onLost: (how: string) => void;
}

type Decoder = Child<BeginTask | DecodeTask, DecodeReply>;

interface Waiting {
  readonly task: DecodeTask;
  readonly signal: AbortSignal;
  /** Whether its first process broke down. */
  readonly isRetried: boolean;
  answer(reply: DecodeReply): void;
  fail(error: unknown): void;
}

/** The longest that a process may take to begin. */
const startSeconds = 60;
/** Bytes from which a tensor takes long to read. */
const manyBytes = 2e6;
/** Images that may cost much wait for one process; more of them than this are turned away. */
const mostCostly = 8;

export async function startDecoders({ shared, count, seconds, onLost }: DecodersOptions): Promise<Decoders> {
  const queue: Waiting[] = [];
  const idle: Decoder[] = [];
  const running = new Set<Decoder>();
  const costly = costlyLane(seconds);
  // Where there are several, one is always there for what is done quickly.
  const mostSlow = Math.max(1, count - 1);
  let slow = 0;
  let isClosed = false;

  const start = () => {
    const child = startChild<BeginTask | DecodeTask, DecodeReply>('serve/decode-main.js', shared);
    running.add(child);
    void child.ended.then((how) => {
      running.delete(child);
      const place = idle.indexOf(child);
      if (place >= 0) idle.splice(place, 1);
      if (isClosed) return;
      onLost(how);
      start();
    });
    // An image is given to a process that has begun: one that is lost before is none of its tries.
    void child.ask({ kind: 'begin' }, startSeconds).then(
      () => {
        idle.push(child);
        advance();
      },
      () => {}, // its end is told, and it is started again
    );
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
  const work = async (child: Decoder, one: Waiting) => {
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

  /** Asks again where the image turns out to be a large one. @throws ImageError (by rejection) */
  const askFor = async (
    task: Omit<ViewTask, 'isLarge'> | Omit<DecodeImageTask, 'isLarge'>,
    signal: AbortSignal,
  ): Promise<DecodeReply> => {
    const first = await ask({ ...task, isLarge: false }, signal);
    const reply = 'isLarge' in first ? await ask({ ...task, isLarge: true }, signal) : first;
    if ('problem' in reply) throw new ImageError(reply.problem);
    return reply;
  };

  for (let i = 0; i < count; i++) start();
  return {
    async view(content, slot, signal) {
      const reply = await askFor({ kind: 'view', ...content, offset: slot.offset }, signal);
      if ('isWritten' in reply) return;
      if ('isCostly' in reply) return shared.write(slot, await costly.view(content, signal));
      throw new Error('a decoder answered something else');
    },
    async image(content, signal) {
      const reply = await askFor({ kind: 'image', ...content }, signal);
      if ('image' in reply) return reply.image;
      if ('isCostly' in reply) return costly.image(content, signal);
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
  return task.kind === 'tensor' ? task.bytes.length > manyBytes : task.isLarge;
}

/** One image at a time in the process of `data/`, whose memory and time are bounded: large ones, AVIF and TIFF. */
function costlyLane(seconds: number) {
  const apart: ImageProcess = startImageProcess({ seconds, bytes: processLimits.bytes });
  let previous: Promise<unknown> = Promise.resolve();
  let waiting = 0;
  /** @throws ServeError (by rejection) where too many wait; ImageError */
  const inTurn = async <R extends object>(
    signal: AbortSignal,
    work: () => Promise<R | { readonly problem: ImageProblem }>,
  ): Promise<R> => {
    if (waiting >= mostCostly) throw new ServeError('busy', 'Too many large images wait to be decoded.');
    waiting++;
    const done = previous.then(() => {
      signal.throwIfAborted();
      return work();
    });
    previous = done.catch(() => {});
    try {
      const reply = await done;
      if ('problem' in reply) throw new ImageError(reply.problem);
      return reply;
    } finally {
      waiting--;
    }
  };
  return {
    get waiting() {
      return waiting;
    },
    async view({ bytes, framing, mostPixels }: ImageContent, signal: AbortSignal): Promise<Uint8Array> {
      const request = { kind: 'evaluation', preprocessing: framing } as const;
      const task = { path: 'image', bytes, request, size: framing.crop, mostPixels };
      return (await inTurn(signal, () => apart.perform('view', task))).pixels;
    },
    async image({ bytes, framing, mostPixels }: ImageContent, signal: AbortSignal): Promise<PlanarImage> {
      const task = { path: 'image', bytes, reading: framing, mostPixels };
      const image = await inTurn(signal, () => apart.perform('decode', task));
      return { width: image.width, height: image.height, data: await planesOf(rowsOf(image)) };
    },
    close() {
      if (apart.pid !== undefined) process.kill(apart.pid, 'SIGKILL');
    },
  };
}
