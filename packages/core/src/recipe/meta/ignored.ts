import { optimizersWith, outerBelongings } from '../config/ignored.ts';
import { lossesByOption } from '../config/loss.ts';
import { adapting, annealing, byGradient, trained } from './learners.ts';

/** Options that only some choices look at: by the option that makes the choice, what each of them belongs to. */
export const belongings = {
  learner: {
    order: byGradient,
    multiStepEpochs: annealing,
    orderEpochs: annealing,
    statistics: trained,
    innerSteps: adapting,
    innerRate: adapting,
    innerOptimizer: adapting,
    innerMomentum: adapting,
    testSteps: adapting,
    patience: trained,
    augment: trained,
  },
  innerOptimizer: { innerMomentum: optimizersWith('momentum') },
  ...outerBelongings,
  loss: lossesByOption,
};
