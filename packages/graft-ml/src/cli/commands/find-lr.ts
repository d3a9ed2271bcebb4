import { writeFile } from 'node:fs/promises';
import { UsageError, UserError } from '@graft-ml/core/internal/base/errors';
import { formatNumber, type LineChart, lineChartSvg, lineChartText } from '@graft-ml/core/internal/chart/index';
import { beforeExplosion } from '@graft-ml/core/internal/fit/learning-rate-curve';
import { configGroups, trainConfigSchema } from '@graft-ml/core/internal/recipe/config/index';
import { optimizerText } from '@graft-ml/core/internal/recipe/config/optimisation';
import { strategyNames } from '@graft-ml/core/internal/recipe/strategy';
import { z } from 'zod';
import { type FoundRates, findFolderRate } from '../../transfer/find-rate.ts';
import type { Preparation } from '../../transfer/prepare.ts';
import { defineCommand } from '../command.ts';
import { downloadFlags, downloadOptions } from '../download.ts';
import { onInterrupt } from '../interrupt.ts';
import { table } from '../terminal.ts';

/** A training's options, without those that say how long it goes and how its rate does. */
const stepOptions = trainConfigSchema.omit({
  learningRate: true,
  schedule: true,
  warmup: true,
  stepEpochs: true,
  milestones: true,
  decayFactor: true,
  restartEpochs: true,
  restartGrowth: true,
  power: true,
  plateauPatience: true,
  epochs: true,
  probe: true,
  patience: true,
  ema: true,
  accumulate: true,
  log: true,
});

/** Which rates are tried. */
const searchOptions = {
  out: z.string().nullable().default(null).describe('an SVG file to draw the curve in'),
  from: z.number().positive().default(1e-7).describe('the first learning rate'),
  to: z.number().positive().default(10).describe('the last learning rate'),
  steps: z.int().min(20).max(10_000).default(100).describe('the most steps to take'),
};

export const findLrCommand = defineCommand({
  arguments: [{ syntax: '<folder>', description: 'the images to train on, as of graft train' }],
  options: z.strictObject({ ...searchOptions, ...stepOptions.shape, ...downloadFlags }),
  groups: { search: searchOptions, ...configGroups, downloads: downloadFlags },
  basic: {
    model: 'architecture, published weights or an .onnx file; `graft models` lists them',
    strategy: `${strategyNames.join(' | ')} (default: auto)`,
    batchSize: 'images per step',
    optimizer: optimizerText,
    augment: 'none, light, standard, strong, or a list such as crop=0.5,flip,rotate=10',
    from: 'the first learning rate',
    to: 'the last learning rate',
    steps: 'the most steps to take',
    out: 'an SVG file to draw the curve in',
  },
  takesSettings: 'graft config',
  goesOnUnread: () => true,
  examples: [
    'graft find-lr photos/ --model resnet18 --strategy full',
    'graft find-lr photos/ --optimizer sgd --out curve.svg',
  ],
  async run({ positionals, options, terminal }) {
    const { out, from, to, steps, offline, mirror, expectSha256, ...config } = options;
    if (from >= to) throw new UsageError(`find-lr: --from ${from} is not below --to ${to}.`);
    const signal = onInterrupt(terminal);
    const found = await findFolderRate(positionals[0]!, config, {
      ...{ from, to, steps, signal },
      download: downloadOptions({ offline, mirror, expectSha256 }, terminal),
      onNote: (note) => terminal.note(note),
      onPreparation: ({ stage, done, total }: Preparation) => terminal.progress(stage, done, total),
      onStep: ({ step, learningRate, loss }) =>
        terminal.progress('taking steps', step, steps, `rate ${formatNumber(learningRate)} · loss ${loss.toFixed(3)}`),
    }).catch((error: unknown) => {
      if (signal.aborted && error === signal.reason) return null;
      throw error;
    });
    if (found === null) return terminal.print('Stopped. Nothing was written.');
    const chart = chartOf(found);
    const { config: resolved, stage, suggestions, curve } = found;
    const { valley, steepest, minimum } = suggestions;
    terminal.print(`${lineChartText(chart)}\n`);
    terminal.print(
      table(
        ['', 'learning rate', ''],
        [
          ['valley', formatNumber(valley), 'in the midst of the longest descent'],
          ['steepest', formatNumber(steepest), 'where the loss falls fastest'],
          ['minimum', formatNumber(minimum), 'a tenth of where it is lowest'],
        ],
      ),
    );
    const { model, strategy, optimizer } = resolved;
    terminal.print(`\n${model}, ${strategy} (${stage}), ${optimizer}. Try: --learning-rate ${formatNumber(valley)}`);
    terminal.printJson({ model, strategy, stage, optimizer, suggestions, curve, out });
    if (out !== null) await writeSvg(out, await lineChartSvg(chart));
  },
});

function chartOf({ config, curve, suggestions }: FoundRates): LineChart {
  const { rates, losses } = beforeExplosion(curve);
  return {
    title: `${config.model}, ${config.strategy}, ${config.optimizer}`,
    x: { label: 'learning rate', scale: 'log' },
    y: { label: 'training loss, smoothed' },
    series: [{ name: 'loss', points: rates.map((rate, i) => [rate, losses[i]!] as const) }],
    marks: Object.entries(suggestions).map(([label, at]) => ({ at, label })),
  };
}

async function writeSvg(path: string, svg: string): Promise<void> {
  await writeFile(path, svg).catch((error: Error) => {
    throw new UserError(`find-lr: ${path} cannot be written (${error.message}).`, { cause: error });
  });
}
