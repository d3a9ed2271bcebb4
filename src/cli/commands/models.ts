import { z } from 'zod';
import { sizeOf } from '../../base/tensor.ts';
import { getModel, listModels } from '../../models/index.ts';
import { pictureNetwork, variablesOf } from '../../train/index.ts';
import { defineCommand } from '../command.ts';
import { table } from '../terminal.ts';

export const modelsCommand = defineCommand({
  name: 'models',
  summary: 'Lists the architectures.',
  arguments: [],
  options: z.strictObject({}),
  examples: ['graft models', 'graft models --json'],
  async run({ terminal }) {
    const models = listModels().map((name) => {
      const { preprocessing, source } = getModel(name);
      const variables = variablesOf(pictureNetwork(getModel(name), preprocessing, 1000));
      const parameters = [...variables.values()].filter(({ kind }) => kind === 'parameter');
      const size = parameters.reduce((sum, { shape }) => sum + sizeOf(shape), 0);
      return { name, parameters: size, imageSize: preprocessing.crop, source };
    });
    terminal.print(
      table(
        ['model', 'parameters (1000 classes)', 'image size', 'source'],
        models.map(({ name, parameters, imageSize, source }) => [
          name,
          parameters.toLocaleString('en'),
          imageSize,
          source,
        ]),
      ),
    );
    terminal.printJson(models);
  },
});
