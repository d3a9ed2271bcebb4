import { UsageError } from '@graft-ml/core/internal/base/errors';
import { z } from 'zod';
import { defineCommand } from '../command.ts';
import { unlessStopped } from '../long-call.ts';
import { withClassifier } from '../open-classifier.ts';
import { classifierFlags, optionalText } from '../options/shared.ts';
import { plural, problemLine } from '../show/format.ts';
import { showPredictionFile, showPredictions, watchPredictions } from '../show/predictions.ts';
import { expandStdin } from '../stdin.ts';

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
    'graft predict --model resnet50 photo.jpg',
    'graft predict --model squeezenet1_1 --weights squeezenet1_1.safetensors photo.jpg',
    'graft predict --model classifier.onnx --mean 0.5,0.5,0.5 --std 0.5,0.5,0.5 photo.jpg',
  ],
  async run({ positionals, options, terminal }) {
    const { model, output, classes, top } = options;
    const [first, ...others] = positionals;
    const places = model === null ? others : positionals;
    if (places.length === 0) throw new UsageError('predict: give a run and at least one image, or --model.');
    const { assertPredictionFile, predictFiles, writePredictions } = await import('../../predict/prediction-file.ts');
    if (output !== null) assertPredictionFile(output);
    const { findImages } = await import('../../data/find-images.ts');
    const { paths, problems, passedOver } = await findImages(await expandStdin(places));
    for (const { path, message } of problems) terminal.note(problemLine(path, message));
    if (passedOver > 0) terminal.note(`${plural(passedOver, 'other file')} passed over.`);
    await withClassifier(
      model === null ? { run: first! } : { model, classes },
      options,
      terminal,
      async (classifier) => {
        const predict = (signal?: AbortSignal) =>
          watchPredictions(terminal, predictFiles(classifier, paths, { top, signal }), paths.length);
        const failed =
          output === null
            ? await showPredictions(terminal, predict())
            : await unlessStopped(terminal, async (signal) =>
                showPredictionFile(terminal, output, await writePredictions(output, predict(signal), top)),
              );
        if (failed !== null && failed > 0) process.exitCode = 1;
      },
    );
  },
});
