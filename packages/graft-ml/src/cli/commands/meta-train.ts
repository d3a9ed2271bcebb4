import { UsageError } from '@graft-ml/core/internal/base/errors';
import { formatProblems } from '@graft-ml/core/internal/image/problem';
import {
  epochsOf,
  learnerNames,
  learners,
  metaConfigGroups,
  metaConfigSchema,
} from '@graft-ml/core/internal/recipe/meta/index';
import { z } from 'zod';
import { formatBytes } from '../../meta/check-memory.ts';
import { metaRuns } from '../../meta/meta-run.ts';
import { type MetaEvent, type MetaReadyEvent, resumeMeta, trainMeta } from '../../meta/train-meta.ts';
import { readConfigFileOf } from '../../runs/config-file.ts';
import type { ConfigTable } from '../../text/config-text.ts';
import { metaTable } from '../../text/config-text.ts';
import { textOf } from '../../text/options.ts';
import type { Preparation } from '../../transfer/prepare.ts';
import { defineCommand } from '../command.ts';
import { downloadFlags, downloadOptions } from '../download.ts';
import { onInterrupt } from '../interrupt.ts';
import { foreignFolder, refuseBesideResume, refuseWithoutResume, resumeFlags } from '../resume.ts';
import { whatIsLeft } from '../run-files.ts';
import { formatSeconds, percent, plural, type Terminal } from '../terminal.ts';

/** Which run is written, or continued. */
const runOptions = {
  out: z.string().nullable().default(null).describe('the run folder to write; default: runs/<learner>-<time>'),
  overwrite: z.boolean().default(false).describe('replace the run that stands there'),
  resume: z.string().nullable().default(null).describe('go on with this run, with its own options'),
  ...resumeFlags,
  config: z
    .string()
    .nullable()
    .default(null)
    .describe(
      'options from a YAML or JSON file, as `graft meta config` prints one, or from the run.json of an earlier run',
    ),
};

const metaTrainOptions = z.strictObject({ ...runOptions, ...metaConfigSchema.shape, ...downloadFlags });

/** What may stand in a file: the folder too. */
const fileTable: ConfigTable = {
  ...metaTable,
  schema: metaTrainOptions.omit({ config: true, resume: true, data: true, from: true }).extend({ folder: z.string() }),
};

export const metaTrainCommand = defineCommand({
  arguments: [
    {
      syntax: '[folder]',
      description: 'class folders, also nested, as Omniglot’s alphabets; or Omniglot’s archives in one folder',
    },
  ],
  options: metaTrainOptions,
  groups: { run: runOptions, ...metaConfigGroups, downloads: downloadFlags },
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
  goesOnUnread: () => true,
  examples: [
    'graft meta train omniglot/ --way 5 --shots 1 --rotations train',
    'graft meta train omniglot/ --learner boil --inner-rate 0.5 --meta-steps 3000 --out runs/boil',
    'graft meta train omniglot/ --split Futurama:16/5/5 --learner resnet-boil --queries 10',
    'graft meta train photos/ --learner anil --model resnet18 --image-size 96 --episodes 200 --patience 5',
    'graft meta train photos/ --learner maml++ --inner-steps 5 --meta-batch 8 lr=0.0005',
    'graft meta train photos/ --learner nearest-centroid --model resnet18',
    'graft meta train --resume runs/boil',
    'graft meta train --config runs/boil/run.json --out runs/again',
  ],
  async defaults(given) {
    if (typeof given.config !== 'string') return {};
    const read = await readConfigFileOf(given.config, fileTable, metaRuns, Object.keys(given));
    const { folder: _, ...values } = read.values;
    return values;
  },
  async run({ positionals, options, given, terminal }) {
    const { events, out } = await start(positionals[0], options, given, terminal);
    const shown: ShownMeta = { out, epochs: 0, result: undefined };
    try {
      for await (const event of events) showMeta(event, shown, terminal);
    } catch (error) {
      if (shown.epochs > 0) terminal.note(await whatIsLeft(out, `graft meta train --resume ${out}`, error));
      throw error;
    }
    terminal.printJson(shown.result);
  },
});

/** Begins a run, or goes on with one. */
async function start(
  folder: string | undefined,
  options: z.output<typeof metaTrainOptions>,
  given: readonly string[],
  terminal: Terminal,
): Promise<{ out: string; events: AsyncIterable<MetaEvent> }> {
  const { out, overwrite, resume, data, from, config: repeated, offline, mirror, expectSha256, ...config } = options;
  const download = downloadOptions({ offline, mirror, expectSha256 }, terminal);
  const onPreparation = ({ stage, done, total }: Preparation) => terminal.progress(stage, done, total);
  if (resume !== null) {
    refuseBesideResume('meta train', folder, given, ['weights']);
    const weights = given.includes('weights') ? (config.weights ?? undefined) : undefined;
    const resumed = { data: data ?? undefined, weights, from, signal: onInterrupt(terminal), onPreparation, download };
    return { out: resume, events: resumeMeta(resume, resumed) };
  }
  refuseWithoutResume('meta train', given);
  const file = repeated === null ? null : await readConfigFileOf(repeated, fileTable, metaRuns, given);
  const images = folder ?? file?.folder ?? (file?.values.folder as string | undefined);
  if (images === undefined && file?.run)
    throw new UsageError(`meta train: ${foreignFolder(repeated!, file.run.folder)}`);
  if (images === undefined)
    throw new UsageError('meta train: which folder? `graft meta train <folder>`, or --resume <run>.');
  const path = out ?? `runs/${config.learner}-${new Date().toISOString().slice(0, 19).replaceAll(':', '-')}`;
  const choices = file?.run ? { choices: file.run.choices } : {};
  const runOptions = { out: path, overwrite, ...choices, signal: onInterrupt(terminal), onPreparation, download };
  return { out: path, events: trainMeta(images, config, runOptions) };
}

