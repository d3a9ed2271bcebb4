import { UsageError } from '@graft-ml/core/internal/base/errors';
import { printableName } from '@graft-ml/core/internal/base/printable';
import { z } from 'zod';
import { findImages } from '../../data/find-images.ts';
import type { Classifier } from '../../predict/classifier.ts';
import {
  assertPredictionFile,
  type DescribedPrediction,
  describePrediction,
  writePredictions,
} from '../../predict/prediction-file.ts';
import { defineCommand } from '../command.ts';
import { onInterrupt } from '../interrupt.ts';
import { classifierFlags, openNamedModel, openNamedRun } from '../open-classifier.ts';
import { readPaths } from '../stdin.ts';
import { percent, plural, problemLine, type Terminal, table } from '../terminal.ts';

export const predictCommand = defineCommand({
  arguments: [
    {
      syntax: '<run-and-images...>',
      description:
        'a run folder (not with --model), then images, folders of them, patterns (quoted) such as photos/**/*.jpg, or - for a list of paths on stdin',
    },
  ],
  options: z.strictObject({
    top: z.int().min(1).default(5).describe('how many classes to show for each image'),
    output: z
      .string()
      .nullable()
      .default(null)
      .describe('write the results to this file, .csv or .jsonl, and no more than a summary to stdout'),
    classes: z
      .string()
      .nullable()
      .default(null)
      .describe('for --model: file with one class name a line (for 1000 outputs ImageNet’s are known)'),
    ...classifierFlags,
  }),
  goesOnUnread: ({ output }) => output !== null,
  examples: [
    'graft predict runs/x photo.jpg --top 3',
    'graft predict runs/x photos/ --output results.csv --top 1',
    "graft predict runs/x 'photos/**/*.jpg' --json",
    'graft predict runs/x - --output results.jsonl',
    'graft predict --model resnet50 photo.jpg',
    'graft predict --model squeezenet1_1 --weights squeezenet1_1.safetensors photo.jpg',
    'graft predict --model classifier.onnx --mean 0.5,0.5,0.5 --std 0.5,0.5,0.5 photo.jpg',
  ],
  async run({ positionals, options, terminal }) {
    const { model, output } = options;
    const places = model === null ? positionals.slice(1) : positionals;
    if (places.length === 0) throw new UsageError('predict: give a run and at least one image, or --model.');
    if (output !== null) assertPredictionFile(output);
    const paths = await pathsAt(places, terminal);
    const classifier =
      model === null
        ? await openNamedRun(positionals[0]!, options, terminal)
        : await openNamedModel(model, options, terminal, options.classes);
    try {
      const results = predictions(classifier, paths, options.top, terminal);
      const failed =
        output === null ? await showAll(results, terminal) : await writeAll(output, results, options.top, terminal);
      if (failed > 0) process.exitCode = 1;
    } finally {
      await classifier.close();
    }
  },
});

/** Every image that was named. */
async function pathsAt(places: readonly string[], terminal: Terminal): Promise<readonly string[]> {
  const named: string[] = [];
  for (const place of places) {
    for (const path of place === '-' ? await readPaths(process.stdin) : [place]) named.push(path);
  }
  const { paths, problems, passedOver } = await findImages(named);
  for (const { path, message } of problems) terminal.note(problemLine(path, message));
  if (passedOver > 0) terminal.note(`${plural(passedOver, 'other file')} passed over.`);
  return paths;
}

/** What is said of each, with the progress where there are many. */
async function* predictions(
  classifier: Classifier,
  paths: readonly string[],
  top: number,
  terminal: Terminal,
): AsyncGenerator<DescribedPrediction> {
  let done = 0;
  for await (const prediction of classifier.predict(paths)) {
    const described = describePrediction(prediction, classifier, top);
    if (described.problem !== undefined) terminal.note(problemLine(described.path, described.problem));
    yield described;
    done++;
    if (paths.length > 16) terminal.progress('predicting', done, paths.length);
  }
}

async function showAll(results: AsyncIterable<DescribedPrediction>, terminal: Terminal): Promise<number> {
  const shown: DescribedPrediction[] = [];
  let failed = 0;
  for await (const result of results) {
    if (terminal.json) shown.push(result);
    if (result.problem === undefined) show(result, terminal);
    else failed++;
  }
  terminal.printJson(shown);
  return failed;
}

async function writeAll(
  output: string,
  results: AsyncIterable<DescribedPrediction>,
  top: number,
  terminal: Terminal,
): Promise<number> {
  const signal = onInterrupt(terminal);
  const until = async function* () {
    for await (const result of results) {
      signal.throwIfAborted();
      yield result;
    }
  };
  const counts = await writePredictions(output, until(), top).catch((error: unknown) => {
    if (signal.aborted && error === signal.reason) return null;
    throw error;
  });
  if (counts === null) {
    terminal.print('Stopped. Nothing was written.');
    return 0;
  }
  const { images, failed } = counts;
  const without = failed > 0 ? `, ${failed} of which could not be looked at` : '';
  terminal.print(`${output}: ${plural(images, 'image')}${without}.`);
  terminal.printJson({ output, images, failed });
  return failed;
}

/** In characters. */
const longestLine = 1000;

function show({ path, classes }: DescribedPrediction, terminal: Terminal): void {
  terminal.print(printableName(path, longestLine));
  const lines = table(
    ['', ''],
    classes.map(({ name, probability }) => [percent(probability), name]),
  )
    .split('\n')
    .slice(2);
  for (const line of lines) terminal.print(`  ${line}`);
}
