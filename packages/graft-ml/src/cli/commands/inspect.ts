import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { unknownName } from '@graft-ml/core/internal/base/choice';
import { UserError } from '@graft-ml/core/internal/base/errors';
import { printableName } from '@graft-ml/core/internal/base/printable';
import { type Shape, sizeOf } from '@graft-ml/core/internal/base/tensor';
import { imageNetwork, parameterTable } from '@graft-ml/core/internal/fit/network';
import { epochsBefore, learningRateAt, stageAt, type Timetable, trainedSince } from '@graft-ml/core/internal/fit/stage';
import { traceOf } from '@graft-ml/core/internal/fit/step';
import { isOnnx } from '@graft-ml/core/internal/models/index';
import { continuationOf } from '@graft-ml/core/internal/recipe/auto';
import {
  parseConfig,
  type ResolvedConfig,
  resolveConfig,
  trainConfigSchema,
} from '@graft-ml/core/internal/recipe/config/index';
import { type PlannedStage, planOf } from '@graft-ml/core/internal/recipe/plan';
import { timetableOf } from '@graft-ml/core/internal/recipe/timetable';
import { listArchitectures } from '@graft-ml/core/models';
import type { Trace } from '@graft-ml/core/nn';
import { z } from 'zod';
import { openBackbone } from '../../checkpoint/backbone.ts';
import { readRun } from '../../runs/run-file.ts';
import { ownOnnx } from '../../runs/run-store.ts';
import { defineCommand } from '../command.ts';
import { table } from '../show/format.ts';

const {
  strategy,
  epochs,
  freezeTo,
  unfreeze,
  transferRatio,
  transferFrozen,
  freeze,
  train,
  rates,
  trunkRate,
  layerDecay,
  learningRate,
  head,
} = trainConfigSchema.shape;

const options = z.strictObject({
  numClasses: z.int().min(0).default(1000).describe('outputs of the head, for a model; 0: features'),
  blocks: z.boolean().default(false).describe('by block, from input to head, in place of by parameter'),
  epoch: z
    .int()
    .min(1)
    .nullable()
    .default(null)
    .describe('who is trained in this epoch, the first being epoch 1; default: the last'),
  strategy,
  epochs,
  freezeTo,
  unfreeze,
  transferRatio,
  transferFrozen,
  freeze,
  train,
  rates,
  trunkRate,
  layerDecay,
  learningRate,
  head,
});

/** A model with a configuration, or a run. */
async function subject(name: string, given: z.output<typeof options>) {
  const isRun = await stat(join(name, 'run.json')).then(
    () => true,
    () => false,
  );
  if (isRun) {
    const run = await readRun(name);
    const { config: saved, preprocessing, classes, decision, dataset } = run;
    const config = resolveConfig(saved);
    const { model } = await openBackbone({ ...config, weights: null }, { onnxFile: ownOnnx(name, run) });
    return { model, preprocessing, numClasses: classes.length, config, decision, images: dataset.train };
  }
  if (!isOnnx(name) && !listArchitectures().includes(name)) {
    const what = `${printableName(name)} is no run (it has no run.json), no .onnx file, and`;
    throw new UserError(`${what} the model ${unknownName(name, listArchitectures(), '`graft models` lists all.')}`);
  }
  const { numClasses, blocks: _, epoch: __, ...changes } = given;
  const { model } = await openBackbone({ model: name, weights: null, head: given.head });
  const isPlanned = given.strategy !== null || given.transferRatio !== null;
  const config = isPlanned ? resolveConfig(parseConfig({ ...changes, model: name })) : null;
  return { model, preprocessing: model.preprocessing, numClasses, config, decision: null, images: null };
}

export const inspectCommand = defineCommand({
  arguments: [{ syntax: '<model|run>', description: 'the name of a model, an .onnx file, or a run folder' }],
  options,
  examples: [
    'graft inspect resnet18 --strategy full',
    'graft inspect squeezenet1_1 --num-classes 6',
    'graft inspect resnet50 --blocks',
    'graft inspect resnet50 --strategy gradual --epochs 12 --epoch 7 --blocks',
    'graft inspect resnet18 --transfer-ratio 0.5 --transfer-frozen lower --blocks',
    "graft inspect resnet18 --strategy full --rates 'head=1e-3,layer4=1e-4,*=1e-5'",
    'graft inspect runs/x --epoch 5',
  ],
  async run({ positionals, options, terminal }) {
    const { model, preprocessing, numClasses, config, decision, images } = await subject(positionals[0]!, options);
    const network = imageNetwork(model, preprocessing, numClasses);
    const trace = traceOf(network);
    const plan = config && planOf(config, parameterTable(network, model), decision ? continuationOf(decision) : null);
    const shown = plan && ratesIn(plan, config, options.epoch, images);
    const rows = [...trace.variables.values()].map(({ name, kind, shape }): Row => {
      const rate = shown?.rates.get(name) ?? null;
      const state = kind === 'buffer' ? 'buffer' : shown && !rate ? 'frozen' : 'trained';
      return { name, shape, size: sizeOf(shape), state, rate: rate?.peak ?? null, rates: rate?.within ?? null };
    });
    const blocks = blockRows(trace, rows);
    const totals = {
      trained: sizeIn(rows, 'trained'),
      frozen: sizeIn(rows, 'frozen'),
      buffers: sizeIn(rows, 'buffer'),
    };
    if (shown) terminal.print(`${shown.title}\n`);
    terminal.print(options.blocks ? blockTable(blocks) : parameterRows(rows));
    terminal.print(
      `\n${number(totals.trained + totals.frozen)} parameters: ${number(totals.trained)} trained, ${number(totals.frozen)} frozen; ${number(totals.buffers)} in buffers.`,
    );
    const stage = shown && { epoch: shown.epoch, stage: shown.stage };
    terminal.printJson({
      model: model.name,
      ...stage,
      ...(options.blocks ? { blocks } : { parameters: rows }),
      totals,
    });
  },
});

