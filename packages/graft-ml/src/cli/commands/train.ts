import { basename } from 'node:path';
import { UsageError } from '@graft-ml/core/internal/base/errors';
import { formatProblems } from '@graft-ml/core/internal/image/problem';
import { configGroups, trainConfigSchema } from '@graft-ml/core/internal/recipe/config/index';
import { optimizerText } from '@graft-ml/core/internal/recipe/config/optimisation';
import { strategyNames } from '@graft-ml/core/internal/recipe/strategy';
import { z } from 'zod';
import {
  type CrossValidationEvent,
  type FoldEvent,
  type FoldsEvent,
  holdsFolds,
  resumeFolds,
  trainFolds,
} from '../../experiment/cross-validation.ts';
import { type ConfigFile, readConfigFile } from '../../runs/config-file.ts';
import { type ConfigTable, trainTable } from '../../text/config-text.ts';
import { textOf } from '../../text/options.ts';
import type { Preparation } from '../../transfer/prepare.ts';
import { type FolderEvent, type ReadyEvent, resumeTraining, trainFolder } from '../../transfer/train-folder.ts';
import { defineCommand } from '../command.ts';
import { downloadFlags, downloadOptions } from '../download.ts';
import { foldsResult, showFolds } from '../folds.ts';
import { onInterrupt } from '../interrupt.ts';
import { foreignFolder, refuseBesideResume, refuseWithoutResume, resumeFlags } from '../resume.ts';
import { whatIsLeft } from '../run-files.ts';
import { formatSeconds, percent, plural, type Terminal } from '../terminal.ts';

/** Which run is written, or resumed. */
const runOptions = {
  out: z.string().nullable().default(null).describe('the run folder to write; default: runs/<model>-<time>'),
  overwrite: z.boolean().default(false).describe('replace the run that stands there'),
  resume: z.string().nullable().default(null).describe('go on with this run, with its own options'),
  ...resumeFlags,
  folds: z
    .int()
    .min(2)
    .max(1000)
    .nullable()
    .default(null)
    .describe('cross-validation: train this many runs, in which each image validates once'),
  config: z
    .string()
    .nullable()
    .default(null)
    .describe(
      'options from a YAML or JSON file, as `graft config` prints one, or with the folder from the run.json of a run that is to be repeated; what is given besides comes first',
    ),
};

const trainOptions = z.strictObject({ ...runOptions, ...trainConfigSchema.shape, ...downloadFlags });

/** What may stand in a file: the folder too. */
const fileTable: ConfigTable = {
  ...trainTable,
  schema: trainOptions.omit({ config: true, resume: true, data: true, from: true }).extend({ folder: z.string() }),
};

export const trainCommand = defineCommand({
  arguments: [
    {
      syntax: '[folder]',
      description:
        'root/class/*.jpg or root/{train,val,test}/class/*.jpg, also in a .zip, .tar or .tar.gz; a .csv or .jsonl; .parquet files or a folder of them',
    },
  ],
  options: trainOptions,
  groups: { run: runOptions, ...configGroups, downloads: downloadFlags },
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
  goesOnUnread: () => true,
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
    'graft train --resume runs/x --data moved/photos/',
    'graft train --resume runs/x --epochs 20',
  ],
  async defaults(given) {
    if (typeof given.config !== 'string') return {};
    const { folder: _, ...values } = (await readConfigFile(given.config, fileTable, Object.keys(given))).values;
    return values;
  },
  async run({ positionals, options, given, terminal }) {
    const { events, out } = await start(positionals[0], options, given, terminal);
    const shown: Shown = { whole: out, out, epochs: 0, folds: null, results: [] };
    // Of a cross-validation the table at the end is the result; how single folds end is on the way there.
    const onTheWay = { ...terminal, print: terminal.note };
    try {
      for await (const event of events) {
        follow(event, shown);
        if (event.kind === 'fold' || event.kind === 'folds') showFolds(event, terminal);
        else show(event, shown, shown.folds ? onTheWay : terminal);
      }
    } catch (error) {
      if (shown.epochs > 0) terminal.note(await whatIsLeft(shown.out, `graft train --resume ${shown.whole}`, error));
      throw error;
    }
    terminal.printJson(resultOf(shown));
  },
});

