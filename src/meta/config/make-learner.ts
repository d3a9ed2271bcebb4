import { applyModel, headPattern, type Model, type Preprocessing } from '../../models/index.ts';
import { crossEntropy, normalisePixels } from '../../nn/index.ts';
import { optimizers } from '../../optim/index.ts';
import { type Network, pictureNetwork, variablesOf } from '../../train/index.ts';
import type { LearnedRates, Learner, OuterLoss } from '../learner.ts';
import { type LearnerName, learners, type ResolvedMetaConfig } from './index.ts';

/** A learner with the network it is made for: to logits of `way` classes, or to features where the class means decide. */
export interface LearnerParts {
  readonly network: Network;
  readonly learner: Learner;
}

/** The learner of a configuration. A baseline is told apart like a prototypical network: nothing of it is adapted. */
export function learnerOf(
  config: ResolvedMetaConfig,
  model: Model,
  preprocessing: Preprocessing,
  way: number,
): LearnerParts {
  const { learner: name, innerSteps, innerMomentum, labelSmoothing, loss: lossName, focalGamma } = config;
  const { kind } = learners[name];
  const options = { labelSmoothing, ...(lossName === 'focal' && { focalGamma: focalGamma ?? 2 }) };
  const loss: Learner['loss'] = (logits, labels) => crossEntropy(logits, labels, options);
  const statistics = config.statistics ?? 'running';
  if (kind === 'prototypes' || kind === 'baseline') {
    return {
      network: featureNetwork(model, preprocessing),
      learner: { kind: 'prototypes', name, statistics, loss },
    };
  }
  const network = pictureNetwork(model, preprocessing, way);
  const innerOptimizer = optimizers[config.innerOptimizer!]({ momentum: innerMomentum ?? 0, weightDecay: 0 });
  const rates = innerRates(config, network, model);
  const adapting = { name, statistics, loss, innerSteps: innerSteps!, rates, innerOptimizer };
  return {
    network,
    learner:
      kind === 'reptile' ? { kind, ...adapting } : { kind, ...adapting, learnedRates: learnedRates[name] ?? 'none' },
  };
}

const learnedRates: Readonly<Partial<Record<LearnerName, LearnedRates>>> = {
  'meta-sgd': 'per-element',
  'maml++': 'per-step',
};

/** How the outer gradient is taken in an epoch, from 0. */
export function outerLossOf({ order, multiStepEpochs, orderEpochs }: ResolvedMetaConfig, epoch: number): OuterLoss {
  const isFirstOrder = order === 1 || epoch < (orderEpochs ?? 0);
  return { order: isFirstOrder ? 1 : 2, everyStep: epoch < (multiStepEpochs ?? 0) };
}

/** From bytes to features (n, f), averaged over the picture. */
function featureNetwork(model: Model, preprocessing: Preprocessing): Network {
  const { crop } = preprocessing;
  return {
    input: { dtype: 'u8', shape: [3, crop, crop] },
    forward: (s, pixels) => applyModel(model, s, normalisePixels(pixels, preprocessing), { numClasses: 0 }),
  };
}

/** The vector that makes the family: the inner rate of each parameter, which is 0 for ANIL's body and BOIL's head. */
function innerRates({ learner, innerRate }: ResolvedMetaConfig, network: Network, model: Model): Map<string, number> {
  const head = headPattern(model);
  const isAdapted = (name: string) => {
    if (learner === 'anil') return head.test(name);
    return learner === 'boil' ? !head.test(name) : true;
  };
  const parameters = [...variablesOf(network).values()].filter(({ kind }) => kind === 'parameter');
  return new Map(parameters.map(({ name }) => [name, isAdapted(name) ? innerRate! : 0]));
}
