import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { unknownChoice } from '../../base/choice.ts';
import { UserError } from '../../base/errors.ts';
import { sizeOf } from '../../base/tensor.ts';
import { getModel, listModels } from '../../models/index.ts';
import { applyRules } from '../../optim/index.ts';
import { choice, pictureNetwork, strategies, strategyNames, variablesOf } from '../../train/index.ts';
import { modelOf, readRun } from '../../train/node/index.ts';
import { defineCommand } from '../command.ts';
import { table } from '../terminal.ts';

const options = z.strictObject({
  numClasses: z.int().min(0).default(1000).describe('outputs of the head, for a model; 0: features'),
  strategy: choice('--strategy', strategyNames)
    .nullable()
    .default(null)
    .describe(`for a model, show what it would train: ${strategyNames.join(' | ')}`),
});

/** A model as published, or as a run trains it. */
async function subject(name: string, { numClasses, strategy }: z.output<typeof options>) {
  const isRun = await stat(join(name, 'run.json')).then(
    () => true,
    () => false,
  );
  if (!isRun) {
    if (!listModels().includes(name))
      throw new UserError(
        `${name} is no run (it has no run.json), and ${unknownChoice('the model', name, listModels())}`,
      );
    return { model: getModel(name), preprocessing: getModel(name).preprocessing, numClasses, strategy };
  }
  const { config, preprocessing, classes } = await readRun(name);
  return { model: modelOf(config), preprocessing, numClasses: classes.length, strategy: config.strategy };
}

export const inspectCommand = defineCommand({
  name: 'inspect',
  summary: 'Shows every parameter of a model or a run: name, shape, size, and whether it is trained.',
  arguments: [{ syntax: '<model|run>', description: 'the name of a model, or a run folder' }],
  options,
  examples: [
    'graft inspect resnet18 --strategy full',
    'graft inspect squeezenet1_1 --num-classes 6',
    'graft inspect runs/x',
  ],
  async run({ positionals, options, terminal }) {
    const { model, preprocessing, numClasses, strategy } = await subject(positionals[0]!, options);
    const variables = [...variablesOf(pictureNetwork(model, preprocessing, numClasses)).values()];
    const names = variables.filter(({ kind }) => kind === 'parameter').map(({ name }) => name);
    const settings = strategy ? applyRules(names, strategies[strategy].rules(model)) : null;
    const rows = variables.map(({ name, kind, shape }) => {
      const setting = settings?.get(name);
      const rate = setting?.rate ?? 0;
      const state = kind === 'buffer' ? 'buffer' : settings && !setting ? 'frozen' : 'trained';
      return { name, shape, size: sizeOf(shape), state, rate: settings && kind === 'parameter' ? rate : null };
    });
    const total = (wanted: string) =>
      rows.filter(({ state }) => state === wanted).reduce((sum, { size }) => sum + size, 0);
    const totals = { trained: total('trained'), frozen: total('frozen'), buffers: total('buffer') };
    const cells = rows.map(({ name, shape, size, state, rate }) => [
      name,
      `[${shape.join(', ')}]`,
      size.toLocaleString('en'),
      rate ? `${state} × ${rate}` : state,
    ]);
    terminal.print(table(['name', 'shape', 'size', 'state'], cells));
    const number = (n: number) => n.toLocaleString('en');
    terminal.print(
      `\n${number(totals.trained + totals.frozen)} parameters: ${number(totals.trained)} trained, ${number(totals.frozen)} frozen; ${number(totals.buffers)} in buffers.`,
    );
    terminal.printJson({ model: model.name, parameters: rows, totals });
  },
});
