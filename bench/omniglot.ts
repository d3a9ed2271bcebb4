/*
 * The learners of the family on Omniglot, 5-way 1-shot and 5-shot, on the same budget of meta-steps: accuracy on 600
 * episodes of characters they never saw, and the curves of learning.
 *   npm run build && node dist/bench/omniglot.js FOLDER [--meta-steps 1000] [--learners maml,anil] [--shots 1,5] [--seed 0]
 *     [--model conv4_stride] [--meta-batch 8] [--queries 5] [--episodes 600] [--threads N] [--runs runs/omniglot]
 * FOLDER is ../shared/data/omniglot. The results in bench/results/omniglot.json grow run by run; what is there is not
 * run again, and a run that was interrupted goes on.
 */
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { expectChoice } from '@graft-ml/core/internal/base/choice';
import { learnerNames } from '@graft-ml/core/internal/recipe/meta/index';
import { MetaStudy } from './meta-study.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    'meta-steps': { type: 'string', default: '1000' },
    learners: { type: 'string', default: 'maml,fomaml,anil,boil,meta-sgd,maml++,reptile,protonet' },
    shots: { type: 'string', default: '1,5' },
    seed: { type: 'string', default: '0' },
    model: { type: 'string', default: 'conv4_stride' },
    'meta-batch': { type: 'string', default: '8' },
    queries: { type: 'string', default: '5' },
    episodes: { type: 'string', default: '600' },
    threads: { type: 'string', default: String(availableParallelism()) },
    runs: { type: 'string', default: 'runs/omniglot' },
  },
});
const [folder] = positionals;
if (!folder) throw new Error('usage: node dist/bench/omniglot.js FOLDER');
const metaSteps = Number(values['meta-steps']);
const learners = values.learners.split(',').map((name) => expectChoice('learners', name, learnerNames));
const shots = values.shots.split(',');

const common = {
  model: values.model,
  way: 5,
  queries: Number(values.queries),
  metaSteps,
  metaBatch: Number(values['meta-batch']),
  validateEvery: metaSteps % 10 === 0 ? metaSteps / 10 : null,
  split: { classes: { train: 1200, test: 423 } },
  rotations: 'train',
  seed: Number(values.seed),
  threads: Number(values.threads),
} as const;

/** Three inner steps in tests, as MAML's authors have them on Omniglot; the others by their own rule. */
const likeMaml: ReadonlySet<string> = new Set(['maml', 'fomaml', 'anil']);

const study = new MetaStudy('omniglot', values.runs);
const keyOf = (learner: string, count: string) =>
  `${learner}, 5-way ${count}-shot, ${values.model}, ${metaSteps} steps of ${values['meta-batch']}, seed ${values.seed}`;
for (const count of shots) {
  for (const learner of learners) {
    const config = { ...common, learner, shots: Number(count), testSteps: likeMaml.has(learner) ? 3 : null };
    await study.run(keyOf(learner, count), folder, config, { episodes: Number(values.episodes) });
  }
  await study.draw(
    `${count}-shot-${metaSteps}-steps`,
    `Omniglot, 5-way ${count}-shot`,
    Object.fromEntries(learners.map((learner) => [learner, keyOf(learner, count)])),
  );
}
console.log(
  `\n${study.table(
    shots.map((count) => `5-way ${count}-shot`),
    learners,
    (learner, column) => keyOf(learner, /(\d+)-shot/.exec(column)![1]!),
  )}`,
);
