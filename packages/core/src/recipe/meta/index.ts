import { option } from '../../base/code.ts';
import { OptionError } from '../../base/errors.ts';
import { printableName } from '../../base/printable.ts';
import { isAdapting, type LearnerName, learners } from '../../meta/learners.ts';
import { getModel, hasResiduals, isOnnx, type NamedArchitecture } from '../../models/index.ts';
import { optimizers } from '../../optim/index.ts';
import { entriesOf, entryNamed, publishedAs } from '../../weights/registry/lookup.ts';
import { assertNoneIgnoredBy, type IgnoredOption, ignoredOptionsBy } from '../config/ignored.ts';
import { parseOptions } from '../config/parse.ts';
import { belongings } from './ignored.ts';
import { innerDefaults, isAnnealing, outerDefaultsOf, type PresetName, presets } from './learners.ts';
import { type MetaConfig, type MetaConfigInput, metaConfigSchema, type ResolvedMetaConfig } from './meta-config.ts';

export { type LearnerKind, type LearnerName, learnerNames, learners } from '../../meta/learners.ts';
export { presetNames, presets } from './learners.ts';
export {
  type MetaConfig,
  type MetaConfigInput,
  metaConfigGroups,
  metaConfigSchema,
  type ResolvedMetaConfig,
} from './meta-config.ts';
export type { ClassDivision, ClassSplit, SideNumbers } from './split.ts';

/**
 * The configuration with its defaults. @throws OptionError for a value that it cannot have, or says which option
 * nothing would look at
 */
export function parseMetaConfig(config: MetaConfigInput): MetaConfig {
  return parseOptions(metaConfigSchema, config);
}

/**
 * The configuration with every default that depends on others filled in. What a learner does not look at stays null.
 * @throws OptionError where an option was given that nothing would look at, or two contradict each other
 */
export function resolveMetaConfig(config: MetaConfig, file?: KnownModel): ResolvedMetaConfig {
  const { model } = chosenNames(config);
  return resolveMetaConfigFor(config, isOnnx(model) ? file : getModel(model));
}

/** The name of a configuration's model, or the path of its file. */
export function metaModelOf(config: MetaConfig): string {
  return chosenNames(config).model;
}

/** What of a model decides defaults. */
export type KnownModel = Pick<NamedArchitecture, 'backbone' | 'preprocessing'>;

/** The same where the model of the configuration is at hand: `known`, or undefined where nobody knows it. */
export function resolveMetaConfigFor(config: MetaConfig, known: KnownModel | undefined): ResolvedMetaConfig {
  const chosen = { ...config, ...chosenNames(config) };
  assertNoneIgnoredBy(chosen, belongings);
  assertSplit(config);
  const { learner, optimizer } = chosen;
  const entry = learners[learner];
  const side = config.imageSize ?? known?.preprocessing.crop ?? 224;
  const isResidual = () => known !== undefined && hasResiduals(known);
  const inner = innerDefaults(learner, { side, isResidual, innerSteps: config.innerSteps });
  const isPretrained = chosen.weights !== noWeights;
  const validateEvery = validateEveryOf(config);
  const epochs = config.metaSteps / validateEvery;
  return {
    ...chosen,
    statistics:
      entry.kind === 'baseline'
        ? null
        : (config.statistics ?? (isPretrained ? ('running' as const) : ('batch' as const))),
    order: entry.kind === 'gradient' ? orderOf(chosen, entry.firstOrderOf) : null,
    multiStepEpochs: isAnnealing(entry) ? (config.multiStepEpochs ?? Math.round(epochs / 10)) : null,
    orderEpochs: isAnnealing(entry) ? (config.orderEpochs ?? Math.round(epochs / 3)) : null,
    innerSteps: inner ? inner.innerSteps : null,
    innerRate: inner ? (config.innerRate ?? inner.innerRate) : null,
    testSteps: inner ? (config.testSteps ?? inner.testSteps) : null,
    learningRate: config.learningRate ?? learningRateOf(chosen),
    weightDecay: config.weightDecay ?? optimizers[optimizer].weightDecay,
    validateEvery,
  };
}

/** Epochs, which are the meta-steps between two validations. */
export function epochsOf({
  metaSteps,
  validateEvery,
}: Pick<ResolvedMetaConfig, 'metaSteps' | 'validateEvery'>): number {
  return metaSteps / validateEvery;
}

