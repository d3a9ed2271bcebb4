import { formatProblems } from '@graft-ml/core/internal/image/problem';
import { z } from 'zod';
import { shapeOptionsOf } from '../../data/configured.ts';
import { adaptMeta } from '../../meta/adapt-meta.ts';
import { checkpointFlag } from '../checkpoint-flag.ts';
import { defineCommand } from '../command.ts';
import { onInterrupt } from '../interrupt.ts';
import { shapeFlags } from '../shape-flags.ts';
import { plural } from '../terminal.ts';

export const metaAdaptCommand = defineCommand({
  arguments: [
    { syntax: '<run>', description: 'a run folder of graft meta train, or a start that comes with Graft: omniglot' },
    { syntax: '<folder>', description: 'a few images of each class, in any shape that `graft train` takes' },
  ],
  options: z.strictObject({
    out: z.string().nullable().default(null).describe('the run folder to write; default: <run>-adapted'),
    overwrite: z.boolean().default(false).describe('replace the run that stands there'),
    shots: z
      .int()
      .min(1)
      .nullable()
      .default(null)
      .describe('learn from at most so many images of each class; default: all but those in val/ and test/'),
    steps: z
      .int()
      .min(1)
      .max(50)
      .nullable()
      .default(null)
      .describe('inner steps; default: the run’s --test-steps, at least 10 for more classes than its --way'),
    ...checkpointFlag,
    classDepth: z.int().min(1).max(8).default(1).describe('folder levels that make a class name'),
    ...shapeFlags,
  }),
  goesOnUnread: () => true,
  examples: [
    'graft meta adapt omniglot drawings/ --shots 5 --out runs/drawings',
    'graft meta adapt runs/boil digits/ --out runs/digits',
    'graft meta adapt runs/protonet photos/ --shots 5',
  ],
  async run({ positionals: [run, folder], options, terminal }) {
    const { out, overwrite, shots, steps, classDepth, checkpoint, ...shape } = options;
    const path = out ?? `${run!.replace(/\/+$/, '')}-adapted`;
    const signal = onInterrupt(terminal);
    const adapted = await adaptMeta(run!, folder!, {
      signal,
      ...{ out: path, overwrite, checkpoint, classDepth, ...shapeOptionsOf(shape) },
      ...(shots !== null && { shots }),
      ...(steps !== null && { steps }),
      onPreparation: ({ stage, done, total }) => terminal.progress(stage, done, total),
    }).catch((error: unknown) => {
      if (signal.aborted && error === signal.reason) return null;
      throw error;
    });
    if (adapted === null) return terminal.print('Stopped. Nothing was written.');
    process.exitCode = 0; // also where a signal came when the run was being written
    const { folder: dataset, notes, learner } = adapted;
    if (dataset.problems.length > 0) terminal.note(formatProblems(dataset.problems));
    for (const note of notes) terminal.note(note);
    const how = adapted.steps === null ? 'from their features' : `in ${plural(adapted.steps, 'inner step')}`;
    terminal.print(
      `${learner} learned ${dataset.classes.length} classes from ${plural(dataset.train.length, 'image')} ${how}. The run is in ${path}`,
    );
    terminal.note(`Next: graft predict ${path} <image>, graft evaluate ${path} <folder>, or graft export ${path}`);
    terminal.printJson({
      ...{ out: path, adaptedFrom: adapted.run.adaptedFrom, learner, steps: adapted.steps, notes },
      ...{ classes: dataset.classes, images: dataset.train.length },
    });
  },
});
