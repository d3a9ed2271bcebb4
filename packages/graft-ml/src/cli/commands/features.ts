import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { UsageError } from '@graft-ml/core/internal/base/errors';
import { shapeOptionsOf } from '../../data/configured.ts';
import { defineCommand } from '../command.ts';
import { givenLabelledImages } from '../given-images.ts';
import { unlessStopped } from '../long-call.ts';
import { withClassifier } from '../open-classifier.ts';
import { withFarm } from '../open-farm.ts';
import { featuresTable, usualModel } from '../options/features.ts';
import { featuresResult } from '../show/features.ts';
import { problemLine } from '../show/format.ts';
import { printResult, progressOf } from '../show/printer.ts';

export const featuresCommand = defineCommand({
  ...featuresTable,
  goesOnUnread: () => true,
  async run({ positionals, options, terminal }) {
    const { output: file, model, classDepth, jobs, queue, store, ...shape } = options;
    const { assertFeatureFile, computeFeatures, writeFeatures } = await import('../../evaluate/feature-file.ts');
    const { isRun } = await import('../../runs/read-run.ts');
    assertFeatureFile(file);
    const run = model === null && (await isRun(positionals[0]!)) ? positionals[0]! : null;
    const places = run === null ? positionals : positionals.slice(1);
    if (places.length === 0) throw new UsageError('features: of which images? Name a folder.');
    const images = await givenLabelledImages(places, { classDepth, ...shapeOptionsOf(shape) }, terminal);
    const named = run === null ? { model: model ?? usualModel } : { run };
    const base = queue === null ? process.cwd() : shippedPlace(places);
    const threads = jobs === null && queue === null ? undefined : 1;
    await unlessStopped(terminal, (signal) =>
      withClassifier(named, { ...options, threads }, terminal, async (classifier) => {
        const { farmedFeatures } = await import('../../evaluate/farmed-features.ts');
        const features = await withFarm({ jobs, queue, store }, { name: 'features', terminal }, (farm) =>
          computeFeatures(classifier, images, {
            signal,
            ...(farm && {
              compute: (all: typeof images) => farmedFeatures(farm, classifier, all, { base, signal }),
            }),
            onProgress: progressOf(terminal, 'computing features'),
            onProblem: ({ path, message }) => terminal.note(problemLine(path, message)),
          }),
        );
        const failed = images.length - features.vectors.length;
        printResult(terminal, featuresResult(await writeFeatures(file, features), features, failed));
        if (failed > 0) process.exitCode = 1;
      }),
    );
  },
});

/** The folder or archive that workers on other machines are sent. @throws UsageError where it is not plain which */
function shippedPlace(places: readonly string[]): string {
  const [place, ...others] = places;
  if (place !== undefined && place !== '-' && others.length === 0 && existsSync(place)) return resolve(place);
  throw new UsageError('features: --queue takes one folder or archive, which its workers are sent.');
}
