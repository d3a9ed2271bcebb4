import { UsageError } from '@graft-ml/core/internal/base/errors';
import { trainConfigSchema } from '@graft-ml/core/internal/recipe/config/index';
import { z } from 'zod';
import { shapeOptionsOf } from '../../data/configured.ts';
import { defineCommand } from '../command.ts';
import { unlessStopped } from '../long-call.ts';
import { withClassifier } from '../open-classifier.ts';
import { classifierFlags, optionalText, shapeFlags } from '../options/shared.ts';
import { featuresResult, foundNotes } from '../show/features.ts';
import { problemLine } from '../show/format.ts';
import { printResult, progressOf } from '../show/printer.ts';
import { expandStdin } from '../stdin.ts';

const usualModel = trainConfigSchema.parse({}).model;

export const featuresCommand = defineCommand({
  arguments: [
    {
      syntax: '<run-and-images...>',
      description:
        'a run folder, if it is to be that, then datasets in any shape that `graft train` takes, folders, images, patterns, or - for a list of paths on stdin',
    },
  ],
  options: z.strictObject({
    output: optionalText.describe(
      'the file to write: .safetensors, .npy (paths and labels are in .npy.csv beside it) or .csv; default: features.safetensors',
    ),
    ...classifierFlags,
    model: classifierFlags.model.describe(
      `instead of a run: an architecture, published weights, or an .onnx file; default without a run: ${usualModel}`,
    ),
    ...trainConfigSchema.pick({ classDepth: true }).shape,
    ...shapeFlags,
  }),
  goesOnUnread: () => true,
  examples: [
    'graft features photos/ -o photos.npy',
    'graft features runs/x photos/ --output features.csv',
    "graft features --model resnet50 'photos/**/*.jpg' --output features.safetensors",
  ],
  async run({ positionals, options, terminal }) {
    const { output, model, classDepth, ...shape } = options;
    const { assertFeatureFile, computeFeatures, writeFeatures } = await import('../../predict/feature-file.ts');
    const { findLabelledImages } = await import('../../data/labelled-images.ts');
    const { isRun } = await import('../../runs/run-file.ts');
    const file = output ?? 'features.safetensors';
    assertFeatureFile(file);
    const run = model === null && (await isRun(positionals[0]!)) ? positionals[0]! : null;
    const places = run === null ? positionals : positionals.slice(1);
    if (places.length === 0) throw new UsageError('features: of which images? Name a folder.');
    const found = await findLabelledImages(await expandStdin(places), { classDepth, ...shapeOptionsOf(shape) });
    for (const note of foundNotes(found)) terminal.note(note);
    const named = run === null ? { model: model ?? usualModel } : { run };
    await unlessStopped(terminal, (signal) =>
      withClassifier(named, options, terminal, async (classifier) => {
        const features = await computeFeatures(classifier, found.images, {
          signal,
          onProgress: progressOf(terminal, 'computing features'),
          onProblem: ({ path, message }) => terminal.note(problemLine(path, message)),
        });
        const failed = found.images.length - features.vectors.length;
        printResult(terminal, featuresResult(await writeFeatures(file, features), features, failed));
        if (failed > 0) process.exitCode = 1;
      }),
    );
  },
});
