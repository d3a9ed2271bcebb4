import { metaConfigGroups, metaConfigSchema } from '@graft-ml/core/internal/recipe/meta/meta-config';
import { z } from 'zod';
import { defineTable } from '../command.ts';
import { downloadFlags, optionalText } from './download.ts';
import { farmFlags } from './farm.ts';
import { dataFlag } from './shared.ts';

const { learner: _, ...sharedOptions } = metaConfigSchema.shape;

/** The learners to compare, and the folder to write to. */
const comparisonOptions = {
  learners: z
    .string()
    .default('maml,fomaml,anil,boil,meta-sgd,maml++,reptile,protonet')
    .describe(
      'with commas between them: learners, or files of options for one (YAML, JSON, a run.json), which come ' +
        'before the flags',
    ),
  out: optionalText.describe('the folder for the runs and the table; default: runs/compare-<time>'),
  overwrite: z.boolean().default(false).describe('replace an existing comparison'),
  resume: optionalText.describe('resume this comparison'),
  ...dataFlag,
  report: z.boolean().default(true).describe('write report.html into the folder when all are tested'),
  testEpisodes: z.int().min(2).max(1_000_000).default(600).describe('episodes of test classes'),
  ...farmFlags,
  jobs: farmFlags.jobs.describe('train so many learners at once, each in a process of one thread; default: in turn'),
  queue: farmFlags.queue.describe(
    'have `graft worker` on any machines train the learners: redis://… or postgres://…, with --store',
  ),
};

const compareOptions = z.strictObject({ ...comparisonOptions, ...sharedOptions, ...downloadFlags });

/** The table of `graft meta compare`. */
export const metaCompareTable = defineTable({
  arguments: [{ syntax: '[folder]', description: 'class folders, as for graft meta train' }],
  options: compareOptions,
  groups: { comparison: comparisonOptions, ...metaConfigGroups, downloads: downloadFlags },
  basic: {
    learners: 'learners, or files of options for one, with commas between them',
    model: 'architecture or published weights; `graft models` lists them (default: conv4_32)',
    way: 'classes of an episode',
    shots: 'images of each class in the support set',
    queries: 'images of each class in the query set',
    metaSteps: 'steps of the outer loop',
    testEpisodes: 'episodes of test classes',
    split: 'which classes train, validate and test: auto, 60/20/20%, 1100/100/423 or a folder',
    out: 'the folder to write (default: runs/compare-<time>)',
    resume: 'continue this comparison where it stopped',
  },
  takesSettings: 'graft meta config',
  examples: [
    'graft meta compare omniglot/ --learners maml,boil,protonet --meta-steps 1000 --out runs/compare',
    'graft meta compare omniglot/ --learners cnn-maml,cnn-boil,resnet-maml,resnet-boil --split Futurama:16/5/5',
    'graft meta compare photos/ --learners maml,reptile.yaml,nearest-centroid --model resnet18',
    'graft meta compare omniglot/ --learners maml,anil,boil --jobs 3',
    'graft meta compare --resume runs/compare',
  ],
});
