import { plural } from '@graft-ml/core/internal/base/plural';
import { formatProblems, type Problem } from '@graft-ml/core/internal/image/problem';
import type { FeatureTable } from '../../evaluate/feature-file.ts';
import type { Result } from './printer.ts';

/** Notes on the images that were found. */
export function foundNotes({
  notes,
  problems,
}: {
  readonly notes: readonly string[];
  readonly problems: readonly Problem[];
}): string[] {
  return [...notes, ...(problems.length > 0 ? [formatProblems(problems)] : [])];
}

/** The result of writing the features of images. */
export function featuresResult(files: readonly string[], { vectors }: FeatureTable, failed: number): Result {
  const dimensions = vectors[0]!.length;
  const without = failed > 0 ? `, without ${failed} that could not be looked at` : '';
  return {
    lines: [`${files.join(' and ')}: ${plural(vectors.length, 'vector')} of ${dimensions} numbers${without}.`],
    json: { files, vectors: vectors.length, dimensions, failed },
  };
}
