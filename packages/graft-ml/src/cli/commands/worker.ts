import { UsageError } from '@graft-ml/core/internal/base/errors';
import { z } from 'zod';
import { defaultCacheFolder } from '../../files/cache-folder.ts';
import { defineCommand } from '../command.ts';
import { onInterrupt } from '../interrupt.ts';
import { printResult } from '../show/printer.ts';
import { workerProgress } from '../show/worker.ts';

export const workerCommand = defineCommand({
  arguments: [],
  options: z.strictObject({
    queue: z
      .string()
      .optional()
      .describe('the queue: redis://HOST:6379, rediss://… or postgres://USER@HOST/DATABASE; default: GRAFT_QUEUE'),
    store: z
      .string()
      .optional()
      .describe('the store that all machines share: a folder or s3://BUCKET/PREFIX; default: GRAFT_STORE'),
    jobs: z.int().min(1).max(1000).default(1).describe('jobs that are done at once, each in a process of its own'),
    patience: z
      .number()
      .min(2)
      .default(30)
      .describe('seconds without a sign of life after which its jobs are given to other workers'),
    cache: z.string().optional().describe('folder for datasets and jobs at work; default: that of all commands'),
  }),
  goesOnUnread: () => true,
  examples: [
    'graft worker --queue redis://queue:6379 --store s3://studies/trash',
    'graft worker --queue postgres://graft@db/graft --store /mnt/shared --jobs 4',
    'graft worker --store /mnt/shared # with the queue, and its password, in GRAFT_QUEUE',
  ],
  async run({ options, terminal }) {
    const queue = options.queue ?? process.env.GRAFT_QUEUE;
    const store = options.store ?? process.env.GRAFT_STORE;
    if (queue === undefined) throw new UsageError('worker: it needs a queue: --queue redis://HOST:6379');
    if (store === undefined) throw new UsageError('worker: it needs a store: --store FOLDER or s3://BUCKET/PREFIX');
    const { openStore, runWorker } = await import('../../jobs/index.ts');
    const progress = workerProgress(terminal);
    await runWorker({
      ...{ queue, jobs: options.jobs, cache: options.cache ?? defaultCacheFolder() },
      store: await openStore(store),
      patience: 1000 * options.patience,
      signal: onInterrupt(terminal),
      onEvent: progress.show,
    });
    // To be told to stop is how it ends.
    process.exitCode = 0;
    printResult(terminal, progress.result());
  },
});