/** Begins a run, or goes on with one. */
async function start(
  folder: string | undefined,
  options: z.output<typeof trainOptions>,
  given: readonly string[],
  terminal: Terminal,
) {
  const {
    out,
    overwrite,
    resume,
    data,
    from,
    folds,
    config: repeated,
    offline,
    mirror,
    expectSha256,
    ...config
  } = options;
  const download = downloadOptions({ offline, mirror, expectSha256 }, terminal);
  const onPreparation = ({ stage, done, total }: Preparation) => terminal.progress(stage, done, total);
  const onNote = (note: string) => terminal.note(note);
  if (resume !== null) {
    refuseBesideResume('train', folder, given, ['weights', 'epochs']);
    const { weights, epochs } = given.includes('epochs') ? config : { ...config, epochs: undefined };
    const places = { data: data ?? undefined, weights: given.includes('weights') ? (weights ?? undefined) : undefined };
    const resumed = { ...places, signal: onInterrupt(terminal), onPreparation, onNote, download };
    if (!(await holdsFolds(resume))) {
      return { out: resume, events: resumeTraining(resume, { ...resumed, from, epochs: epochs ?? undefined }) };
    }
    const other = given.find((key) => key === 'from' || key === 'epochs');
    if (other !== undefined)
      throw new UsageError(`train: ${resume} is a cross-validation: --${other} is for single runs.`);
    return { out: resume, events: resumeFolds(resume, resumed) };
  }
  refuseWithoutResume('train', given);
  const file = repeated === null ? noFile : await readConfigFile(repeated, fileTable, given);
  const { values, run: earlier } = file;
  const images = folder ?? file.folder ?? (values.folder as string | undefined);
  if (images === undefined && earlier) throw new UsageError(`train: ${foreignFolder(repeated!, earlier.folder)}`);
  if (images === undefined) throw new UsageError('train: which folder? `graft train <folder>`, or --resume <run>.');
  const path = out ?? `runs/${basename(config.model)}-${new Date().toISOString().slice(0, 19).replaceAll(':', '-')}`;
  const { weightsSha256 = null } = given.includes('weights') || given.includes('model') ? {} : (earlier ?? {});
  const choices = earlier ? { choices: earlier.choices, ...(weightsSha256 && { weightsSha256 }) } : {};
  const runOptions = {
    out: path,
    overwrite,
    ...choices,
    signal: onInterrupt(terminal),
    onPreparation,
    onNote,
    download,
  };
  const events =
    folds === null ? trainFolder(images, config, runOptions) : trainFolds(images, config, folds, runOptions);
  return { out: path, events };
}

const noFile: ConfigFile = { values: {}, run: null, folder: null };

/** The run folder, and that of the cross-validation which it is part of, or once more itself. */
interface Place {
  readonly out: string;
  readonly whole: string;
}

/** What has become known of a run, and of the one from random weights that may come after it. */
interface Shown extends Place {
  out: string;
  epochs: number;
  /** Of a cross-validation: the fold under way, or what all came to. */
  folds: FoldEvent | FoldsEvent | null;
  warnings?: ReadyEvent['run']['warnings'];
  readonly results: Record<string, unknown>[];
}

/** Takes note of what later events are shown with, and of how a run ended. */
function follow(event: CrossValidationEvent, shown: Shown): void {
  if (event.kind === 'fold' || event.kind === 'folds') {
    shown.folds = event;
    shown.results.length = 0;
    return;
  }
  const { out, warnings } = shown;
  if (event.kind === 'ready') Object.assign(shown, { out: event.out, warnings: event.run.warnings });
  if (event.kind === 'start') shown.epochs = event.epochs;
  if (event.kind === 'cancelled') shown.results.push({ out, status: 'cancelled' });
  if (event.kind === 'interrupted') {
    shown.results.push({ out, status: 'interrupted', epoch: event.epoch, step: event.step });
  }
  if (event.kind === 'end') shown.results.push({ out, status: 'done', best: event.best, warnings });
}

