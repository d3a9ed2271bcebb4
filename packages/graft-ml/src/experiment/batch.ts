import { join } from 'node:path';
import { UserError } from '@graft-ml/core/internal/base/errors';
import { formatOwnJson } from '@graft-ml/core/internal/base/own-json';
import type { RunLock } from '@graft-ml/core/internal/fit/run-store';
import { assertEmpty } from '@graft-ml/core/internal/runs/run-folder';
import type { Executor } from '../jobs/executor.ts';
import type { Job } from '../jobs/job.ts';
import { runReportSchema } from '../jobs/train-job.ts';
import { type OpenRunStore, openRunStore, type RunStore } from '../runs/run-store.ts';

/**
 * Runs that belong together: each in a folder of its own in the batch's, with one file beside them that says what they
 * are and what they came to so far. They are trained one after the other by this process, or at once by an executor. The
 * batch can be interrupted whenever a run can, and goes on where it stopped.
 */
export interface Batch<Event extends { readonly kind: string }, Result> {
  /** The record of the batch. */
  readonly file: string;
  /** The runs by the names of their folders, in their order. */
  readonly members: readonly string[];
  /** Earlier results, by member. These are not run again. */
  readonly results: ReadonlyMap<string, Result>;
  /** Trains a member from its beginning, whatever stands in `out`. */
  train(member: string, out: string): AsyncIterable<Event>;
  /** Goes on with a member from its last checkpoint. */
  resume(member: string, out: string): AsyncIterable<Event>;
  /** The job by which an executor trains a member, or goes on with it. */
  job(member: string): Job;
  /** The state of a member's folder: a run that is complete, one that is not, or none that can be read. */
  state(member: string, out: string): Promise<'done' | 'begun' | 'none'>;
  /** The result of a member that has just been trained, or was before. */
  result(member: string, out: string): Promise<Result>;
  /** The content of the record with these results; with those of all members it has their summary. */
  record(results: ReadonlyMap<string, Result>): object;
  /** Removes the runs of a batch that this one replaces, when its first member has begun. */
  removeOld?(store: RunStore): Promise<void>;
}

/** A member is trained, resumed, or there already. Its events follow. */
export interface MemberEvent {
  readonly kind: 'member';
  readonly name: string;
  /** The number of the member, from 1. */
  readonly index: number;
  readonly of: number;
  readonly out: string;
}

/** A member that an executor trains has had an epoch. A number that is none is null. */
export interface MemberEpochEvent {
  readonly kind: 'member-epoch';
  readonly name: string;
  readonly epoch: number;
  readonly loss: number | null;
  readonly accuracy: number | null;
  readonly seconds: number;
}

/** The signal came while an executor trained the members: what they have reached is in their folders. */
export interface BatchStoppedEvent {
  readonly kind: 'stopped';
  readonly out: string;
}

/** What happens where an executor trains the members. */
export type ElsewhereEvent = MemberEpochEvent | BatchStoppedEvent;

