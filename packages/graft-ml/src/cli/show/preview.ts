import { plural } from '@graft-ml/core/internal/base/plural';
import { formatProblems } from '@graft-ml/core/internal/image/problem';
import type { Preview } from '../../data/preview.ts';
import type { Result } from './printer.ts';

/** The images of a contact sheet, a line each, and where it is. */
export function previewResult(
  { rows, problems }: Preview,
  { out, augment, seed, views }: { out: string; augment: unknown; seed: number; views: number },
): Result {
  return {
    notes: problems.length > 0 ? [formatProblems(problems)] : [],
    lines: [
      ...rows.map(({ className, path }) => `${className}  ${path}`),
      `\n${plural(rows.length, 'image')}, ${plural(views, 'view')} of each behind the one of evaluation: ${out}`,
    ],
    json: { out, augment, seed, rows: rows.map(({ path, className }) => ({ path, className })) },
  };
}