/** The result for machines. */
function resultOf({ whole, folds, results }: Shown): unknown {
  if (folds?.kind === 'folds') return { ...foldsResult(folds), status: 'done' };
  const [main, scratch] = results;
  return { ...main, out: folds ? whole : main?.out, ...(scratch && { scratch }) };
}

function show(event: FolderEvent, { out, whole, epochs }: Shown, terminal: Terminal): void {
  switch (event.kind) {
    case 'ready':
      header(event, terminal);
      break;
    case 'step': {
      const { epoch, step, steps, loss } = event;
      const detail = `epoch ${epoch} of ${epochs} · loss ${loss.toFixed(3)}`;
      terminal.progress('training', (epoch - 1) * steps + step, epochs * steps, detail);
      break;
    }
    case 'stage': {
      const { name, epoch, epochs: own } = event;
      terminal.note(`stage ${name}: epochs ${epoch} to ${epoch + own - 1}`);
      break;
    }
    case 'decision': {
      const { strategy, reasons } = event.decision;
      terminal.note(`auto       ${reasons.join('\n           ')}\n           → ${strategy}`);
      break;
    }
    case 'scratch':
      terminal.note(`from random weights, to compare with ${percent(event.best.accuracy)}: ${event.out}`);
      break;
    case 'evaluation': {
      const { epoch, loss, accuracy, training, isBest, seconds } = event;
      const validation = `validation loss ${loss.toFixed(4)}, accuracy ${percent(accuracy)}${isBest ? ' (best)' : ''}`;
      terminal.note(
        `epoch ${epoch} of ${epochs}: loss ${training.loss.toFixed(4)}, ${validation} · ${formatSeconds(seconds)}`,
      );
      break;
    }
    case 'damage': {
      const { path, message } = event.problem;
      terminal.note(
        `${path} is damaged: ${message}. All images are decoded now, and training begins again without those that cannot be used.`,
      );
      break;
    }
    case 'cancelled':
      terminal.print('Stopped before the first step. Nothing was written.');
      break;
    case 'interrupted': {
      const { epoch, step } = event;
      terminal.print(`Interrupted in epoch ${epoch} after step ${step}. Go on with: graft train --resume ${whole}`);
      break;
    }
    case 'end': {
      process.exitCode = 0; // also where a signal came after the last step
      const { accuracy, loss, epoch } = event.best;
      const best = `Best validation accuracy ${percent(accuracy)}, loss ${loss.toFixed(4)}, in epoch ${epoch}.`;
      terminal.print(`${best} The run is in ${out}`);
    }
  }
}

/** What was resolved, before anything is trained. */
function header({ out, run, folder, notes }: ReadyEvent, terminal: Terminal): void {
  const { config, dataset, parameters, preprocessing, batchNorm } = run;
  const number = (n: number) => n.toLocaleString('en');
  for (const line of notes) terminal.note(line);
  if (folder.problems.length > 0) terminal.note(formatProblems(folder.problems));
  const lines = [
    `run        ${out}`,
    `model      ${config.model}${config.head === null ? '' : ` with ${textOf('head', config.head)} before the last layer`}, ${number(parameters.trained)} of ${number(parameters.total)} parameters trained, batch norm ${batchNorm}`,
    `weights    ${config.weights ?? (run.weightsSha256 === null ? 'none: from scratch' : 'its own')}`,
    `images   ${dataset.train} to train, ${dataset.validation} to validate, ${dataset.test > 0 ? `${dataset.test} for testing, ` : ''}${run.classes.length} classes, ${preprocessing.crop} px${dataset.leftOut.length > 0 ? `, ${plural(dataset.leftOut.length, 'problem')}` : ''}`,
    `training   ${config.strategy}, epochs: ${(config.epochs ?? 0) + run.addedEpochs}, batches of ${config.batchSize}, ${config.optimizer} at ${config.learningRate} (${config.schedule}), seed ${config.seed}`,
  ];
  for (const line of lines) terminal.note(line);
  for (const { message } of run.warnings) terminal.note(`warning    ${message}`);
}