export interface BatchOptions {
  /** The batch's folder. */
  readonly out: string;
  /** Whether it begins; else it is resumed. */
  readonly isNew: boolean;
  /** A new batch may take the place of what stands there. */
  readonly overwrite?: boolean | undefined;
  readonly openStore?: OpenRunStore | undefined;
  /** Trains the members, in folders of `out`. It stays its owner's. Default: this process, one after the other. */
  readonly executor?: Executor | undefined;
  /** Stops what the executor does; this process hears of it through the members' own events. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Runs the members that have no result yet. Nothing is written before the first of them takes its first step, or is
 * given to the executor: until then everything may turn out to be wrong. Returns all results, or null where a member was
 * interrupted or cancelled.
 *
 * @throws UserError where the folder holds something else, or another process runs the batch
 */
export async function* runBatch<Event extends { readonly kind: string }, Result>(
  batch: Batch<Event, Result>,
  options: BatchOptions,
): AsyncGenerator<MemberEvent | Event | ElsewhereEvent, ReadonlyMap<string, Result> | null, undefined> {
  const { executor } = options;
  await using opened = await openBatch(batch, options);
  return yield* executor
    ? trainElsewhere(batch, opened, { ...options, executor })
    : trainInTurn(batch, opened, options);
}

/** A batch that is this process's to write. */
interface OpenBatch<Result> extends AsyncDisposable {
  readonly results: ReadonlyMap<string, Result>;
  /** Makes the folder, and the record in it. */
  begin(): Promise<void>;
  /** Takes back a record that `begin` has just made. */
  withdraw(): Promise<void>;
  add(member: string, result: Result): Promise<void>;
}

async function openBatch<Event extends { readonly kind: string }, Result>(
  batch: Batch<Event, Result>,
  { out, isNew, overwrite = false, openStore = openRunStore }: BatchOptions,
): Promise<OpenBatch<Result>> {
  const { members, file } = batch;
  const store = openStore(out);
  await store.inspect(members);
  if (isNew && !overwrite) await assertEmpty(store, members);
  if (isNew) await store.assertWritable();
  let results = new Map(batch.results);
  let lock: RunLock | null = isNew ? null : await store.lock();
  const write = async () => {
    await lock?.check();
    await store.replace(file, formatOwnJson(batch.record(results)));
  };
  return {
    get results() {
      return results;
    },
    async begin() {
      await store.make();
      lock ??= await store.lock();
      if (isNew && overwrite) await batch.removeOld?.(store);
      await write();
    },
    withdraw: () => store.remove(file),
    async add(member, result) {
      const all = new Map(results).set(member, result);
      // In the order of the members, whichever was done first.
      results = new Map(members.flatMap((name) => (all.has(name) ? [[name, all.get(name)!] as const] : [])));
      await write();
    },
    [Symbol.asyncDispose]: async () => lock?.release(),
  };
}

async function* trainInTurn<Event extends { readonly kind: string }, Result>(
  batch: Batch<Event, Result>,
  opened: OpenBatch<Result>,
  { out, isNew, openStore = openRunStore }: BatchOptions,
): AsyncGenerator<MemberEvent | Event, ReadonlyMap<string, Result> | null, undefined> {
  const { members } = batch;
  let isBegun = false;
  for (const [i, name] of members.entries()) {
    if (opened.results.has(name)) continue;
    const own = join(out, name);
    yield { kind: 'member', name, index: i + 1, of: members.length, out: own };
    for await (const event of eventsOf(batch, name, openStore(own), isNew)) {
      if (event.kind === 'start' && !isBegun) {
        isBegun = true;
        await opened.begin();
      }
      yield event;
      if (event.kind === 'interrupted' || event.kind === 'cancelled') return null;
    }
    await opened.add(name, await batch.result(name, own));
  }
  return opened.results;
}

async function* trainElsewhere<Event extends { readonly kind: string }, Result>(
  batch: Batch<Event, Result>,
  opened: OpenBatch<Result>,
  { out, isNew, executor, signal, openStore = openRunStore }: BatchOptions & { readonly executor: Executor },
): AsyncGenerator<MemberEvent | ElsewhereEvent, ReadonlyMap<string, Result> | null, undefined> {
  const { members } = batch;
  const waiting = new Set(members.filter((name) => !opened.results.has(name)));
  await opened.begin();
  // A job goes on with the run that it finds.
  for (const name of isNew ? members : []) await removeRun(openStore(join(out, name)));
  const cancel = () => {
    for (const name of waiting) executor.cancel(name).catch(() => {}); // its end tells how it went
  };
  const triedAgain = new Set<string>();
  let hasEpoch = false;
  try {
    for (const name of waiting) await executor.submit(batch.job(name));
    signal?.addEventListener('abort', cancel, { once: true });
    if (signal?.aborted) cancel();
    if (waiting.size === 0) return opened.results;
    for await (const event of executor.events()) {
      const name = event.id;
      if (!waiting.has(name)) continue;
      const isEnd = event.kind === 'cancelled' || event.kind === 'failed';
      if (isEnd && !isNew && !signal?.aborted && !triedAgain.has(name)) {
        // That is how it ended the last time.
        triedAgain.add(name);
        await executor.resume(name);
        continue;
      }
      if (event.kind === 'failed') throw new UserError(`${name}: ${event.message}`);
      if (event.kind === 'started') {
        yield { kind: 'member', name, index: members.indexOf(name) + 1, of: members.length, out: join(out, name) };
      }
      if (event.kind === 'report') {
        hasEpoch = true;
        const { kind: _, ...epoch } = runReportSchema.parse(event.report);
        yield { kind: 'member-epoch', name, ...epoch };
      }
      if (event.kind === 'done') await opened.add(name, await batch.result(name, await executor.folder(name)));
      if (event.kind === 'done' || event.kind === 'cancelled') waiting.delete(name);
      if (waiting.size === 0) break;
    }
  } catch (error) {
    if (isNew && !hasEpoch && opened.results.size === 0) await opened.withdraw();
    throw error;
  } finally {
    signal?.removeEventListener('abort', cancel);
  }
  if (opened.results.size === members.length) return opened.results;
  yield { kind: 'stopped', out };
  return null;
}

async function removeRun(store: RunStore): Promise<void> {
  if ((await store.names()).includes('run.json')) await store.removeAll();
}

async function* eventsOf<Event extends { readonly kind: string }, Result>(
  batch: Batch<Event, Result>,
  name: string,
  store: RunStore,
  isNew: boolean,
): AsyncGenerator<Event, void, undefined> {
  const { path: out } = store;
  const state = isNew ? 'none' : await batch.state(name, out);
  if (state === 'done') return;
  const canResume = state === 'begun' && (await store.names()).includes('last.safetensors');
  yield* canResume ? batch.resume(name, out) : batch.train(name, out);
}
