import { plural } from '@graft-ml/core/internal/base/plural';
import { formatProblems } from '@graft-ml/core/internal/image/problem';
import type { FolderLabelIssues, ImageLabelIssue } from '../../experiment/label-issues.ts';
import { percent, table } from './format.ts';
import type { Result } from './printer.ts';

/** The suspects of `graft doctor --labels`, and by what they were found. */
export function labelIssuesResult(
  found: FolderLabelIssues,
  { most, sheet, drawn }: { readonly most: number; readonly sheet: string | null; readonly drawn: number },
): Result {
  const { root, issues, images, agreement, problems, notes, classes } = found;
  const shown = issues.slice(0, most);
  const rows = shown.map(({ path, givenClass, likelyClass, selfConfidence, confidence }) => [
    path,
    givenClass,
    percent(selfConfidence),
    likelyClass,
    percent(confidence),
  ]);
  const rest = issues.length - shown.length;
  return {
    notes: [...notes, ...(problems.length > 0 ? [formatProblems(problems)] : [])],
    lines: [
      `${root}: ${plural(images.length, 'image')} of ${plural(classes.length, 'class', 'classes')}; ` +
        `${percent(agreement)} of the labels are what a linear probe of the other folds says.`,
      ...(issues.length === 0
        ? ['No label is suspected.']
        : [
            `${plural(issues.length, 'label is', 'labels are')} probably wrong${issues.length === 1 ? '' : ', the worst first'}; nothing was changed.`,
            '',
            table(['image', 'label', 'probability', 'likely', 'probability'], rows),
            ...(rest > 0 ? [`and ${rest} more: --examples ${issues.length}, or --json`] : []),
          ]),
      ...(sheet === null
        ? []
        : [`\n${drawn < issues.length ? `The first ${drawn} on` : 'On'} a contact sheet: ${sheet}`]),
    ],
    json: {
      root,
      classes,
      images: images.length,
      agreement,
      issues: issues.map(({ path, givenClass, likelyClass, selfConfidence, confidence, quality }) => ({
        path,
        label: givenClass,
        likely: likelyClass,
        selfConfidence,
        confidence,
        quality,
      })),
      joint: found.noise.joint,
      thresholds: found.noise.thresholds,
      sheet,
      problems,
      notes,
    },
  };
}

/** Two lines below a suspect on a contact sheet. */
export function suspectCaption({ givenClass, selfConfidence, likelyClass, confidence }: ImageLabelIssue): string[] {
  return [`label: ${givenClass} ${percent(selfConfidence)}`, `likely: ${likelyClass} ${percent(confidence)}`];
}