/** A learning rate in an epoch. */
interface Rate {
  /** Without the schedule. */
  readonly peak: number;
  /** The rates in the epoch's first and last step; null where the number of steps is not known. */
  readonly within: readonly [number, number] | null;
}

/** The learning rate of every parameter in an epoch. @throws UserError where the plan does not have it */
function ratesIn(plan: readonly PlannedStage[], config: ResolvedConfig, epoch: number | null, images: number | null) {
  const last = epochsBefore(plan, plan.length);
  const shown = epoch ?? last;
  if (shown > last) throw new UserError(`--epoch ${shown}: there are ${last} epochs.`);
  const index = stageAt(plan, shown - 1);
  const { name, from, epochs: own, settings } = plan[index]!;
  const timetable = images === null ? null : timetableOf(config, plan, images);
  const rates = new Map<string, Rate>();
  for (const [parameter, setting] of settings) {
    if (!setting) continue;
    const within = timetable && ratesWithin(timetable, index, parameter, shown, setting.rate);
    rates.set(parameter, { peak: setting.rate * config.learningRate, within });
  }
  const title = `epoch ${shown} of ${last}: ${config.strategy}, stage ${name} (epochs ${from + 1} to ${from + own})`;
  return { title, epoch: shown, stage: name, rates };
}

/** The rates within an epoch. For a schedule that depends on validation losses, these are taken to go on falling. */
function ratesWithin(timetable: Timetable, stage: number, parameter: string, epoch: number, factor: number) {
  const { stepsPerEpoch } = timetable;
  const group = trainedSince(timetable.stages, stage, parameter);
  const losses = Array.from({ length: epoch - 1 }, (_, i) => 1 / (i + 1));
  const at = (step: number) => factor * learningRateAt(timetable, group, step, losses);
  return [at((epoch - 1) * stepsPerEpoch), at(epoch * stepsPerEpoch - 1)] as const;
}

interface Row {
  readonly name: string;
  readonly shape: Shape;
  readonly size: number;
  readonly state: string;
  /** The learning rate without the schedule; null where it is frozen, or no configuration is known. */
  readonly rate: number | null;
  /** The rates in the epoch's first and last step. */
  readonly rates: readonly [number, number] | null;
}

const number = (n: number) => n.toLocaleString('en');

function sizeIn(rows: readonly Row[], state: string): number {
  return rows.filter((row) => row.state === state).reduce((sum, { size }) => sum + size, 0);
}

/** The blocks from input to head, what each gives for one image, how much of it is trained, and at which rates. */
function blockRows({ blocks, endpoints }: Trace, rows: readonly Row[]) {
  const byName = new Map(rows.map((row) => [row.name, row]));
  return [...blocks].map(([block, names]) => {
    const own = names.map((name) => byName.get(name)!);
    const output = endpoints.get(block) ?? endpoints.get('logits');
    const rates = [...new Set(own.flatMap(({ rate }) => rate ?? []))].sort((a, b) => b - a);
    return { block, output: output?.shape, trained: sizeIn(own, 'trained'), frozen: sizeIn(own, 'frozen'), rates };
  });
}

function blockTable(blocks: ReturnType<typeof blockRows>): string {
  const cells = blocks.map(({ block, output, trained, frozen, rates }) => [
    block,
    output ? `[${output.join(', ')}]` : '',
    number(trained),
    number(frozen),
    rates.map(significant).join(', '),
  ]);
  return table(['block', 'gives', 'trained', 'frozen', 'rate'], cells);
}

function parameterRows(rows: readonly Row[]): string {
  const cells = rows.map(({ name, shape, size, state, rate, rates }) => [
    name,
    `[${shape.join(', ')}]`,
    number(size),
    state,
    rate === null ? '' : significant(rate),
    rates === null ? '' : rates.map(significant).join(' → '),
  ]);
  return table(['name', 'shape', 'size', 'state', 'rate', 'in the epoch'], cells);
}

const significant = (rate: number) => String(Number(rate.toPrecision(3)));
