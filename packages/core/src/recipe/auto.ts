import { plural } from '../base/plural.ts';
import type { Domain } from './config/strategy.ts';
import type { Continuation } from './plan.ts';

/** The facts on which `auto` decides. */
export interface Evidence {
  /** Images to train on. */
  readonly images: number;
  readonly classes: number;
  /** Images to validate on. */
  readonly validation: number;
  /** The best validation accuracy of a head on frozen features. */
  readonly probe: number;
  readonly domain: Domain;
}

/** The decision of `auto`, with its reasons. */
export interface Decision {
  readonly evidence: Evidence;
  /** `feature-extraction`: the probe is all there is. */
  readonly strategy: 'feature-extraction' | 'partial' | 'full';
  /** One sentence a reason. */
  readonly reasons: readonly string[];
  /** Whether a run from random weights is made as well, to be compared. */
  readonly alsoScratch: boolean;
}

/** Strategies from the least that is trained to the most. */
const depths = ['feature-extraction', 'partial', 'full'] as const;

/** Fewer images than these: the head alone, then the late blocks; from there on everything. */
export const imageLimits = [1_000, 10_000] as const;

const shifts: Readonly<Record<Domain, number>> = { similar: 0, different: 1, 'very-different': 2 };

/** A probe with a larger share of mistakes says that the features do not fit. */
const manyMistakes = 0.1;

/**
 * Decides how much of a network to train, from the number of images, their distance from the pretraining data, and the
 * accuracy of a probe. The more images there are, and the less they resemble those of the pretraining, the more layers
 * (Yosinski et al. 2014). A probe that makes hardly a mistake leaves nothing to gain; one that makes some or many leads
 * deeper than the number of images alone would, and its head is where that starts (Kumar et al. 2022).
 */
export function decide(evidence: Evidence): Decision {
  const { images, validation, probe, domain } = evidence;
  const percent = (share: number) => `${(100 * share).toFixed(1)} %`;
  const byCount = images < imageLimits[0] ? 0 : images < imageLimits[1] ? 1 : 2;
  const start = { 0: 'the head', 1: 'the late blocks', 2: 'everything' }[byCount];
  const reasons = [`${plural(images, 'image')} to train on: ${start} to begin with.`];
  if (shifts[domain] > 0)
    reasons.push(`The images are ${domain} from those of the pretraining: ${shifts[domain]} deeper.`);
  const error = Math.sqrt((probe * (1 - probe)) / validation);
  const isSolved = 1 - probe <= Math.max(2 * error, 1 / validation) && domain !== 'very-different';
  const reached = `The probe is right for ${percent(probe)} of ${validation} images, ± ${percent(error)}`;
  if (isSolved) {
    reasons.push(`${reached}: what is left to gain is within its error, so nothing more is trained.`);
    return { evidence, strategy: 'feature-extraction', reasons, alsoScratch: false };
  }
  const deeper = 1 - probe > manyMistakes ? 2 : 1;
  reasons.push(
    deeper === 2
      ? `${reached}: the features do not tell these classes apart, so two steps deeper, from the probe’s head.`
      : `${reached}: the features leave some mistakes, so one step deeper, from the probe’s head.`,
  );
  const depth = Math.min(2, byCount + shifts[domain] + deeper);
  return { evidence, strategy: depths[depth]!, reasons, alsoScratch: domain === 'very-different' };
}

/** The stages that come after the probe. */
export function continuationOf({ strategy }: Pick<Decision, 'strategy'>): Continuation {
  return strategy === 'feature-extraction' ? null : { strategy, freezeTo: null };
}
