import { z } from 'zod';
import { defineTable } from '../command.ts';
import { downloadFlags, optionalText } from './download.ts';

const samplers = ['tpe', 'random', 'grid'] as const;
const pruners = ['none', 'asha', 'median'] as const;

/** What a study tries, and how. */
const studyFlags = {
  meta: z.boolean().default(false).describe('vary options of `graft meta train` instead of those of `graft train`'),
  sampler: z
    .enum(samplers)
    .nullable()
    .default(null)
    .describe('tpe (learns from the trials so far), random or grid (every combination); default: tpe'),
  pruner: z
    .enum(pruners)
    .nullable()
    .default(null)
    .describe('stops bad trials early: none, asha (successive halving) or median; default: none'),
  trials: z.int().min(1).max(100_000).nullable().default(null).describe('trials at most; default: 50'),
  minutes: z.number().positive().max(1_000_000).nullable().default(null).describe('begin no trial after so long'),
  seeds: z
    .int()
    .min(1)
    .max(100)
    .nullable()
    .default(null)
    .describe('runs of each trial with different seeds, whose mean counts; default: 1'),
  metric: z
    .enum(['accuracy', 'loss'])
    .nullable()
    .default(null)
    .describe('the number of the validation that is sought: accuracy or loss; default: accuracy'),
  seed: z
    .int()
    .min(0)
    .nullable()
    .default(null)
    .describe('decides what the sampler draws (that of the runs: seed=1); default: 0'),
  parallel: z
    .int()
    .min(1)
    .max(10_000)
    .nullable()
    .default(null)
    .describe('trials under way at most; the study is the same wherever this is; default: twice --jobs'),
};

const placeFlags = {
  out: optionalText.describe('the folder for the study and its runs; default: runs/sweep-<time>'),
  resume: optionalText.describe('go on with this study; with --trials or --minutes for longer'),
};

const machineFlags = {
  jobs: z
    .int()
    .min(1)
    .max(256)
    .nullable()
    .default(null)
    .describe('runs at once on this machine; default: as cores and memory allow'),
  queue: optionalText.describe('have workers do the runs (`graft worker`): redis://… or postgres://…, with --store'),
  store: optionalText.describe('for --queue: a folder that all machines see, or s3://bucket/prefix'),
};

/** The table of `graft sweep`. */
export const sweepTable = defineTable({
  arguments: [
    {
      syntax: '[what...]',
      description:
        'a study in YAML or JSON; or a folder of images, and options: ranges as in learningRate=1e-4..1e-2:log or ' +
        'dropout=0..0.5:step=0.1, choices as in optimizer=sgd,adamw (with | between them where a value has commas), ' +
        'and single values',
    },
  ],
  options: z.strictObject({ ...placeFlags, ...studyFlags, ...machineFlags, ...downloadFlags }),
  groups: { study: studyFlags, machines: machineFlags, downloads: downloadFlags },
  examples: [
    'graft sweep photos/ learningRate=1e-4..1e-2:log optimizer=sgd,adamw epochs=3 batchSize=8..64:log',
    'graft sweep photos/ model=resnet18,mobilenet_v3_small strategy=partial,full --sampler grid --seeds 3',
    'graft sweep photos/ lr=1e-5..1e-1:log augment=none,light,strong --pruner asha --trials 60 --out runs/sweep',
    "graft sweep photos/ 'head=null|256,relu|512,relu,dropout=0.3' --minutes 30",
    'graft sweep study.yaml --jobs 4 --json',
    'graft sweep omniglot/ --meta learner=maml,anil,boil innerRate=0.01..0.5:log way=5 metaSteps=500',
    'graft sweep --resume runs/sweep --trials 100',
    'graft sweep study.yaml --queue redis://10.0.0.1 --store s3://bucket/graft',
  ],
});
