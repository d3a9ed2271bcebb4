import { UsageError, UserError } from '@graft-ml/core/internal/base/errors';
import { formatProblems } from '@graft-ml/core/internal/image/problem';
import { trainConfigSchema } from '@graft-ml/core/internal/recipe/config/index';
import { z } from 'zod';
import { shapeOptionsOf } from '../../data/configured.ts';
import { findLabelledImages, type LabelledImage } from '../../data/labelled-images.ts';
import type { Classifier } from '../../predict/classifier.ts';
import { assertFeatureFile, type FeatureTable, writeFeatures } from '../../predict/feature-file.ts';
import { defineCommand } from '../command.ts';
import { onInterrupt } from '../interrupt.ts';
import { classifierFlags, isRun, openNamedModel, openNamedRun } from '../open-classifier.ts';
import { shapeFlags } from '../shape-flags.ts';
import { readPaths } from '../stdin.ts';
import { plural, problemLine, type Terminal } from '../terminal.ts';

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
    output: z
      .string()
      .nullable()
      .default(null)
      .describe(
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
    const output = options.output ?? 'features.safetensors';
    assertFeatureFile(output);
    const run = options.model === null && (await isRun(positionals[0]!)) ? positionals[0]! : null;
    const places = run === null ? positionals : positionals.slice(1);
    if (places.length === 0) throw new UsageError('features: of which images? Name a folder.');
    const { classDepth, ...shape } = options;
    const images = await imagesAt(places, { classDepth, ...shapeOptionsOf(shape) }, terminal);
    const signal = onInterrupt(terminal);
    const classifier =
      run === null
        ? await openNamedModel(options.model ?? usualModel, options, terminal)
        : await openNamedRun(run, options, terminal);
    try {
      const table = await tableOf(classifier, images, signal, terminal);
      if (signal.aborted) return terminal.print('Stopped. Nothing was written.');
      if (table.vectors.length === 0) throw new UserError('features: none of these images can be used.');
      const files = await writeFeatures(output, table);
      const failed = images.length - table.vectors.length;
      const dimensions = table.vectors[0]!.length;
      const without = failed > 0 ? `, without ${failed} that could not be looked at` : '';
      terminal.print(
        `${files.join(' and ')}: ${plural(table.vectors.length, 'vector')} of ${dimensions} numbers${without}.`,
      );
      terminal.printJson({ files, vectors: table.vectors.length, dimensions, failed });
      if (failed > 0) process.exitCode = 1;
    } finally {
      await classifier.close();
    }
  },
});

async function imagesAt(
  places: readonly string[],
  options: Parameters<typeof findLabelledImages>[1],
  terminal: Terminal,
): Promise<readonly LabelledImage[]> {
  const named: string[] = [];
  for (const place of places) {
    for (const path of place === '-' ? await readPaths(process.stdin) : [place]) named.push(path);
  }
  const { images, problems, notes } = await findLabelledImages(named, options);
  for (const note of notes) terminal.note(note);
  if (problems.length > 0) terminal.note(formatProblems(problems));
  return images;
}

/** The vectors of all images that can be looked at; fewer where the signal came. */
async function tableOf(
  classifier: Classifier,
  images: readonly LabelledImage[],
  signal: AbortSignal,
  terminal: Terminal,
): Promise<FeatureTable> {
  const [paths, labels, splits, vectors]: [string[], string[], string[], Float32Array[]] = [[], [], [], []];
  let done = 0;
  for await (const { path, features, problem } of classifier.features(images)) {
    const { label, split = '' } = images[done++]!;
    if (features) {
      paths.push(path);
      labels.push(label);
      splits.push(split);
      vectors.push(features);
    } else terminal.note(problemLine(path, problem.message));
    terminal.progress('computing features', done, images.length);
    if (signal.aborted) break;
  }
  const { classes: _, seen: __, ...description } = classifier.description;
  return { paths, labels, splits, vectors, description: { ...description, format: 'graft-features' } };
}
