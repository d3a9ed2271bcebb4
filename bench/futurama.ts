/*
 * The study that this project began with: conv-4 and residual conv-4, MAML and BOIL, on the Futurama alphabet of
 * Omniglot. 5-way 5-shot, 600 episodes of characters that training never saw, over splits.
 *   npm run build && node dist/bench/futurama.js FOLDER [--meta-steps 800] [--seeds 1] [--learners cnn-maml,resnet-boil]
 *     [--meta-batch 4] [--queries 10] [--augment crop=0.7,rotate=10] [--episodes 600] [--threads N] [--runs runs/futurama]
 * FOLDER is ../shared/data/omniglot. Each seed puts other characters aside: 16 train, 5 validate, 5 test. The results
 * in bench/results/futurama.json grow run by run; what is there is not run again, and a run that was interrupted goes
 * on.
 */

import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { expectChoice } from '@graft-ml/core/internal/base/choice';
import { presetNames } from '@graft-ml/core/internal/recipe/meta/index';
import { augment } from 'graft-ml/internal/text/augmentation';
import { MetaStudy } from './meta-study.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    'meta-steps': { type: 'string', default: '800' },
    seeds: { type: 'string', default: '1' },
    learners: { type: 'string', default: presetNames.join(',') },
    'meta-batch': { type: 'string', default: '4' },
    queries: { type: 'string', default: '10' },
    augment: { type: 'string', default: 'crop=0.7,rotate=10' },
    episodes: { type: 'string', default: '600' },
    threads: { type: 'string', default: String(availableParallelism()) },
    runs: { type: 'string', default: 'runs/futurama' },
  },
});
const [folder] = positionals;
if (!folder) throw new Error('usage: node dist/bench/futurama.js FOLDER');
const metaSteps = Number(values['meta-steps']);
const learners = values.learners.split(',').map((name) => expectChoice('learners', name, presetNames));
const seeds = Array.from({ length: Number(values.seeds) }, (_, seed) => String(seed));

const common = {
  way: 5,
  shots: 5,
  queries: Number(values.queries),
  metaSteps,
  metaBatch: Number(values['meta-batch']),
  validateEvery: metaSteps % 10 === 0 ? metaSteps / 10 : null,
  split: { folder: 'Futurama', classes: { train: 16, validation: 5, test: 5 } },
  augment: augment.parse(values.augment),
  threads: Number(values.threads),
} as const;

const study = new MetaStudy('futurama', values.runs);
const keyOf = (learner: string, seed: string) =>
  `${learner}, ${metaSteps} steps of ${values['meta-batch']}, seed ${seed}`;
for (const seed of seeds) {
  for (const learner of learners) {
    const config = { ...common, learner, seed: Number(seed) };
    await study.run(keyOf(learner, seed), folder, config, { episodes: Number(values.episodes), queries: 15 });
  }
  await study.draw(
    `seed-${seed}`,
    `Futurama, 5-way 5-shot, split ${seed}`,
    Object.fromEntries(learners.map((learner) => [learner, keyOf(learner, seed)])),
  );
}
const published = { 'cnn-maml': 86, 'cnn-boil': 83, 'resnet-maml': 86, 'resnet-boil': 90 } as const;
console.log(
  `\n${study.table(
    seeds.map((seed) => `seed ${seed}`),
    learners,
    (learner, column) => keyOf(learner, column.replace('seed ', '')),
  )}`,
);
console.log(`\nThe study's, over 100 queries (± 7): ${JSON.stringify(published)}`);
