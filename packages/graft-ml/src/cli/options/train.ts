import { optimizerText } from '@graft-ml/core/internal/recipe/config/optimisation';
import { configGroups, trainConfigSchema } from '@graft-ml/core/internal/recipe/config/train-config';
import { strategyNames } from '@graft-ml/core/internal/recipe/strategy';
import { z } from 'zod';
import { type ConfigTable, trainTable as configTable } from '../../text/config-text.ts';
import { defineTable } from '../command.ts';
import { downloadFlags, optionalText } from './download.ts';
import { workersFlags } from './machines.ts';
import { profileFlags, resumeFlags } from './shared.ts';

/** The run to write, or to resume. */
const runOptions = {
  out: optionalText.describe('the run folder to write; default: runs/<model>-<time>'),
  overwrite: z.boolean().default(false).describe('replace an existing run'),
  resume: optionalText.describe('continue this run, with its own options'),
  ...resumeFlags,
  ...profileFlags,
  folds: z
    .int()
    .min(2)
    .max(1000)
    .nullable()
    .default(null)
    .describe('cross-validation: train this many runs, in which each image validates once'),
  report: z
    .boolean()
    .default(true)
    .describe(
      'write report.html into the folder when all is done; of one run without the map that `graft report` adds',
    ),
  config: optionalText.describe(
    'options from a YAML or JSON file, as `graft config` prints one, or with the folder from the run.json of a ' +
      'run that is to be repeated; what is given besides comes first',
  ),
};

const trainOptions = z.strictObject({ ...runOptions, ...trainConfigSchema.shape, ...workersFlags, ...downloadFlags });

/** The options that a config file may have: the folder too. */
export const trainFile: ConfigTable = {
  ...configTable,
  schema: trainOptions
    .omit({ config: true, resume: true, data: true, from: true, profile: true, profileSteps: true })
    .extend({ folder: z.string() }),
};

/** The table of `graft train`. */
export const trainTable = defineTable({
  arguments: [
    {
      syntax: '[folder]',
      description:
        'root/class/*.jpg or root/{train,val,test}/class/*.jpg, also in a .zip, .tar or .tar.gz; a .csv or ' +
        '.jsonl; .parquet files or a folder of them',
    },
  ],
  options: trainOptions,
  groups: {
    run: runOptions,
    ...configGroups,
    workers: { ...configGroups.workers, ...workersFlags },
    downloads: downloadFlags,
  },
  basic: {
    model: 'architecture, published weights or an .onnx file; `graft models` lists them',
    strategy: `${strategyNames.join(' | ')} (default: auto)`,
    epochs: 'passes over the training images (default: 30 for feature-extraction, else 12)',
    batchSize: 'images per step',
    optimizer: optimizerText,
    learningRate: 'peak learning rate of the head (default: 0.001 for adamw)',
    augment: 'none, light, standard, strong, or a list such as crop=0.5,flip,rotate=10',
    validationFraction: 'share of each class held out for validation, where there is no val/',
    seed: 'decides initialisation, split, order, augmentation and dropout',
    out: 'the run folder to write (default: runs/<model>-<time>)',
    resume: 'continue this run where it stopped',
    config: 'read options from a YAML or JSON file, or from the run.json of an earlier run',
  },
  takesSettings: 'graft config',
  examples: [
    'graft train photos/',
    'graft train photos/ --model resnet50 --out runs/flowers',
    'graft train photos/ epochs=3 optimizer=sgd lr=0.01',
    'graft train --resume runs/flowers',
    'graft train --config runs/flowers/run.json --out runs/again',
    'graft train photos/ --model timm/resnet18.a1_in1k --strategy full --epochs 12 --out runs/x',
    'graft train photos/ --model resnet18 --weights resnet18.pth --head 512,relu,dropout=0.3',
    'graft train photos/ --model classifier.onnx --mean 0.5,0.5,0.5 --std 0.5,0.5,0.5',
    "graft train photos/ --strategy gradual --unfreeze '1:head,4:layer4,7:layer3,10:all' --model resnet18",
    'graft train photos/ --strategy partial --freeze-to layer3 --views 8 --model resnet18',
    'graft train photos/ --strategy full --probe 10 --layer-decay 0.9 --augment strong --ema 0.999 --patience 5',
    'graft train photos/ --model convnext_tiny --strategy scratch',
    'graft train photos/ --model conv4 --weights runs/meta --transfer-ratio 0.5',
    'graft train photos/ --config options.yaml',
    'graft train labels.csv --label-column species',
    "graft train photos.zip --label-regex '^(.+)_\\d+\\.jpg$'",
    'graft train photos/ --folds 5 --out runs/five',
    'graft train photos/ --folds 5 --jobs 2',
    'graft train photos/ --model squeezenet1_1 --strategy full --workers 2 --average-every 20',
    'graft train photos/ --strategy full --workers 8 --queue redis://queue.local --store s3://bucket/runs --transfer-dtype f16',
    'graft train photos/ --strategy feature-extraction --jobs 4',
    'graft train photos/ --strategy full --profile',
    'graft train --resume runs/x --data moved/photos/',
    'graft train --resume runs/x --epochs 20',
  ],
});
