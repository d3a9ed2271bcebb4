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
    .describe('for --workers: processes at once on this machine; default: as cores and memory allow'),
  queue: optionalText.describe(
    'for --workers: have them run by `graft worker` on any machines: redis://… or postgres://…, with --store',
  ),
  store: optionalText.describe('for --queue: a folder that all machines see, or s3://bucket/prefix'),
};
