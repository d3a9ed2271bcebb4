import { learnerNames } from '@graft-ml/core/internal/meta/learners';
import { metaConfigGroups, metaConfigSchema } from '@graft-ml/core/internal/recipe/meta/meta-config';
import { z } from 'zod';
import { type ConfigTable, metaTable } from '../../text/config-text.ts';
import { defineTable } from '../command.ts';
import { downloadFlags, optionalText } from './download.ts';
import { farmFlags } from './farm.ts';
import { profileFlags, resumeFlags } from './shared.ts';

/** The run to write, or to resume. */
const runOptions = {
  out: optionalText.describe('the run folder to write; default: runs/<learner>-<time>'),
  overwrite: z.boolean().default(false).describe('replace an existing run'),
  resume: optionalText.describe('continue this run, with its own options'),
  ...resumeFlags,
  ...profileFlags,
  config: optionalText.describe(
    'options from a YAML or JSON file, as `graft meta config` prints one, or from the run.json of an earlier run',
  ),
};

const metaTrainOptions = z.strictObject({
  ...runOptions,
  ...metaConfigSchema.shape,
  ...farmFlags,
  ...downloadFlags,
});

/** The options that a config file may have: the folder too. */
export const metaTrainFile: ConfigTable = {
  ...metaTable,
  schema: metaTrainOptions
    .omit({ config: true, resume: true, data: true, from: true, profile: true, profileSteps: true })
    .extend({ folder: z.string() }),
};

/** The table of `graft meta train`. */
export const metaTrainTable = defineTable({
  arguments: [
    {
      syntax: '[folder]',
      description: 'class folders, also nested, as Omniglot’s alphabets; or Omniglot’s archives in one folder',
    },
  ],
  options: metaTrainOptions,
  groups: { run: runOptions, ...metaConfigGroups, workers: farmFlags, downloads: downloadFlags },
  basic: {
    learner: learnerNames.join(' | '),
    model: 'architecture or published weights; `graft models` lists them (default: conv4_32)',
    way: 'classes of an episode',
    shots: 'images of each class in the support set',
    queries: 'images of each class in the query set',
    innerSteps: 'steps on the support set in training (default: by the learner and the size of the images)',
    innerRate: 'learning rate of the inner loop (default: by the learner and the size of the images)',
    metaSteps: 'steps of the outer loop',
    split: 'which classes train, validate and test: auto, 60/20/20%, 1100/100/423 or a folder',
    out: 'the run folder to write (default: runs/<learner>-<time>)',
    resume: 'continue this run where it stopped',
    config: 'read options from a YAML or JSON file, or from the run.json of an earlier run',
  },
  takesSettings: 'graft meta config',
  examples: [
    'graft meta train omniglot/ --way 5 --shots 1 --rotations train',
    'graft meta train omniglot/ --learner boil --inner-rate 0.5 --meta-steps 3000 --out runs/boil',
    'graft meta train omniglot/ --split Futurama:16/5/5 --learner resnet-boil --queries 10',
    'graft meta train photos/ --learner anil --model resnet18 --image-size 96 --episodes 200 --patience 5',
    'graft meta train photos/ --learner maml++ --inner-steps 5 --meta-batch 8 lr=0.0005',
    'graft meta train photos/ --learner nearest-centroid --model resnet18',
    'graft meta train photos/ --learner maml --model resnet12 --meta-batch 16 --jobs 8',
    'graft meta train photos/ --meta-batch 32 --queue redis://queue.local --store s3://bucket/graft',
    'graft meta train omniglot/ --learner maml --profile',
    'graft meta train --resume runs/boil',
    'graft meta train --config runs/boil/run.json --out runs/again',
  ],
});
