import type { EndEvent, TrainEvent } from '../fit/events.ts';
import type { Runtime } from '../runtime/index.ts';
import type { Last } from './checkpoints.ts';
import type { RunRecord } from './run-file.ts';
import type { RunFolder } from './run-folder.ts';

export interface RecordingOptions {
  readonly runtime: Runtime;
  /** The state from which events continue; null for a new run. */
  readonly last: Last | null;
  /** A new run may take the place of one that stands there. */
  readonly overwrite: boolean;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Passes on what happens in training, and writes the run folder from the moment on when the first step is about to be
 * taken. Returns how it ended; null where the signal came first.
 */
export async function* recorded<R extends RunRecord>(
  events: AsyncIterable<TrainEvent>,
  store: RunFolder<R>,
  { runtime, last, overwrite, signal }: RecordingOptions,
): AsyncGenerator<TrainEvent, EndEvent | null, undefined> {
  for await (const event of events) {
    if (event.kind === 'start' && last && !store.isOpen) await store.reopen(last.phase);
    if (event.kind === 'stage') {
      signal?.throwIfAborted();
      if (!store.isOpen) await store.create({ overwrite });
      await store.noteChoices(runtime.choices);
    }
    if (event.kind === 'interrupted') await store.close('interrupted');
    if (event.kind === 'end') return event;
    if (event.kind !== 'evaluation') await store.log(event);
    yield event;
  }
  return null;
}

/** However `work` ends, short of having said so, the run was interrupted; then others may have its folder. */
export async function* closing<R extends RunRecord, E, T>(
  store: RunFolder<R>,
  work: AsyncGenerator<E, T, undefined>,
): AsyncGenerator<E, T, undefined> {
  try {
    return yield* work;
  } catch (error) {
    await store.close('interrupted').catch(() => {}); // what went wrong first is what to say
    throw error;
  } finally {
    // A reader that has seen enough leaves here, too.
    await store.close('interrupted').finally(() => store.release());
  }
}
