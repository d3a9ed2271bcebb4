import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { unknownChoice } from '../../base/choice.ts';
import { UserError } from '../../base/errors.ts';
import { type Shape, sizeOf } from '../../base/tensor.ts';
import { listArchitectures } from '../../models/index.ts';
import type { Trace } from '../../nn/index.ts';
import { applyRules } from '../../optim/index.ts';
import { choice, isOnnx, pictureNetwork, strategies, strategyNames, traceOf } from '../../train/index.ts';
import { onnxFile, openBackbone, readRun } from '../../train/node/index.ts';
import { defineCommand } from '../command.ts';
import { table } from '../terminal.ts';

const options = z.strictObject({
  numClasses: z.int().min(0).default(1000).describe('outputs of the head, for a model; 0: features'),
  strategy: choice('--strategy', strategyNames)
    .nullable()
    .default(null)
    .describe(`for a model, show what it would train: ${strategyNames.join(' | ')}`),
  head: z.string().nullable().default(null).describe('for a model: layers before the last one, as in `graft train`'),
  blocks: z.boolean().default(false).describe('by block, from input to head, in place of by parameter'),
});

/** A model as published, a file, or as a run trains it. */
async function subject(name: string, { numClasses, strategy, head }: z.output<typeof options>) {
  const isRun = await stat(join(name, 'run.json')).then(
    () => true,
    () => false,
  );
  if (isRun) {
    const { config, preprocessing, classes } = await readRun(name);
    const { model } = await openBackbone({ ...config, weights: null }, { onnxFile: join(name, onnxFile) });
    return { model, preprocessing, numClasses: classes.length, strategy: config.strategy };
  }
  if (!isOnnx(name) && !listArchitectures().includes(name)) {
    const what = `${name} is no run (it has no run.json), no .onnx file, and`;
    throw new UserError(`${what} ${unknownChoice('the model', name, listArchitectures())}`);
  }
  const { model } = await openBackbone({ model: name, weights: null, head });
  return { model, preprocessing: model.preprocessing, numClasses, strategy };
}

export const inspectCommand = defineCommand({
  name: 'inspect',
  summary: 'Shows every parameter or block of a model or a run: name, shape, size, and whether it is trained.',
  arguments: [{ syntax: '<model|run>', description: 'the name of a model, an .onnx file, or a run folder' }],
  options,
  examples: [
    'graft inspect resnet18 --strategy full',
    'graft inspect squeezenet1_1 --num-classes 6',
    'graft inspect resnet50 --blocks',
    'graft inspect runs/x',
  ],
  async run({ positionals, options, terminal }) {
    const { model, preprocessing, numClasses, strategy } = await subject(positionals[0]!, options);
    const trace = traceOf(pictureNetwork(model, preprocessing, numClasses));
    const variables = [...trace.variables.values()];
    const names = variables.filter(({ kind }) => kind === 'parameter').map(({ name }) => name);
    const settings = strategy ? applyRules(names, strategies[strategy].rules(model)) : null;
    const rows = variables.map(({ name, kind, shape }) => {
      const setting = settings?.get(name);
      const rate = setting?.rate ?? 0;
      const state = kind === 'buffer' ? 'buffer' : settings && !setting ? 'frozen' : 'trained';
      return { name, shape, size: sizeOf(shape), state, rate: settings && kind === 'parameter' ? rate : null };
    });
    const blocks = blockRows(trace, rows);
    const totals = {
      trained: sizeIn(rows, 'trained'),
      frozen: sizeIn(rows, 'frozen'),
      buffers: sizeIn(rows, 'buffer'),
    };
    terminal.print(options.blocks ? blockTable(blocks) : parameterTable(rows));
    terminal.print(
      `\n${number(totals.trained + totals.frozen)} parameters: ${number(totals.trained)} trained, ${number(totals.frozen)} frozen; ${number(totals.buffers)} in buffers.`,
    );
    terminal.printJson({ model: model.name, ...(options.blocks ? { blocks } : { parameters: rows }), totals });
  },
});

interface Row {
  readonly name: string;
  readonly shape: Shape;
  readonly size: number;
  readonly state: string;
  readonly rate: number | null;
}

const number = (n: number) => n.toLocaleString('en');

function sizeIn(rows: readonly Row[], state: string): number {
  return rows.filter((row) => row.state === state).reduce((sum, { size }) => sum + size, 0);
}

/** The blocks from input to head, what each gives for one picture, and how much of it is trained. */
function blockRows({ blocks, endpoints }: Trace, rows: readonly Row[]) {
  const byName = new Map(rows.map((row) => [row.name, row]));
  return [...blocks].map(([block, names]) => {
    const own = names.map((name) => byName.get(name)!);
    const output = endpoints.get(block) ?? endpoints.get('logits');
    return { block, output: output?.shape, trained: sizeIn(own, 'trained'), frozen: sizeIn(own, 'frozen') };
  });
}

function blockTable(blocks: ReturnType<typeof blockRows>): string {
  const cells = blocks.map(({ block, output, trained, frozen }) => [
    block,
    output ? `[${output.join(', ')}]` : '',
    number(trained),
    number(frozen),
  ]);
  return table(['block', 'gives', 'trained', 'frozen'], cells);
}

function parameterTable(rows: readonly Row[]): string {
  const cells = rows.map(({ name, shape, size, state, rate }) => [
    name,
    `[${shape.join(', ')}]`,
    number(size),
    rate ? `${state} × ${rate}` : state,
  ]);
  return table(['name', 'shape', 'size', 'state'], cells);
}
