import { shapeOptionsOf } from '../../data/configured.ts';
import type { EvaluatedImage } from '../../evaluate/evaluation-file.ts';
import { defineCommand } from '../command.ts';
import { unlessStopped } from '../long-call.ts';
import { assertComparable, evaluateFlags } from '../options/evaluate.ts';
import { textWidth } from '../output.ts';
import { evaluationResult } from '../show/evaluation.ts';
import { printResult, progressOf } from '../show/printer.ts';
import { runComparisonResult } from '../show/run-comparison.ts';

export const evaluateCommand = defineCommand({
  arguments: [
    { syntax: '<run>', description: 'a run folder' },
    { syntax: '<folder>', description: 'labelled images, in any shape that `graft train` takes' },
  ],
  options: evaluateFlags,
  goesOnUnread: ({ predictions, sheet }) => predictions !== null || sheet !== null,
  examples: [
    'graft evaluate runs/x photos/',
    'graft evaluate runs/x photos/ --curves --by-row',
    'graft evaluate runs/x new-photos/ --json',
    'graft evaluate runs/x photos/ --predictions predictions.parquet',
    'graft evaluate runs/x photos/ --sheet wrong.png',
    'graft evaluate runs/x photos/ --against runs/y',
    'graft evaluate runs/x photos/ --against runs/y --curves --sheet differences.png',
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
      assertComparable(given, against);
      const { compareRuns } = await import('../../evaluate/compare-runs.ts');
      const { Differences } = await import('../../evaluate/difference-sheet.ts');
      const { readRun } = await import('../../runs/read-run.ts');
      const [first, second] = [(await readRun(run!)).classes, (await readRun(against)).classes];
      const [differences, classes] = [new Differences(), { first, second }];
      const onImages =
        sheet === null ? undefined : (a: EvaluatedImage, b: EvaluatedImage) => differences.add(a, b, classes);
      const compared = await compareRuns(run!, against, folder!, { ...common, onImages });
      const drawn = sheet === null ? null : { path: sheet, images: await differences.writeSheet(sheet, classes) };
      return printResult(terminal, runComparisonResult(compared, { curves, byRow, width: textWidth(), sheet: drawn }));
    }
    const { evaluateFolder } = await import('../../evaluate/evaluate-folder.ts');
    const { Mistakes } = await import('../../evaluate/mistake-sheet.ts');
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
