import { formatProblems } from '@graft-ml/core/internal/image/problem';
import { choice } from '@graft-ml/core/internal/recipe/config/choice';
import { z } from 'zod';
import { shapeOptionsOf } from '../../data/configured.ts';
import { evaluateFolder, type FolderEvaluation, type Part } from '../../predict/evaluate-folder.ts';
import { checkpointFlag } from '../checkpoint-flag.ts';
import { defineCommand } from '../command.ts';
import { shapeFlags } from '../shape-flags.ts';
import { percent, type Terminal, table } from '../terminal.ts';
import { testTimeFlag } from '../test-time.ts';

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
        `${parts.join(' | ')}; default: test/ where there is one, validation for the run’s own folder, else all`,
      ),
    ...checkpointFlag,
    ...shapeFlags,
    ...testTimeFlag,
    device: z.string().default('cpu').describe('cpu'),
  }),
  examples: ['graft evaluate runs/x photos/', 'graft evaluate runs/x new-photos/ --json'],
  async run({ positionals, options, terminal }) {
    const { part, tta, device, checkpoint, ...shape } = options;
    const result = await evaluateFolder(positionals[0]!, positionals[1]!, {
      device,
      tta,
      checkpoint,
      shape: shapeOptionsOf(shape),
      ...(part && { part }),
      onProgress: (done, total) => terminal.progress('evaluating', done, total),
    });
    if (result.problems.length > 0) terminal.note(formatProblems(result.problems));
    show(result, terminal);
    terminal.printJson(result);
  },
});

function show(result: FolderEvaluation, terminal: Terminal): void {
  const { images, correct, accuracy, interval, top5, loss, classes, confusion, part, sameDataset, seen } = result;
  const isOwn = sameDataset && part === 'validation';
  const isUnseen = isOwn && seen.isComplete && seen.leftOut >= seen.fitted;
  const which = part === 'all' ? '' : ` (${part}${isUnseen ? ': the run has not trained on these' : ''})`;
  terminal.print(`${images} images${which}${besideSeen(seen)}`);
  if (!seen.isComplete) {
    terminal.note('The run does not record all that it was made of: it may know some of these images.');
  }
  terminal.print(
    `accuracy ${percent(accuracy)}  (${correct} correct; 95 % interval ${percent(interval[0])} to ${percent(interval[1])})`,
  );
  if (top5 !== null) terminal.print(`top 5    ${percent(top5)}`);
  terminal.print(`loss     ${loss.toFixed(4)}\n`);
  terminal.print(
    table(
      ['class', 'images', 'precision', 'recall'],
      classes.map(({ name, support, precision, recall }) => [name, support, percent(precision), percent(recall)]),
    ),
  );
  const confused = confusion
    .flatMap((row, label) => row.map((count, taken) => ({ label, taken, count })))
    .filter(({ label, taken, count }) => label !== taken && count > 0)
    .sort((a, b) => b.count - a.count)
    .slice(0, 8)
    .map(({ label, taken, count }) => [count, classes[label]!.name, classes[taken]!.name]);
  if (confused.length > 0) terminal.print(`\nMost confused\n${table(['images', 'of', 'taken for'], confused)}`);
}

/** Which images the run knows, and whether they count. */
function besideSeen({ fitted, chosen, leftOut }: FolderEvaluation['seen']): string {
  const known = [
    { text: `${fitted} that the run was fitted to`, count: fitted, isOut: leftOut >= fitted },
    { text: `${chosen} that it was chosen by`, count: chosen, isOut: leftOut === fitted + chosen },
  ].filter(({ count }) => count > 0);
  const list = (word: string, isOut: boolean) => {
    const some = known.filter((one) => one.isOut === isOut).map(({ text }) => text);
    return some.length > 0 ? `, ${word} ${some.join(' and ')}` : '';
  };
  return `${list('without', true)}${list('among them', false)}`;
}
