import { z } from 'zod';
import { optionalText } from './download.ts';

/** Where the workers of a run are. */
export const workersFlags = {
  jobs: z
    .int()
    .min(1)
    .max(256)
    .nullable()
    .default(null)
    .describe(
      'processes at once on this machine: for --workers (default: as cores and memory allow), for --folds, or for the ' +
        'features of frozen layers (default for both: this process)',
    ),
  queue: optionalText.describe(
    'have `graft worker` on any machines run --workers, train --folds, or make the features of frozen layers: ' +
      'redis://… or postgres://…, with --store',
  ),
  store: optionalText.describe('for --queue: a folder that all machines see, or s3://bucket/prefix'),
};