/** What has become known of a run of meta-learning. */
export interface ShownMeta {
  readonly out: string;
  epochs: number;
  /** For machines. */
  result: unknown;
}

/** Tells of what happens in meta-training, and takes note of how it ended. */
export function showMeta(
  event: MetaEvent,
  shown: ShownMeta,
  terminal: Terminal,
  resume = `graft meta train --resume ${shown.out}`,
): void {
  const { out } = shown;
  switch (event.kind) {
    case 'ready':
      header(event, terminal);
      break;
    case 'start':
      shown.epochs = event.epochs;
      break;
    case 'stage':
      terminal.note(`stage ${event.name}: epochs ${event.epoch} to ${event.epoch + event.epochs - 1}`);
      break;
    case 'step': {
      const { epoch, step, steps, loss } = event;
      const detail = `epoch ${epoch} of ${shown.epochs} · loss ${loss.toFixed(3)}`;
      terminal.progress('meta-training', (epoch - 1) * steps + step, shown.epochs * steps, detail);
      break;
    }
    case 'evaluation': {
      const { epoch, step, loss, accuracy, training, isBest, seconds } = event;
      const validation = `validation loss ${loss.toFixed(4)}, accuracy ${percent(accuracy)}${isBest ? ' (best)' : ''}`;
      const trained = step === 0 ? '' : `training accuracy ${percent(training.accuracy)}, `;
      terminal.note(
        `epoch ${epoch} of ${shown.epochs} (step ${step}): ${trained}${validation} · ${formatSeconds(seconds)}`,
      );
      break;
    }
    case 'cancelled':
      terminal.print('Stopped before the first step. Nothing was written.');
      shown.result = { out, status: 'cancelled' };
      break;
    case 'interrupted': {
      const { epoch, step } = event;
      terminal.print(`Interrupted in epoch ${epoch} after step ${step}. Go on with: ${resume}`);
      shown.result = { out, status: 'interrupted', epoch, step };
      break;
    }
    case 'end': {
      process.exitCode = 0; // also where a signal came after the last step
      const { accuracy, loss, epoch } = event.best;
      terminal.print(
        `Best validation accuracy ${percent(accuracy)}, loss ${loss.toFixed(4)}, in epoch ${epoch}${event.isEarly ? '; stopped early' : ''}. The run is in ${out}`,
      );
      terminal.note(`Next: graft meta test ${out}, or graft meta adapt ${out} <folder>`);
      shown.result = { out, status: 'done', best: event.best, isEarly: event.isEarly };
    }
  }
}

const statisticsTexts = {
  batch: 'the batch’s own statistics (transductive: queries help each other)',
  support: 'the support’s statistics (each query for itself)',
  running: 'the statistics that came with the weights',
} as const;

/** What was resolved, before anything is trained. */
function header(event: MetaReadyEvent, terminal: Terminal): void {
  const { out, run, config, sets, notes, threads, memory } = event;
  for (const line of notes) terminal.note(line);
  if (sets.problems.length > 0) terminal.note(formatProblems(sets.problems));
  const { learner, way, shots, queries, metaBatch, metaSteps, optimizer, learningRate, schedule } = config;
  const adapts = event.learner.kind === 'gradient' || event.learner.kind === 'reptile';
  const order = config.order === null ? '' : `, ${config.order === 1 ? 'first' : 'second'} order`;
  const norms = statisticsTexts[config.statistics ?? 'running'];
  const isBaseline = learners[learner].kind === 'baseline';
  const lines = [
    `run        ${out}`,
    `learner    ${learner}${order}: ${learners[learner].description}`,
    `model      ${config.model}, ${run.parameters.total.toLocaleString('en')} parameters, ${run.preprocessing.crop} px, weights ${config.weights}`,
    ...(adapts ? [innerLine(event)] : []),
    `batch norm ${norms}`,
    ...sets.header.lines.map((line, i) => `${i === 0 ? 'images  ' : '          '} ${line}`),
    `episodes   ${way}-way, ${shots}-shot, ${queries} queries of each class; ${config.episodes} to validate`,
    ...(isBaseline
      ? ['training   none']
      : [
          ...(config.augment === null
            ? []
            : [`           images of training episodes augmented: ${textOf('augment', config.augment)}`]),
          `training   ${metaSteps} meta-steps of ${metaBatch} episodes, ${plural(epochsOf(config), 'validation')}, ${optimizer} at ${learningRate} (${schedule}), seed ${config.seed}`,
        ]),
    `threads    ${threads}, an episode each${memory === null ? '' : `, about ${formatBytes(memory)} of memory each`}`,
  ];
  for (const line of lines) terminal.note(line);
}

/** What is adapted how. */
function innerLine({ config, learner }: Pick<MetaReadyEvent, 'config' | 'learner'>): string {
  if (learner.kind === 'prototypes') return '';
  const names = [...learner.rates].filter(([, rate]) => rate > 0).map(([name]) => name);
  const all = learner.rates.size === names.length;
  const blocks = [...new Set(names.map((name) => name.split('.')[0]))].join(', ');
  const rates = {
    none: `of ${config.innerRate}`,
    'per-element': `of rates learned for every element from ${config.innerRate}`,
    'per-step': `of rates learned for every tensor and step from ${config.innerRate}`,
  }[learner.kind === 'gradient' ? learner.learnedRates : 'none'];
  const steps = `${config.innerSteps} ${config.innerSteps === 1 ? 'step' : 'steps'} (${config.testSteps} in tests)`;
  return `inner loop ${steps} ${rates} by ${config.innerOptimizer}, adapts ${all ? `everything: ${blocks}` : blocks}`;
}
