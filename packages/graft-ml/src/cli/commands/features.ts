import { UsageError } from '@graft-ml/core/internal/base/errors';
import { shapeOptionsOf } from '../../data/configured.ts';
import { defineCommand } from '../command.ts';
import { givenLabelledImages } from '../given-images.ts';
import { unlessStopped } from '../long-call.ts';
import { withClassifier } from '../open-classifier.ts';
import { featuresTable, usualModel } from '../options/features.ts';
import { featuresResult } from '../show/features.ts';
import { problemLine } from '../show/format.ts';
import { printResult, progressOf } from '../show/printer.ts';

export const featuresCommand = defineCommand({
  ...featuresTable,
  goesOnUnread: () => true,
  async run({ positionals, options, terminal }) {
    const { output: file, model, classDepth, ...shape } = options;
    const { assertFeatureFile, computeFeatures, writeFeatures } = await import('../../predict/feature-file.ts');
    const { isRun } = await import('../../runs/read-run.ts');
    assertFeatureFile(file);
    const run = model === null && (await isRun(positionals[0]!)) ? positionals[0]! : null;
    const places = run === null ? positionals : positionals.slice(1);
    if (places.length === 0) throw new UsageError('features: of which images? Name a folder.');
    const images = await givenLabelledImages(places, { classDepth, ...shapeOptionsOf(shape) }, terminal);
    const named = run === null ? { model: model ?? usualModel } : { run };
    await unlessStopped(terminal, (signal) =>
      withClassifier(named, options, terminal, async (classifier) => {
        const features = await computeFeatures(classifier, images, {
          signal,
          onProgress: progressOf(terminal, 'computing features'),
          onProblem: ({ path, message }) => terminal.note(problemLine(path, message)),
        });
        const failed = images.length - features.vectors.length;
        printResult(terminal, featuresResult(await writeFeatures(file, features), features, failed));
        if (failed > 0) process.exitCode = 1;
      }),
    );
  },
});
