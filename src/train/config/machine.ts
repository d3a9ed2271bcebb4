import { z } from 'zod';
import { choice, orDefault } from './choice.ts';

/** Where it runs, and what makes it repeatable. */
export const machineOptions = {
  seed: z.int().min(0).default(0).describe('decides initialisation, split, order, augmentation and dropout'),
  device: choice('--device', ['cpu']).default('cpu').describe('cpu'),
  threads: orDefault(z.int().min(1).max(256)).describe('threads of one operator; default: all cores'),
  memory: z
    .number()
    .positive()
    .default(2048)
    .describe('MiB for what every epoch sees alike: features of what is frozen, validation pictures'),
  disk: z
    .number()
    .min(0)
    .default(4096)
    .describe('MiB of the cache folder for features of what is frozen, which later runs use again; 0: none are kept'),
};
