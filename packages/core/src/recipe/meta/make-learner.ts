import { imageNetwork } from '../../fit/network.ts';
import { type Network, variablesOf } from '../../fit/step.ts';
import type { Learner } from '../../meta/learner.ts';
import { isByFeatures, learners, makeLearner } from '../../meta/learners.ts';
import { type OuterPhase, outerPhases } from '../../meta/outer-phases.ts';
import { applyModel, headPattern, type NamedArchitecture, type Preprocessing } from '../../models/index.ts';
import { crossEntropy, normalisePixels } from '../../nn/index.ts';
import { optimizers } from '../../optim/index.ts';
import { unweightedLoss } from '../config/loss.ts';
import { epochsOf, type ResolvedMetaConfig } from './index.ts';

/** A learner with the network it is made for: to logits of `way` classes, or to features where class means decide. */
export interface LearnerParts {
  readonly network: Network;
  readonly learner: Learner;
}

/** The learner of a configuration, with its network. */
export function learnerOf(
  config: ResolvedMetaConfig,
  model: NamedArchitecture,
  preprocessing: Preprocessing,
  way: number,
): LearnerParts {
  const { learner: name, innerSteps, innerRate, innerMomentum } = config;
  const network = isByFeatures(learners[name])
    ? featureNetwork(model, preprocessing)
    : imageNetwork(model, preprocessing, way);
  const parameters = [...variablesOf(network).values()].filter(({ kind }) => kind === 'parameter');
  const head = headPattern(model);
  const options = unweightedLoss(config);
  const learner = makeLearner(name, {
    parameters: parameters.map((parameter) => parameter.name),
    isHead: (parameter) => head.test(parameter),
    innerSteps: innerSteps ?? 0,
    innerRate: innerRate ?? 0,
    innerOptimizer: optimizers[config.innerOptimizer ?? 'sgd']({ momentum: innerMomentum ?? 0, weightDecay: 0 }),
    statistics: config.statistics ?? 'running',
    loss: (logits, labels) => crossEntropy(logits, labels, options),
  });
  return { network, learner };
}

/** The phases of the outer gradient in a run. */
export function phasesOf(config: ResolvedMetaConfig): OuterPhase[] {
  const { learner, order, innerSteps, multiStepEpochs, orderEpochs } = config;
  const phases = outerPhases(learner, {
    epochs: epochsOf(config),
    innerSteps: innerSteps ?? 0,
    firstOrderEpochs: orderEpochs ?? 0,
    multiStepEpochs: multiStepEpochs ?? 0,
  });
  return phases.map((phase) => (order === 1 ? { ...phase, outer: { ...phase.outer, order } } : phase));
}

/** The network from bytes to features (n, f), averaged over the image. */
function featureNetwork(model: NamedArchitecture, preprocessing: Preprocessing): Network {
  const { crop } = preprocessing;
  return {
    input: { dtype: 'u8', shape: [3, crop, crop] },
    forward: (s, pixels) => applyModel(model, s, normalisePixels(pixels, preprocessing), { numClasses: 0 }),
  };
}
