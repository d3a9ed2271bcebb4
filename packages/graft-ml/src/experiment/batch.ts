import { join } from 'node:path';
import { formatOwnJson } from '@graft-ml/core/internal/base/own-json';
import type { RunLock } from '@graft-ml/core/internal/fit/run-store';
import { assertEmpty } from '@graft-ml/core/internal/runs/run-folder';
import { type OpenRunStore, openRunStore, type RunStore } from '../runs/run-store.ts';

/**
 * Runs that belong together: one after the other, each in a folder of its own in the batch's, with one file beside them
 * that says what they are and what they came to so far. The batch can be interrupted whenever a run can, and goes on
 * where it stopped.
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

export interface BatchOptions {
  /** The batch's folder. */
  readonly out: string;
  /** Whether it begins; else it is resumed. */
  readonly isNew: boolean;
  /** A new batch may take the place of what stands there. */
  readonly overwrite?: boolean | undefined;
  readonly openStore?: OpenRunStore | undefined;
}

/**
 * Runs the members that have no result yet. Nothing is written before the first of them takes its first step: until
 * then everything may turn out to be wrong. Returns all results, or null where a member was interrupted or cancelled.
 *
 * @throws UserError where the folder holds something else, or another process runs the batch
 */
export async function* runBatch<Event extends { readonly kind: string }, Result>(
  batch: Batch<Event, Result>,
  { out, isNew, overwrite = false, openStore = openRunStore }: BatchOptions,
): AsyncGenerator<MemberEvent | Event, ReadonlyMap<string, Result> | null, undefined> {
  const { members, file } = batch;
  const store = openStore(out);
  await store.inspect(members);
  if (isNew && !overwrite) await assertEmpty(store, members);
  if (isNew) await store.assertWritable();
  const results = new Map(batch.results);
  let lock: RunLock | null = isNew ? null : await store.lock();
  const write = async () => {
    await lock?.check();
    await store.replace(file, formatOwnJson(batch.record(results)));
  };
  let isBegun = false;
  try {
    for (const [i, name] of members.entries()) {
      if (results.has(name)) continue;
      const own = join(out, name);
      yield { kind: 'member', name, index: i + 1, of: members.length, out: own };
      for await (const event of eventsOf(batch, name, openStore(own), isNew)) {
        if (event.kind === 'start' && !isBegun) {
          isBegun = true;
          await store.make();
          lock ??= await store.lock();
          if (isNew && overwrite) await batch.removeOld?.(store);
          await write();
        }
        yield event;
        if (event.kind === 'interrupted' || event.kind === 'cancelled') return null;
      }
      results.set(name, await batch.result(name, own));
      await write();
    }
    return results;
  } finally {
    await lock?.release();
  }
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
