import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { UsageError, UserError } from '../../base/errors.ts';
import { printableName } from '../../base/printable.ts';
import type { TestTimeAugmentation } from '../../data/index.ts';
import { ranked } from '../../evaluate/index.ts';
import { type Classifier, openModel, openRun, type Prediction } from '../../evaluate/node/index.ts';
import { trainConfigSchema } from '../../train/index.ts';
import { defineCommand } from '../command.ts';
import { downloadFlags, downloadOptions } from '../download.ts';
import { percent, type Terminal, table } from '../terminal.ts';
import { testTimeFlag } from '../test-time.ts';

const options = z.strictObject({
  top: z.int().min(1).default(5).describe('how many classes to show for each picture'),
  model: z
    .string()
    .nullable()
    .default(null)
    .describe('instead of a run: an architecture, published weights, or an .onnx file'),
  weights: z
    .string()
    .nullable()
    .default(null)
    .describe('for --model: a file, or published weights; default: the model’s published ones'),
  classes: z
    .string()
    .nullable()
    .default(null)
    .describe('for --model: file with one class name a line (for 1000 outputs ImageNet’s are known)'),
  ...trainConfigSchema.pick({ imageSize: true, mean: true, std: true }).shape,
  ...downloadFlags,
  ...testTimeFlag,
  device: z.string().default('cpu').describe('cpu'),
});

async function open(
  positionals: readonly string[],
  { model, weights, classes, tta, device, imageSize, mean, std, ...download }: z.output<typeof options>,
  terminal: Terminal,
): Promise<{ classifier: Classifier; paths: readonly string[] }> {
  if (model === null) {
    const [run, ...paths] = positionals;
    if (paths.length === 0) throw new UsageError('predict: give a run and at least one picture, or --model.');
    return { classifier: await openRun(run!, { device, tta }), paths };
  }
  const names = classes === null ? undefined : await readLines(classes);
  const classifier = await openModel(
    { name: model, weights: weights ?? undefined, classes: names, imageSize, mean, std },
    { device, tta, download: downloadOptions(download, terminal) },
  );
  for (const note of classifier.notes) terminal.note(note);
  return { classifier, paths: positionals };
}

export const predictCommand = defineCommand({
  name: 'predict',
  summary: 'Says what is on pictures, by a run or by a pretrained model with its own classes.',
  arguments: [
    { syntax: '<run-and-pictures...>', description: 'a run folder and pictures; with --model only pictures' },
  ],
  options,
  examples: [
    'graft predict runs/x photo.jpg --top 3',
    'graft predict --model resnet50 photo.jpg',
    'graft predict --model squeezenet1_1 --weights squeezenet1_1.safetensors photo.jpg',
    'graft predict --model classifier.onnx --mean 0.5,0.5,0.5 --std 0.5,0.5,0.5 photo.jpg',
  ],
  async run({ positionals, options, terminal }) {
    const { classifier, paths } = await open(positionals, options, terminal);
    try {
      const results = [];
      for await (const prediction of classifier.predict(paths)) {
        results.push(describe(prediction, classifier, options.top));
        show(results.at(-1)!, terminal);
        if (paths.length > 16) terminal.progress('predicting', results.length, paths.length);
      }
      terminal.printJson(results);
      if (results.some(({ problem }) => problem)) process.exitCode = 1;
    } finally {
      await classifier.close();
    }
  },
});

interface Described {
  readonly path: string;
  /** Where it is the mean of several views. */
  readonly tta?: TestTimeAugmentation;
  readonly problem?: string;
  readonly classes: readonly { readonly name: string; readonly probability: number }[];
}

function describe(prediction: Prediction, classifier: Classifier, top: number): Described {
  const { path } = prediction;
  if (prediction.problem) return { path, problem: prediction.problem.message, classes: [] };
  const { probabilities } = prediction;
  const best = ranked(probabilities, top);
  const { tta } = classifier;
  return {
    path,
    ...(tta !== 'none' && { tta }),
    classes: best.map((i) => ({ name: classifier.classes[i]!, probability: probabilities[i]! })),
  };
}

/** In characters. */
const longestLine = 1000;

function show({ path, problem, classes }: Described, terminal: Terminal): void {
  if (problem) {
    terminal.note(printableName(`${path}: ${problem}`, longestLine));
    return;
  }
  terminal.print(printableName(path, longestLine));
  const lines = table(
    ['', ''],
    classes.map(({ name, probability }) => [percent(probability), name]),
  )
    .split('\n')
    .slice(2);
  for (const line of lines) terminal.print(`  ${line}`);
}

async function readLines(path: string): Promise<string[]> {
  const text = await readFile(path, 'utf8').catch((error: Error) => {
    throw new UserError(`--classes: ${path} cannot be read (${error.message}).`);
  });
  return text.split(/\r?\n/).filter((line) => line !== '');
}
