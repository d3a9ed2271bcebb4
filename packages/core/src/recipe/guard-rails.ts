import { call, option, placeholder } from '../base/code.ts';
import { plural } from '../base/plural.ts';
import { printableJson } from '../base/printable.ts';
import { type ClassCount, fewestToTrain, imbalanceOf } from '../image/class-balance.ts';
import type { Preprocessing } from '../models/index.ts';
import { optimizers } from '../optim/index.ts';
import type { ResolvedConfig } from './config/index.ts';

/** The source of each warning: the images or the options. */
const concerns: Readonly<Record<WarningKind, 'data' | 'settings'>> = {
  'validation-in-training': 'data',
  'few-images': 'data',
  'no-validation': 'data',
  imbalance: 'data',
  'far-from-start': 'data',
  'learning-rate': 'settings',
  'image-size': 'settings',
  normalisation: 'settings',
};

export type WarningKind =
  | 'validation-in-training'
  | 'few-images'
  | 'no-validation'
  | 'imbalance'
  | 'far-from-start'
  | 'learning-rate'
  | 'image-size'
  | 'normalisation';

/** Something that can go on, and is likely to end badly: what is wrong, why it matters, what to do. */
export interface Warning {
  readonly kind: WarningKind;
  readonly message: string;
}

/** The facts that the guard rails check. */
export interface Situation {
  /** The folder as it was named, for messages. */
  readonly folder: string;
  readonly classes: readonly string[];
  readonly train: readonly LabelledContent[];
  readonly validation: readonly LabelledContent[];
  readonly config: Pick<ResolvedConfig, 'optimizer' | 'sampling' | 'classWeights'>;
  /** The highest learning rate of any parameter that was pretrained; 0 where none is trained. */
  readonly backboneRate: number;
  readonly preprocessing: Preprocessing;
  /** The preprocessing of the pretrained weights; null without any. */
  readonly pretraining: Preprocessing | null;
}

interface LabelledContent {
  readonly path: string;
  readonly label: number;
  readonly sha256: string;
}

/** All warnings about a run before it begins. */
export function warnings(situation: Situation): Warning[] {
  return [...dataWarnings(situation), ...settingWarnings(situation)];
}

/** Whether a warning is about the images: with `strict` it is an error. */
export function isAboutData({ kind }: Warning): boolean {
  return concerns[kind] === 'data';
}

function dataWarnings(situation: Situation): Warning[] {
  const counts = countClasses(situation);
  return [
    ...leaks(situation),
    ...classWarning(
      'few-images',
      counts.filter(({ train }) => train < fewestToTrain),
      `fewer than ${fewestToTrain} images to train on`,
      'What is learned of so few is chance. Add images, or merge or remove the classes.',
    ),
    ...classWarning(
      'no-validation',
      counts.filter(({ validation }) => validation === 0),
      'no image to validate with',
      'The accuracy says nothing about them, and neither does the choice of the best epoch. Add images.',
    ),
    ...imbalance(counts, situation),
  ];
}

function settingWarnings(situation: Situation): Warning[] {
  const { pretraining } = situation;
  if (!pretraining) return [];
  return [...rate(situation), ...size(situation, pretraining), ...normalisation(situation, pretraining)];
}

function countClasses({ classes, train, validation }: Situation): ClassCount[] {
  const counts = classes.map((name) => ({ name, train: 0, validation: 0, test: 0 }));
  for (const { label } of train) counts[label]!.train++;
  for (const { label } of validation) counts[label]!.validation++;
  return counts;
}

const listed = 3;

/** The first few, and how many more there are. */
function some(names: readonly string[]): string {
  const more = names.length - listed;
  return names.slice(0, listed).join(', ') + (more > 0 ? ` and ${more} more` : '');
}

function leaks({ folder, train, validation }: Situation): Warning[] {
  const twins = new Map(train.map((image) => [image.sha256, image.path]));
  const leaked = validation.filter(({ sha256 }) => twins.has(sha256));
  if (leaked.length === 0) return [];
  const pairs = leaked.map(({ path, sha256 }) => `${path} = ${twins.get(sha256)}`);
  const message =
    `The training set has ${leaked.length} of ${validation.length} validation images, too (${some(pairs)}). ` +
    `Accuracy on images that were learned by heart looks better than it is. ${call('writeCleanCopy', [placeholder(`await diagnose(${printableJson(folder)})`), placeholder('target')])} leaves the copies out.`;
  return [{ kind: 'validation-in-training', message }];
}

function classWarning(kind: WarningKind, counts: readonly ClassCount[], lack: string, advice: string): Warning[] {
  if (counts.length === 0) return [];
  const names = some(counts.map(({ name, train }) => (kind === 'few-images' ? `${name}: ${train}` : name)));
  const subject = plural(counts.length, 'class has', 'classes have');
  return [{ kind, message: `${subject} ${lack} (${names}). ${advice}` }];
}

function imbalance(counts: readonly ClassCount[], { config }: Situation): Warning[] {
  const found = imbalanceOf(counts);
  if (!found || config.sampling === 'balanced' || config.classWeights === 'balanced') return [];
  const { largest, smallest } = found;
  const message =
    `${largest.name} has ${largest.train} training images, ${smallest.name} ${smallest.train}. A model that ` +
    'neglects the small class still reaches a high accuracy. Pass `sampling: "balanced"` or ' +
    '`classWeights: "balanced"`, or add images.';
  return [{ kind: 'imbalance', message }];
}

function rate({ config: { optimizer }, backboneRate }: Situation): Warning[] {
  const highest = optimizers[optimizer].highestRate;
  // Products of rates and factors are not exact.
  if (backboneRate <= highest * (1 + 1e-9)) return [];
  const message =
    `Pretrained layers are trained at a rate of ${Number(backboneRate.toPrecision(3))}, and ${optimizer} moves them ` +
    `too far above ${highest}: ` +
    'what they know is lost in the first steps. Lower `learningRate` or `backboneRate`.';
  return [{ kind: 'learning-rate', message }];
}

/** Beyond this factor things have other sizes than the filters were trained for. */
const mostScaling = 1.5;

function size({ preprocessing }: Situation, pretraining: Preprocessing): Warning[] {
  const factor = preprocessing.crop / pretraining.crop;
  if (factor <= mostScaling && factor >= 1 / mostScaling) return [];
  const message =
    `The weights were trained on ${pretraining.crop} x ${pretraining.crop} pixels and get ${preprocessing.crop} ` +
    `x ${preprocessing.crop}: ` +
    'what they know looks different at that size. Leave out `imageSize`, or train all layers.';
  return [{ kind: 'image-size', message }];
}

function normalisation({ preprocessing }: Situation, pretraining: Preprocessing): Warning[] {
  const differs = (key: 'mean' | 'std') =>
    preprocessing[key].some((value, channel) => Math.abs(value - pretraining[key][channel]!) > 1e-3);
  const given = (['mean', 'std'] as const).filter(differs);
  if (given.length === 0) return [];
  const theirs = given.map((key) => option(key, pretraining[key])).join(', ');
  const message =
    `${given.map((key) => option(key)).join(' and ')} ${given.length === 1 ? 'differs' : 'differ'} from what the weights were trained with (${theirs}): ` +
    'every image looks to them too light, too dark or miscoloured. Leave it out.';
  return [{ kind: 'normalisation', message }];
}
