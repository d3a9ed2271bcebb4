import { z } from 'zod';
import { optionalText } from './download.ts';

/** Who does the parts of a computation. */
export const farmFlags = {
  jobs: z
    .int()
    .min(1)
    .max(256)
    .nullable()
    .default(null)
    .describe('divide the work among so many processes of this machine, of one thread each; default: this process'),
  queue: optionalText.describe(
    'divide the work among workers on any machines (`graft worker`): redis://… or postgres://…, with --store',
  ),
  store: optionalText.describe('for --queue: a folder that all machines see, or s3://bucket/prefix'),
};

export type FarmFlags = z.output<z.ZodObject<typeof farmFlags>>;
