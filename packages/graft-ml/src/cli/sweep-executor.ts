import { join } from 'node:path';
import type { StudyCallOptions } from '../study/run-study.ts';
import { assertTogether, openQueue, queueNameOf } from './open-farm.ts';
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
  assertTogether({ jobs, queue, store: place }, 'sweep');
  if (queue === null || place === null) {
    const { localExecutor } = await import('../jobs/local-executor.ts');
    const { studyFile } = await import('../study/database.ts');
    const file = join(out, studyFile);
    const executor = localExecutor({ root: out, file, ...(jobs !== null && { jobs }) });
    return { call: { executor }, [Symbol.asyncDispose]: () => executor.close() };
  }
  const { executor, ship } = await openQueue({ queue, place }, { root: out, name: queueNameOf(out), terminal });
  return { call: { executor, ship }, [Symbol.asyncDispose]: () => executor.close() };
}
