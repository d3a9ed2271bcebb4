import { UsageError } from '@graft-ml/core/internal/base/errors';
import { choice } from '@graft-ml/core/internal/recipe/config/choice';
import { z } from 'zod';
import { shapeOptionsOf } from '../../data/configured.ts';
import type { Part } from '../../predict/evaluation-images.ts';
import { flagOf } from '../../text/wording.ts';
import { defineCommand } from '../command.ts';
import { unlessStopped } from '../long-call.ts';
import { optionalText } from '../options/download.ts';
import { binsFlag, checkpointFlag, shapeFlags, testTimeFlag } from '../options/shared.ts';
import { textWidth } from '../output.ts';
import { evaluationResult } from '../show/evaluation.ts';
import { printResult, progressOf } from '../show/printer.ts';
import { runComparisonResult } from '../show/run-comparison.ts';

const parts = ['train', 'validation', 'test', 'all'] as const satisfies readonly Part[];

export const evaluateCommand = defineCommand({
  arguments: [
    { syntax: '<run>', description: 'a run folder' },
    { syntax: '<folder>', description: 'labelled images, in any shape that `graft train` takes' },
  ],
  options: z.strictObject({
    part: choice(parts)
      .nullable()
      .default(null)
      .describe(
        `${parts.join(' | ')}; default: test/ where there is one (not with --against), validation for the run’s own folder, else all`,
      ),
    against: optionalText.describe('compare with this run on the same images: McNemar’s test, and where they differ'),
    predictions: optionalText.describe(
      'write each image’s path, label, prediction and probabilities to this file, .csv, .jsonl or .parquet',
    ),
    sheet: optionalText.describe('draw the worst mistakes on this contact sheet, a PNG file'),
    curves: z.boolean().default(false).describe('draw the reliability diagram, ROC and precision over recall'),
    byRow: z.boolean().default(false).describe('the confusion matrix in percent of each row'),
    topK: z.int().min(1).default(5).describe('the k of the top-k accuracy'),
    ...binsFlag,
    replicates: z
      .int()
      .min(0)
      .max(100_000)
      .default(1000)
      .describe('replicates of the bootstrap; 0: no intervals by it'),
    seed: z.int().min(0).default(0).describe('seed of the bootstrap'),
    ...checkpointFlag,
    calibrated: z.boolean().default(true).describe('apply the temperature of `graft calibrate`, where the run has one'),
    ...shapeFlags,
    ...testTimeFlag,
    device: z.string().default('cpu').describe('cpu'),
  }),
  goesOnUnread: ({ predictions, sheet }) => predictions !== null || sheet !== null,
  examples: [
    'graft evaluate runs/x photos/',
    'graft evaluate runs/x photos/ --curves --by-row',
    'graft evaluate runs/x new-photos/ --json',
    'graft evaluate runs/x photos/ --predictions predictions.parquet',
    'graft evaluate runs/x photos/ --sheet wrong.png',
    'graft evaluate runs/x photos/ --against runs/y',
  ],
  async run({ positionals: [run, folder], options, given, terminal }) {
    const { part, against, predictions, sheet, curves, byRow, topK, bins, replicates, seed, ...others } = options;
    const { tta, device, checkpoint, calibrated, ...shape } = others;
    const common = {
      topK: [topK],
      bins,
      replicates,
      seed,
      device,
      tta,
      checkpoint,
      calibrated,
      shape: shapeOptionsOf(shape),
      ...(part && { part }),
      onProgress: progressOf(terminal, 'evaluating'),
    };
    if (against !== null) {
      assertComparable(given);
      const { compareRuns } = await import('../../predict/compare-runs.ts');
      return printResult(terminal, runComparisonResult(await compareRuns(run!, against, folder!, common)));
    }
    const { evaluateFolder } = await import('../../predict/evaluate-folder.ts');
    const { Mistakes } = await import('../../predict/mistake-sheet.ts');
    const mistakes = new Mistakes();
    const onImage = sheet === null ? undefined : mistakes.add.bind(mistakes);
    const evaluate = (signal?: AbortSignal) =>
      evaluateFolder(run!, folder!, { ...common, predictions: predictions ?? undefined, onImage, signal });
    const result = await (predictions === null ? evaluate() : unlessStopped(terminal, evaluate));
    if (result === null) return;
    const names = result.classes.map(({ name }) => name);
    const drawn = sheet === null ? null : { path: sheet, images: await mistakes.writeSheet(sheet, names) };
    printResult(terminal, evaluationResult(result, { curves, byRow, width: textWidth(), sheet: drawn }));
  },
});

/** @throws UsageError where flags are of one run alone */
function assertComparable(given: readonly string[]): void {
  const alone = ['predictions', 'sheet', 'curves', 'byRow'].filter((flag) => given.includes(flag)).map(flagOf);
  if (alone.length > 0) throw new UsageError(`evaluate: ${alone.join(', ')} does not go with --against.`);
}
