import { UsageError } from '@graft-ml/core/internal/base/errors';
import type { OpenedFarm } from '../jobs/open-farm.ts';
import type { FarmFlags } from './options/farm.ts';
import type { Terminal } from './terminal.ts';

/** The flags where none is given. */
export const noFarm: FarmFlags = { jobs: null, queue: null, store: null };

/**
 * The farm that flags name, for as long as the work takes; null where they name none.
 *
 * @param name keeps its jobs apart from others in a queue
 * @throws UsageError where they do not go together
 */
export async function withFarm<T>(
  { jobs, queue, store }: FarmFlags,
  { name, terminal }: { readonly name: string; readonly terminal: Terminal },
  work: (farm: OpenedFarm | null) => Promise<T>,
): Promise<T> {
  if ((queue === null) !== (store === null)) {
    throw new UsageError('--queue and --store go together: workers get images and give results through the store.');
  }
  if (queue !== null && jobs !== null) {
    throw new UsageError('--jobs is for this machine; `graft worker --jobs` says it for a worker.');
  }
  if (jobs === null && queue === null) return work(null);
  const { localFarm, queueFarm } = await import('../jobs/open-farm.ts');
  await using farm =
    queue !== null && store !== null
      ? await queueFarm({ queue, store, name, onNote: (note) => terminal.note(note) })
      : await localFarm({ jobs: jobs ?? undefined });
  return await work(farm);
}
