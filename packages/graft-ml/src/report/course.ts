import { plural } from '@graft-ml/core/internal/base/plural';
import type { LoggedEpoch } from '@graft-ml/core/internal/runs/run-curves';
import { percent } from './format.ts';

/** What learning curves say. */
export interface FitDiagnosis {
  readonly verdict: 'overfitting' | 'underfitting' | 'good' | 'unknown';
  /** One or two sentences with the numbers that they rest on. */
  readonly text: string;
}

/** Training accuracy above validation accuracy from which the difference is called a gap. */
const wideGap = 0.1;
/** The rise of the validation loss over its lowest value that is no noise. */
const clearRise = 0.05;
/** The fall of the validation loss over the last two epochs, relative, that says that it goes on. */
const clearFall = 0.02;

/**
 * Over- or underfitting from the curves. Overfitting: training accuracy is well above validation accuracy, and the
 * validation loss has risen again, or the gap is very wide. Underfitting: the losses were still falling at the end.
 */
export function diagnose(epochs: readonly LoggedEpoch[]): FitDiagnosis {
  const last = epochs.at(-1);
  if (!last || epochs.length < 3) {
    return { verdict: 'unknown', text: `${plural(epochs.length, 'epoch')}: too few to tell over- from underfitting.` };
  }
  const lowest = epochs.reduce((least, one) => (one.loss < least.loss ? one : least));
  const rise = last.loss / lowest.loss - 1;
  const fall = 1 - last.loss / epochs.at(-3)!.loss;
  const [fitted, validated] = [last.training.accuracy, last.metrics.accuracy];
  const gap = fitted === undefined || validated === undefined ? 0 : fitted - validated;
  const accuracies =
    fitted === undefined || validated === undefined
      ? ''
      : ` In the last epoch training accuracy was ${percent(fitted)}, validation accuracy ${percent(validated)}.`;
  if ((gap > wideGap && rise > clearRise) || gap > 2 * wideGap) {
    const text =
      rise > clearRise
        ? `Overfitting: the validation loss was lowest in epoch ${lowest.epoch} and has risen by ${percent(rise, 0)} since, while the training loss kept falling.`
        : 'Overfitting: the training images are fitted far better than the validation images.';
    return { verdict: 'overfitting', text: text + accuracies };
  }
  if (fall > clearFall && gap <= wideGap) {
    return {
      verdict: 'underfitting',
      text: `Not finished: the validation loss was still falling at the end (by ${percent(fall, 0)} over the last two epochs).${accuracies}`,
    };
  }
  const wide =
    gap > wideGap ? ' The gap between training and validation is wide, but the validation loss has not risen.' : '';
  return {
    verdict: 'good',
    text: `No clear over- or underfitting: the validation loss levelled off (lowest in epoch ${lowest.epoch}).${wide}${accuracies}`,
  };
}

/** A stage of a run, and the time that its epochs took. */
export interface StageTime {
  readonly stage: string;
  readonly from: number;
  readonly to: number;
  readonly seconds: number;
}

/** The stages in their order, as the epochs passed through them. */
export function stagesOf(epochs: readonly LoggedEpoch[]): StageTime[] {
  const stages: StageTime[] = [];
  for (const { stage, epoch, seconds } of epochs) {
    const last = stages.at(-1);
    if (last?.stage === stage) stages[stages.length - 1] = { ...last, to: epoch, seconds: last.seconds + seconds };
    else stages.push({ stage, from: epoch, to: epoch, seconds });
  }
  return stages;
}
