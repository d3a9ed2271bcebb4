import { choice } from '../train/index.ts';
import { checkpoints } from '../train/node/index.ts';

/** Which state of a run a command opens. */
export const checkpointFlag = {
  checkpoint: choice('--checkpoint', checkpoints)
    .default('best')
    .describe('which state of the run: best (the best epoch) or last (where it stopped)'),
};
