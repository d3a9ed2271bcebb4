import { basename, join, resolve } from 'node:path';
import { UsageError } from '@graft-ml/core/internal/base/errors';
import type { StudyCallOptions } from '../study/run-study.ts';
import type { SweepFlags } from './sweep-request.ts';
import type { Terminal } from './terminal.ts';

/** What does the runs of a study, and how they find its dataset. */
interface SweepExecutor extends AsyncDisposable {
  readonly call: Pick<StudyCallOptions, 'executor' | 'ship'>;
}

/**
 * Opens what the flags name: child processes of this machine, or workers at a queue.
 *
 * @throws UsageError where a queue is named without a store, or the other way round
 */
export async function openSweepExecutor(
  out: string,
  { jobs, queue, store: place }: SweepFlags,
  terminal: Terminal,
): Promise<SweepExecutor> {
  if ((queue === null) !== (place === null)) {
    throw new UsageError(
      'sweep: --queue and --store go together: workers get datasets, and give back runs, through the store.',
    );
  }
  if (queue === null || place === null) {
    const { localExecutor } = await import('../jobs/local-executor.ts');
    const { studyFile } = await import('../study/database.ts');
    const file = join(out, studyFile);
    const executor = localExecutor({ root: out, file, ...(jobs !== null && { jobs }) });
    return { call: { executor }, [Symbol.asyncDispose]: () => executor.close() };
  }
  if (jobs !== null)
    throw new UsageError('sweep: --jobs is for this machine; `graft worker --jobs` says it for a worker.');
  const { openStore, queueExecutor, shipData } = await import('../jobs/index.ts');
  const store = await openStore(place);
  const name = basename(resolve(out)).replace(/[^\w.-]/g, '-');
  const executor = await queueExecutor({ queue, store, root: out, name, onNote: (note) => terminal.note(note) });
  return {
    call: { executor, ship: (path) => shipData(store, path) },
    [Symbol.asyncDispose]: () => executor.close(),
  };
}
