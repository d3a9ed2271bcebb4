import { choice } from '@graft-ml/core/internal/recipe/config/choice';
import { deviceNames } from '@graft-ml/core/internal/recipe/config/machine';
import { trainConfigSchema } from '@graft-ml/core/internal/recipe/config/train-config';
import { z } from 'zod';
import { defineCommand } from '../command.ts';
import { inspectionResult } from '../show/inspection.ts';
import { printResult } from '../show/printer.ts';

const inspectOptions = z.strictObject({
  numClasses: z.int().min(0).default(1000).describe('outputs of the head, for a model; 0: features'),
  blocks: z.boolean().default(false).describe('by block, from input to head, instead of by parameter'),
  device: choice(deviceNames)
    .nullable()
    .default(null)
    .describe(`list what of a training step falls to the processor on this device: ${deviceNames.join(' | ')}`),
  epoch: z
    .int()
    .min(1)
    .nullable()
    .default(null)
    .describe('show what is trained in this epoch, counted from 1; default: the last'),
  ...trainConfigSchema.pick({
    strategy: true,
    epochs: true,
    freezeTo: true,
    unfreeze: true,
    transferRatio: true,
    transferFrozen: true,
    freeze: true,
    train: true,
    rates: true,
    backboneRate: true,
    layerDecay: true,
    learningRate: true,
    head: true,
    batchSize: true,
  }).shape,
});

export const inspectCommand = defineCommand({
  arguments: [{ syntax: '<model|run>', description: 'the name of a model, an .onnx file, or a run folder' }],
  options: inspectOptions,
  examples: [
    'graft inspect resnet18 --strategy full',
    'graft inspect squeezenet1_1 --num-classes 6',
    'graft inspect resnet50 --blocks',
    'graft inspect resnet50 --strategy gradual --epochs 12 --epoch 7 --blocks',
    'graft inspect resnet18 --transfer-ratio 0.5 --transfer-frozen lower --blocks',
    "graft inspect resnet18 --strategy full --rates 'head=1e-3,layer4=1e-4,*=1e-5'",
    'graft inspect runs/x --epoch 5',
    'graft inspect resnet18 --device webgpu --batch-size 8 --blocks',
  ],
  async run({ positionals: [name], options, terminal }) {
    const { numClasses, blocks, epoch, device, ...config } = options;
    const { inspectModel } = await import('../../transfer/inspect-model.ts');
    const inspection = await inspectModel(name!, {
      ...{ numClasses, epoch, device, config },
      onCheck: ({ done, total }) => terminal.progress('checking kernels', done, total),
    });
    printResult(terminal, inspectionResult(inspection, { byBlock: blocks }));
  },
});
