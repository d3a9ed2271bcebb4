import * as z from 'zod';
import { type LogName, logNames } from '../../fit/loggers/names.ts';
import { choice, type OptionSchemas, orDefault, structuredBy } from './choice.ts';

const logs = structuredBy<readonly LogName[]>(`a list of some of ${logNames.join(', ')}`, z.array(z.enum(logNames)));

/** A device by the name that it has as an option. `auto` is the first of the others that works, which is said. */
export type DeviceName = 'cpu' | 'webgpu' | 'cuda' | 'auto';

export const deviceNames = ['cpu', 'webgpu', 'cuda', 'auto'] as const satisfies readonly DeviceName[];

/** The machine, reproducibility, and the run's own files. */
export interface MachineOptions {
  /** Decides initialisation, split, order, augmentation and dropout. */
  readonly seed: number;
  /** The device that computes; `webgpu`, `cuda` and `auto` in Node alone: a page's runtime has its own. */
  readonly device: DeviceName;
  /** Threads of one operator; null: all cores. */
  readonly threads: number | null;
  /** MiB for what every epoch sees alike. */
  readonly memory: number;
  /** MiB of the cache folder for features of what is frozen; 0: none are kept. */
  readonly disk: number;
  /** Logs in the run folder besides metrics.jsonl. */
  readonly log: readonly LogName[] | null;
}

export const machineOptions: OptionSchemas<MachineOptions> = {
  seed: z.int().min(0).default(0).describe('decides initialisation, split, order, augmentation and dropout'),
  device: choice(deviceNames).default('cpu').describe(deviceNames.join(' | ')),
  threads: orDefault(z.int().min(1).max(256)).describe('threads of one operator; default: all cores'),
  memory: z
    .number()
    .positive()
    .default(2048)
    .describe('MiB for data that is the same in every epoch: features of frozen layers, validation images'),
  disk: z
    .number()
    .min(0)
    .default(4096)
    .describe('MiB of the cache folder for features of frozen layers, which later runs reuse; 0: none'),
  log: orDefault(logs).describe(
    'logs in the run folder besides metrics.jsonl: csv (metrics.csv), tensorboard (events.out.tfevents.*)',
  ),
};
