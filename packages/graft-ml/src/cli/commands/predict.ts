import { UsageError } from '@graft-ml/core/internal/base/errors';
import { z } from 'zod';
import type { FilePredictor } from '../../evaluate/prediction-file.ts';
import { defineCommand } from '../command.ts';
import { givenImages } from '../given-images.ts';
import { exportAt, withClassifier, withExport } from '../open-classifier.ts';
import { optionalText } from '../options/download.ts';
import { classifierFlags } from '../options/shared.ts';
import { outputPredictions } from '../prediction-output.ts';
import { watchPredictions } from '../show/predictions.ts';

export const predictCommand = defineCommand({
  arguments: [
    {
      syntax: '<run-and-images...>',
      description:
        'a run folder or what `graft export` wrote (not with --model), then images, folders of them, patterns ' +
        '(quoted) such as photos/**/*.jpg, or - for a list of paths on stdin',
    },
  ],
  options: z.strictObject({
    top: z.int().min(1).default(5).describe('how many classes to show for each image'),
    output: optionalText.describe(
      'write the results to this file, .csv or .jsonl, and no more than a summary to stdout',
    ),
    classes: optionalText.describe(
      'for --model: file with one class name a line (for 1000 outputs ImageNet’s are known)',
    ),
    ...classifierFlags,
  }),
  goesOnUnread: ({ output }) => output !== null,
  examples: [
    'graft predict runs/x photo.jpg --top 3',
    'graft predict runs/x photos/ --output results.csv --top 1',
    "graft predict runs/x 'photos/**/*.jpg' --json",
    'graft predict runs/x - --output results.jsonl',
    'graft predict model-int8.onnx photos/',
    'graft predict --model resnet50 photo.jpg',
    'graft predict --model squeezenet1_1 --weights squeezenet1_1.safetensors photo.jpg',
    'graft predict --model classifier.onnx --mean 0.5,0.5,0.5 --std 0.5,0.5,0.5 photo.jpg',
  ],
  async run({ positionals, options, terminal }) {
    const { model, output, classes, top } = options;
    const [first, ...others] = positionals;
    const places = model === null ? others : positionals;
    if (places.length === 0) throw new UsageError('predict: give a run and at least one image, or --model.');
    const { assertPredictionFile, predictFiles } = await import('../../evaluate/prediction-file.ts');
    if (output !== null) assertPredictionFile(output);
    const paths = await givenImages(places, terminal);
    const work = async (classifier: FilePredictor) => {
      const predict = (signal?: AbortSignal) =>
        watchPredictions(terminal, predictFiles(classifier, paths, { top, signal }), paths.length);
      const failed = await outputPredictions(terminal, { output, top }, predict);
      if (failed !== null && failed > 0) process.exitCode = 1;
    };
    const exported = model === null ? await exportAt(first!) : undefined;
    const named = model === null ? { run: first! } : { model, classes };
    await (exported ? withExport(exported, options, work) : withClassifier(named, options, terminal, work));
  },
});
