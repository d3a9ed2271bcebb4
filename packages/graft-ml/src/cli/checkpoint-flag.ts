import { choice } from '@graft-ml/core/internal/recipe/config/choice';
import { checkpoints } from '../runs/checkpoints.ts';

/** Which state of a run a command opens. */
export const checkpointFlag = {
  checkpoint: choice(checkpoints)
    .default('best')
    .describe('which state of the run: best (the best epoch) or last (where it stopped)'),
};
