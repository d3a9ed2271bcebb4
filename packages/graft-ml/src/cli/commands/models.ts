import { UsageError, UserError } from '@graft-ml/core/internal/base/errors';
import { z } from 'zod';
import { defineCommand } from '../command.ts';
import { downloadOptions } from '../download.ts';
import { downloadFlags } from '../options/download.ts';
import { printResult, type Result } from '../show/printer.ts';

export const modelsCommand = defineCommand({
  arguments: [
    { syntax: '[name]', description: 'an architecture, published weights, or a pattern: * stands for any characters' },
  ],
  options: z.strictObject({
    pretrained: z.boolean().default(false).describe('published weights instead of architectures'),
    download: z.boolean().default(false).describe('download the weights of that name into the cache'),
    ...downloadFlags,
  }),
  goesOnUnread: (given) => given.download,
  examples: [
    'graft models',
    "graft models '*efficientnet*' --pretrained",
    'graft models torchvision/resnet50.imagenet1k_v2',
    'graft models resnet18 --download',
  ],
  async run({ positionals: [name], options: { pretrained, download, ...flags }, terminal }) {
    const { isGlob } = await import('@graft-ml/core/internal/base/glob');
    const { pretrainedConfig } = await import('@graft-ml/core/models');
    const isName = name !== undefined && !isGlob(name);
    if (download) {
      if (!isName) throw new UsageError('models: --download takes the name of one architecture or of its weights.');
      const { fetchWeights } = await import('../../checkpoint/fetch-weights.ts');
      const entry = pretrainedConfig(name);
      const fetched = await fetchWeights(entry, downloadOptions(flags, terminal));
      return printResult(terminal, { lines: [fetched.path], json: { ...entry, ...fetched } });
    }
    printResult(terminal, isName && !pretrained ? await shown(name) : await listed(name, pretrained));
  },
});

/** An architecture with its default weights, or those weights alone. */
async function shown(name: string): Promise<Result> {
  const { listArchitectures } = await import('@graft-ml/core/models');
  const { entryNamed } = await import('@graft-ml/core/internal/weights/index');
  const { describeArchitecture, describeWeights, unknownModel } = await import('../../transfer/describe-model.ts');
  const { architectureResult, entryResult } = await import('../show/models.ts');
  if (entryNamed(name)) return entryResult(describeWeights(name));
  if (!listArchitectures().includes(name)) throw unknownModel(name);
  const model = describeArchitecture(name);
  return architectureResult(model, model.weights[0] ? describeWeights(model.weights[0].name) : null);
}

/** The architectures or weights that match a pattern; all without one. @throws UserError where none does */
async function listed(pattern: string | undefined, pretrained: boolean): Promise<Result> {
  const { listModels, pretrainedConfig } = await import('@graft-ml/core/models');
  const { describeArchitecture } = await import('../../transfer/describe-model.ts');
  const { architecturesResult, weightsResult } = await import('../show/models.ts');
  const names = listModels(pattern, { pretrained });
  if (names.length === 0) throw new UserError(`models: nothing matches "${pattern}".`);
  return pretrained ? weightsResult(names.map(pretrainedConfig)) : architecturesResult(names.map(describeArchitecture));
}
