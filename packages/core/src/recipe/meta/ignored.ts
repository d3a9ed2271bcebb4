import { optimizersWith, outerBelongings } from '../config/ignored.ts';
import { learnerNames, learnersOf } from './learners.ts';

const adapting = learnersOf('gradient', 'reptile');
const trained = learnerNames.filter((name) => !learnersOf('baseline').includes(name));

/** Options that only some choices look at: by the option that makes the choice, what each of them belongs to. */
export const belongings = {
  learner: {
    order: learnersOf('gradient'),
    multiStepEpochs: ['maml++'],
    orderEpochs: ['maml++'],
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
  loss: { focalGamma: ['focal'] },
};
