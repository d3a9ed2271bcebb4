import { type Tensor, type Tensors, zeros } from '../base/tensor.ts';
import type { Value } from '../graph/index.ts';
import type { Session, TimedRun } from './backend.ts';
import type { Program } from './program.ts';

/** What is computed of each set of feeds. */
export interface GatheringOutputs {
  /** What is added up, each to an input of its name. Where no session has two sets of feeds there need be no such input. */
  readonly sums: Readonly<Record<string, Value>>;
  readonly results: Readonly<Record<string, Value>>;
}

/** What a program made of some sets of feeds. */
export interface Gathered {
  /** Added up from zero. They are the program's own until it runs again. */
  readonly sums: Tensors;
  /** The other outputs for each set of feeds, in their order. */
  readonly results: readonly Tensors[];
}

/** A program that adds up, in one session or in two side by side. */
export interface GatheringProgram {
  /** The number of sessions. */
  readonly sides: 1 | 2;
  /**
   * What each side made of its share of the feeds, the first ones first.
   *
   * @param values the inputs that are the same for all feeds
   * @param feeds at least one for each side
   */
  gather(values: Tensors, feeds: readonly Tensors[]): Promise<readonly Gathered[]>;
  /** Frees the sessions. Idempotent. */
  release(): Promise<void>;
}

/** The session of a program that adds up, in a thread of its own. */
export interface GatheringThread {
  /** Copies the values before it returns: meanwhile this thread may run a session of its own. */
  gather(values: Tensors, feeds: readonly Tensors[]): Promise<Gathered>;
  /** Ends the timing of its kernels and gives its runs so far. Nothing where none are timed. */
  endTiming(): Promise<readonly TimedRun[]>;
  /** Frees the session and ends the thread. Idempotent. */
  release(): Promise<void>;
}

export interface GatheringThreadOptions {
  /** The outputs that are added up. */
  readonly sums: readonly string[];
  /** Those that are written over the inputs of their names. */
  readonly overwritten: ReadonlySet<string>;
  /** Whether its kernels are timed. */
  readonly isTimed: boolean;
}

/** All of the feeds in one session. */
export function gatheringAlone(program: Program, names: readonly string[]): GatheringProgram {
  const sums = sumsOf(program.outputs, names);
  return {
    sides: 1,
    gather: async (values, feeds) => [await gatherInto(sums, program, values, feeds)],
    release: () => program.release(),
  };
}

/** Both sessions of a pair; where one fails, neither. Whoever calls begins with the thread, which opens its own meanwhile. */
export async function bothSessions<S extends Session>(
  opening: Promise<GatheringThread>,
  loading: Promise<S>,
): Promise<readonly [S, GatheringThread]> {
  const [thread, session] = await Promise.allSettled([opening, loading]);
  if (session.status === 'rejected') {
    if (thread.status === 'fulfilled') await thread.value.release();
    throw session.reason;
  }
  if (thread.status === 'rejected') {
    await session.value.release();
    throw thread.reason;
  }
  return [session.value, thread.value];
}

/** Half of the feeds in a session of this thread, and half in the other thread's. */
export function gatheringPair(program: Program, names: readonly string[], thread: GatheringThread): GatheringProgram {
  const sums = sumsOf(program.outputs, names);
  return {
    sides: 2,
    async gather(values, feeds) {
      const half = Math.ceil(feeds.length / 2);
      const there = thread.gather(values, feeds.slice(half));
      there.catch(() => {}); // told below, once this side is done
      try {
        return [await gatherInto(sums, program, values, feeds.slice(0, half)), await there];
      } finally {
        await there.catch(() => {});
      }
    },
    async release() {
      try {
        await program.release();
      } finally {
        await thread.release();
      }
    },
  };
}

/** Room for the sums of a program. */
export function sumsOf(outputs: Program['outputs'], names: readonly string[]): Record<string, Tensor> {
  return Object.fromEntries(
    names.map((name) => {
      const { dtype, shape } = outputs.get(name)!;
      return [name, zeros(dtype, shape)];
    }),
  );
}

/** Adds up in the memory of `sums`, one set of feeds after the other. */
export async function gatherInto(
  sums: Record<string, Tensor>,
  program: Program,
  values: Tensors,
  feeds: readonly Tensors[],
): Promise<Gathered> {
  const names = Object.keys(sums);
  const added = names.filter((name) => program.inputs.has(name));
  if (feeds.length > 1 && added.length < names.length)
    throw new Error('gather: the sums of several feeds are not added');
  for (const name of added) {
    const { buffer, byteOffset, byteLength } = sums[name]!.data;
    new Uint8Array(buffer, byteOffset, byteLength).fill(0);
  }
  const inPlace = names.filter((name) => program.overwritten.has(name) || !program.inputs.has(name));
  const results: Tensors[] = [];
  for (const own of feeds) {
    const into = Object.fromEntries(inPlace.map((name) => [name, sums[name]!]));
    const outputs = await program.run({ ...values, ...sums, ...own }, into);
    const others: Record<string, Tensor> = {};
    for (const [name, value] of Object.entries(outputs)) (sums[name] ? sums : others)[name] = value;
    results.push(others);
  }
  return { sums, results };
}
