import { setTimeout } from 'node:timers/promises';

/**
 * How many threads of a pool work on an image, and whether the pool is being closed: two numbers in memory that all of
 * them see. No thread is ended at work: Node 20 aborts the whole process where a thread ends between making a zlib
 * stream and setting it up (`close before init`).
 */
export type PoolWork = Int32Array;

const working = 0;
const stopped = 1;

/** The longest wait for a thread: one that died at work is never done with it. */
const patienceSeconds = 10;

export function poolWork(): PoolWork {
  return new Int32Array(new SharedArrayBuffer(2 * Int32Array.BYTES_PER_ELEMENT));
}

/** Does a task that must not be broken off. @throws Error (by rejection) where the work was stopped before */
export async function atWork<T>(work: PoolWork, task: () => Promise<T>): Promise<T> {
  // In this order: `stopWork` writes first and then reads, so that one of the two sees the other.
  Atomics.add(work, working, 1);
  try {
    if (Atomics.load(work, stopped)) throw new Error('The pool of this thread is closed.');
    return await task();
  } finally {
    Atomics.sub(work, working, 1);
  }
}

/** Lets no thread begin anything more, and resolves when none is at work. */
export async function stopWork(work: PoolWork): Promise<void> {
  Atomics.store(work, stopped, 1);
  const end = performance.now() + patienceSeconds * 1000;
  while (Atomics.load(work, working) > 0 && performance.now() < end) await setTimeout(1);
}
