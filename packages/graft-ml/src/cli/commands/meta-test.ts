import { choice } from '@graft-ml/core/internal/recipe/config/choice';
import { metaConfigSchema } from '@graft-ml/core/internal/recipe/meta/index';
import { z } from 'zod';
import { formatInterval } from '../../experiment/comparison.ts';
import { type MetaTest, testMeta, testSides } from '../../meta/test-meta.ts';
import { checkpointFlag } from '../checkpoint-flag.ts';
import { defineCommand } from '../command.ts';
import { onInterrupt } from '../interrupt.ts';
import { percent, type Terminal, table } from '../terminal.ts';

const orOwn = <S extends z.ZodType>(schema: S) => schema.nullable().default(null);

export const metaTestCommand = defineCommand({
  arguments: [
    { syntax: '<run>', description: 'a run folder of graft meta train, or a start that comes with Graft: omniglot' },
    { syntax: '[folder]', description: 'other class folders than the run’s own' },
  ],
  options: z.strictObject({
    episodes: orOwn(z.int().min(2).max(1_000_000)).describe('how many; default: 600'),
    way: orOwn(z.int().min(2).max(1000)).describe('classes of an episode; default: as in training'),
    shots: orOwn(z.int().min(1).max(1000)).describe('images of each class to learn from; default: as in training'),
    queries: orOwn(z.int().min(1).max(1000)).describe('other images of each class; default: as in training'),
    steps: orOwn(z.int().min(1).max(50)).describe('inner steps; default: the run’s --test-steps'),
    side: choice(testSides)
      .nullable()
      .default(null)
      .describe(`whose classes: ${testSides.join(' | ')}; default: test`),
    split: orOwn(metaConfigSchema.shape.split).describe('how to divide the classes; default: as in training'),
    ...checkpointFlag,
    trials: z
      .boolean()
      .default(false)
      .describe('the 20 one-shot trials of 20 characters that belong to Omniglot (Lake et al. 2015)'),
    seed: orOwn(z.int().min(0)).describe('decides which episodes; default: the run’s'),
    threads: orOwn(z.int().min(1).max(256)).describe('episodes side by side; default: all cores'),
  }),
  examples: [
    'graft meta test runs/boil',
    'graft meta test runs/boil --episodes 1000 --shots 1 --steps 5',
    'graft meta test runs/protonet --way 20',
    'graft meta test runs/protonet omniglot/ --trials --json',
  ],
  async run({ positionals: [run, folder], options, terminal }) {
    const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== null));
    const result = await testMeta(run!, {
      ...given,
      folder,
      signal: onInterrupt(terminal),
      onPreparation: ({ stage, done, total }) => terminal.progress(stage, done, total),
      onProgress: (done, total) => terminal.progress('testing', done, total),
    });
    for (const note of result.notes) terminal.note(note);
    showTest(result, terminal);
    terminal.printJson(result);
  },
});

function showTest(result: MetaTest, terminal: Terminal): void {
  const { learner, model, shape, episodes, of, accuracy, perStep, statistics } = result;
  const which = of === 'one-shot trials' ? 'one-shot trials' : `episodes of the ${of} classes`;
  terminal.print(
    `${learner} on ${model}, ${shape.way}-way ${shape.shots}-shot, ${shape.queries} queries of each class, ${episodes} ${which}`,
  );
  const norms = {
    batch: 'queries normalised together (transductive)',
    support: 'each query for itself',
    running: 'each query for itself',
  };
  terminal.print(
    `accuracy ${formatInterval(accuracy)}  (95 % interval of the mean; ${norms[statistics ?? 'running']})`,
  );
  if (of === 'one-shot trials') terminal.print(`error    ${percent(1 - accuracy.mean)}  (people: 4.5 %)`);
  if (perStep.length === 1) return;
  const rows = perStep.map(({ steps, accuracy: after, loss }) => [steps, formatInterval(after), loss.mean.toFixed(4)]);
  terminal.print(`\n${table(['inner steps', 'accuracy', 'loss'], rows)}`);
}