/** `weights` of a network that starts from random numbers. */
export const noWeights = 'none';

/** The learner and the model of the chosen names. @throws OptionError where a preset and its model are both named */
function chosenNames(config: MetaConfig) {
  const preset = isPreset(config.learner) ? presets[config.learner] : undefined;
  if (preset && config.model !== null && config.model !== preset.model) {
    throw new OptionError({
      option: 'learner',
      expected: preset.learner,
      received: config.learner,
      problem:
        ` ${config.learner} is ${preset.learner} on ${preset.model}. ` +
        `For ${printableName(config.model)}, write ${option('learner', preset.learner)}.`,
    });
  }
  const learner = preset ? preset.learner : (config.learner as LearnerName);
  const named = config.model ?? preset?.model ?? 'conv4_32';
  const entry = isOnnx(named) ? undefined : entryNamed(named);
  const model = entry?.architecture ?? named;
  const published = entry ?? entriesOf(model)[0];
  const weights = config.weights ?? published?.name ?? noWeights;
  const outer = outerDefaultsOf(learner);
  const optimizer = config.optimizer ?? outer.optimizer;
  return {
    learner,
    model,
    weights: publishedAs(weights, model)?.name ?? weights,
    innerOptimizer: config.innerOptimizer ?? (isAdapting(learners[learner]) ? ('sgd' as const) : null),
    optimizer,
    momentum: config.momentum ?? (optimizer === outer.optimizer ? (outer.momentum ?? null) : null),
    schedule: config.schedule ?? outer.schedule,
  };
}

/** @throws OptionError for a first-order learner of second order */
function orderOf(
  { learner, order }: { readonly learner: LearnerName; readonly order: number | null },
  firstOrderOf: string | undefined,
): 1 | 2 {
  if (firstOrderOf === undefined) return order === 1 ? 1 : 2;
  if (order === 2) {
    const problem = ` 2: ${learner} is ${firstOrderOf} of first order. Pass ${option('learner', firstOrderOf)}.`;
    throw new OptionError({ option: 'order', expected: '1', received: order, problem });
  }
  return 1;
}

function isPreset(name: string): name is PresetName {
  return Object.hasOwn(presets, name);
}

/** @throws OptionError where classes are to be divided, and every episode has all of them */
function assertSplit({ fixedLabels, split, rotations }: MetaConfig): void {
  if (!fixedLabels || (split === 'auto' && rotations === 'none')) return;
  const given = split === 'auto' ? 'rotations' : 'split';
  throw new OptionError({
    option: 'fixedLabels',
    expected: 'no division of the classes',
    received: true,
    problem: ` has all classes in every episode, and divides their images: leave out ${option(given)}.`,
  });
}

function learningRateOf({ learner, optimizer }: Pick<ResolvedMetaConfig, 'learner' | 'optimizer'>): number {
  const outer = outerDefaultsOf(learner);
  const own = optimizer === outer.optimizer ? outer.learningRate : undefined;
  return own ?? optimizers[optimizer].learningRate;
}

/** The configuration without what its learner would not look at, for options that are meant for several learners. */
export function withoutIgnored(config: MetaConfig): MetaConfig {
  const { learner } = chosenNames(config);
  const ignored = Object.entries(belongings.learner).filter(([, those]) => !those.includes(learner));
  return { ...config, ...Object.fromEntries(ignored.map(([key]) => [key, null])) };
}

/** The options of a run of meta-learning that were given and that nothing would look at. */
export function ignoredMetaOptions(config: MetaConfig): readonly IgnoredOption[] {
  return ignoredOptionsBy({ ...config, ...chosenNames(config) }, belongings);
}

/** @throws OptionError where validations do not divide the meta-steps */
function validateEveryOf({ metaSteps, validateEvery }: MetaConfig): number {
  const every = validateEvery ?? Math.min(100, metaSteps);
  if (metaSteps % every === 0) return every;
  const steps = Math.ceil(metaSteps / every) * every;
  throw new OptionError({
    option: 'metaSteps',
    expected: `a multiple of ${every}`,
    received: metaSteps,
    problem:
      `: ${metaSteps} meta-steps are no multiple of the ${every} between two validations. ` +
      `Pass ${option('metaSteps', steps)}, or another ${option('validateEvery')}.`,
  });
}
