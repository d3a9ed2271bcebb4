import { join } from 'node:path';
import { UsageError } from '@graft-ml/core/internal/base/errors';
import type { TrainConfig } from '@graft-ml/core/internal/recipe/config/index';
import type { OpenWorkers } from '@graft-ml/core/internal/runs/run-workers';
import { assertTogether, openQueue, queueNameOf } from './open-farm.ts';
import type { Terminal } from './terminal.ts';

/** The flags that say where workers are. */
export interface WorkersFlags {
  readonly jobs: number | null;
  readonly queue: string | null;
  readonly store: string | null;
}

/**
 * What opens the workers of a run that has some: child processes of this machine, or workers at a queue.
 *
 * @throws UsageError where a queue is named without a store, or the other way round
 */
export function openWorkersBy({ jobs, queue, store: place }: WorkersFlags, terminal: Terminal): OpenWorkers {
  assertTogether({ jobs, queue, store: place }, 'train');
  return async (order) => {
    const { localWorkers, workersFolder, workersOver } = await import('../jobs/local-workers.ts');
    if (queue === null || place === null) return localWorkers({ jobs: jobs ?? undefined })(order);
    const root = join(order.out, workersFolder);
    const opened = await openQueue({ queue, place }, { root, name: queueNameOf(order.out), terminal });
    return workersOver(order, { ...opened, root }, {});
  };
}

/**
 * Whether other processes are to make the features of a run's frozen layers.
 *
 * @throws UsageError where it is said where they are, and there is nothing for them to do
 */
export function assertDivisible(
  { workers, strategy, probe }: Pick<TrainConfig, 'workers' | 'strategy' | 'probe'>,
  given: readonly string[],
): boolean {
  const place = ['jobs', 'queue', 'store'].find((flag) => given.includes(flag));
  if (workers !== null || place === undefined) return false;
  if (strategy !== 'scratch' && (strategy !== 'full' || (probe ?? 0) > 0)) return true;
  throw new UsageError(
    `train: --${place} divides the features of frozen layers, and --strategy ${strategy} has none. Leave it out, or ` +
      'give --workers or --folds as well.',
  );
}
