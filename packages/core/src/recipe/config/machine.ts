import * as z from 'zod';
import { unknownChoice } from '../../base/choice.ts';
import { type LogName, logNames } from '../../fit/loggers/names.ts';
import { choice, orDefault } from './choice.ts';

/** Names of logs with commas between them. */
const logList = z.string().superRefine((text, context) => {
  const unknown = text.split(',').find((name) => !logNames.includes(name as LogName));
  if (unknown === undefined) return;
  context.addIssue({ code: 'custom', message: unknownChoice('', unknown, logNames).trimStart() });
});

/** Where it runs, what makes it repeatable, and what it writes about itself. */
export const machineOptions = {
  seed: z.int().min(0).default(0).describe('decides initialisation, split, order, augmentation and dropout'),
  device: choice(['cpu']).default('cpu').describe('cpu'),
  threads: orDefault(z.int().min(1).max(256)).describe('threads of one operator; default: all cores'),
  memory: z
    .number()
    .positive()
    .default(2048)
    .describe('MiB for what every epoch sees alike: features of what is frozen, validation images'),
  disk: z
    .number()
    .min(0)
    .default(4096)
    .describe('MiB of the cache folder for features of what is frozen, which later runs use again; 0: none are kept'),
  log: orDefault(logList).describe(
    'logs in the run folder besides metrics.jsonl: csv (metrics.csv), tensorboard (events.out.tfevents.*), with a comma between them',
  ),
};
