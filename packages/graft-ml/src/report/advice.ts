import { plural } from '@graft-ml/core/internal/base/plural';
import { commandLine } from '../text/wording.ts';
import type { ReportFacts } from './facts.ts';
import { percent } from './format.ts';
import { repeatCommand } from './repeat-command.ts';

/** A next step: what to do, the numbers that speak for it, and the command that does it, where one does. */
export interface Advice {
  readonly title: string;
  readonly reason: string;
  readonly command: string | null;
}

type Rule = (facts: ReportFacts) => Advice | null;

/** Wrong answers as sure as this are as often a wrong label as a wrong answer. */
const sure = 0.9;
/** Width of the accuracy's interval from which two runs can hardly be told apart. */
const wide = 0.1;
/** A class is called weak where its recall is this far below the mean. */
const weak = 0.15;
/** A pair is named where so much of a class, and so many images, go to one other. */
const confusedShare = 0.15;
const confusedCount = 3;
/** Mean confidence minus accuracy, either way, that a temperature mends; the calibration error of few images is noise. */
const biased = 0.03;

/** The rules, the most urgent first. Each looks at one thing, and is silent where there is nothing to say. */
const rules: readonly Rule[] = [
  function unfinished({ path, run }) {
    if (run.status === 'done') return null;
    return {
      title: 'Finish the run',
      reason: `It was ${run.status === 'running' ? 'still running, or was killed' : 'interrupted'}; all numbers here are of the epochs so far.`,
      command: commandLine('train', [], { resume: path }),
    };
  },
  function damaged({ run, folder }) {
    const count = run.dataset.leftOut.length;
    if (count === 0) return null;
    return {
      title: 'Repair or remove damaged files',
      reason: `${plural(count, 'file')} could not be used and ${count === 1 ? 'was' : 'were'} left out of the training.`,
      command: commandLine('doctor', [folder]),
    };
  },
  function overfitting({ run, fit }) {
    if (fit.verdict !== 'overfitting' || run.adaptedFrom !== null) return null;
    const command = repeatCommand({ ...run, config: { ...run.config, augment: 'strong', weightDecay: 0.05 } });
    return {
      title: 'Train against overfitting',
      reason:
        'Stronger augmentation and weight decay, fewer trained layers or, best of all, more images. The best epoch was kept, so that the epochs after it did no harm.',
      command,
    };
  },
  function underfitting({ path, run, fit, epochs }) {
    if (fit.verdict !== 'underfitting' || run.status !== 'done') return null;
    const more = Math.max(2, Math.ceil(epochs.length / 2));
    return {
      title: `Train for ${plural(more, 'more epoch')}`,
      reason: 'The validation loss was still falling when the run ended.',
      command: commandLine('train', [], { resume: path, epochs: epochs.length + more }),
    };
  },
  function doubtfulLabels({ shown, labels, folder, run }) {
    const suspects = labels?.issues.filter(({ confidence }) => confidence >= sure) ?? [];
    const doubtful = shown?.losses.filter(({ confidence }) => confidence >= sure) ?? [];
    if (suspects.length === 0 && doubtful.length === 0) return null;
    const { model, weights } = run.config;
    // Features that were trained on these labels agree with them; those of the start are asked, where it was pretrained.
    const start =
      run.weightsSha256 === null || run.adaptedFrom !== null ? {} : { model, ...(weights !== null && { weights }) };
    const command = commandLine('doctor', [folder], { labels: true, ...start });
    if (suspects.length > 0) {
      return {
        title: 'Check the labels that may be wrong',
        reason: `${plural(suspects.length, 'label is', 'labels are')} contradicted with a probability of ${percent(sure, 0)} or more, see above. The command lists all suspects.`,
        command,
      };
    }
    return {
      title: 'Check the labels of confident mistakes',
      reason: `${plural(doubtful.length, 'wrong answer')} with a confidence of ${percent(sure, 0)} or more: some of these labels may be wrong.`,
      command,
    };
  },
  function confusedPair({ shown, run }) {
    const pair = shown?.pairs.find(({ share, count }) => share >= confusedShare && count >= confusedCount);
    if (!pair) return null;
    const [label, predicted] = [run.classes[pair.label]!, run.classes[pair.predicted]!];
    return {
      title: `Tell ${label} from ${predicted}`,
      reason: `${percent(pair.share, 0)} of the images of ${label} (${pair.count}) are taken for ${predicted}. Look at them above: collect images that show the difference, or merge the classes if there is none.`,
      command: null,
    };
  },
  function weakClass({ shown }) {
    if (!shown) return null;
    const { classes, balancedAccuracy } = shown.metrics;
    const weakest = classes
      .filter(({ support, recall }) => support > 0 && recall < balancedAccuracy - weak)
      .sort((a, b) => a.recall - b.recall)[0];
    if (!weakest) return null;
    return {
      title: `Collect more images of ${weakest.name}`,
      reason: `Its recall is ${percent(weakest.recall, 0)} (${plural(weakest.support, 'image')}), the mean over classes is ${percent(balancedAccuracy, 0)}.`,
      command: null,
    };
  },
  function uncalibrated({ path, run, shown }) {
    if (
      !shown ||
      run.calibration ||
      Math.abs(shown.metrics.calibration.overconfidence) < biased ||
      shown.part !== 'validation'
    )
      return null;
    const { overconfidence } = shown.metrics.calibration;
    return {
      title: 'Calibrate the probabilities',
      reason: `On average they are ${percent(Math.abs(overconfidence))} too ${overconfidence > 0 ? 'high' : 'low'}. One temperature, fitted to the validation images, mends most of it; the answers stay the same.`,
      command: commandLine('calibrate', [path]),
    };
  },
  function frozenBackbone({ run, fit, shown }) {
    const isFrozen = run.config.strategy === 'feature-extraction' || run.decision?.strategy === 'feature-extraction';
    if (!isFrozen || fit.verdict === 'overfitting' || !shown || shown.metrics.accuracy > 0.97) return null;
    return {
      title: 'Fine-tune the backbone',
      reason: 'Only the head was trained. Unfreezing block after block, at lower rates, often adds some points.',
      command: repeatCommand({ ...run, config: { ...run.config, strategy: 'gradual' } }),
    };
  },
  function wideInterval({ run, shown }) {
    if (!shown || run.config.fold !== null || run.adaptedFrom !== null) return null;
    const [low, high] = shown.metrics.interval;
    if (high - low < wide) return null;
    const folds = repeatCommand(run);
    return {
      title: 'Measure on more images before comparing runs',
      reason: `${plural(shown.metrics.images, 'image')} fix the accuracy only to ${percent(low)} to ${percent(high)}. Five folds use every image for validation once.`,
      command: folds === null ? null : `${folds} --folds 5`,
    };
  },
  function noTest({ run }) {
    if (run.dataset.test > 0 || run.config.fold !== null || run.adaptedFrom !== null) return null;
    return {
      title: 'Keep a test part aside',
      reason: 'The best epoch was chosen by the validation images, so that their accuracy is a little too good.',
      command: repeatCommand({ ...run, config: { ...run.config, testFraction: 0.15 } }),
    };
  },
];

/** What to do next, the most urgent first. */
export function adviceFor(facts: ReportFacts): Advice[] {
  return rules.flatMap((rule) => rule(facts) ?? []);
}
