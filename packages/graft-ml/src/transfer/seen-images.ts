import { UserError } from '@graft-ml/core/internal/base/errors';
import { contentKey, type Seen } from '@graft-ml/core/internal/image/seen';
import type { Dataset } from '../data/dataset.ts';

/** Notes on the images that the weights have seen, a sentence each. */
export function notesOnSeen(folder: Dataset, before: Seen | null, weights: string | null): string[] {
  if (!before) return [];
  const { train, validation, keptOut } = folder;
  const known = train.filter((image) => before.fitted.has(contentKey(image))).length;
  const chosen = validation.filter((image) => before.chosen.has(contentKey(image))).length;
  const start = weights ?? 'The run that this one is compared with';
  return [
    ...(before.isComplete
      ? []
      : [
          `${start} does not say which images it was trained on, as version 0.1 kept no record: some of them may be among those that validate.`,
        ]),
    ...(known + keptOut.length > 0
      ? [
          `The weights know ${known + keptOut.length} of these images (from ${before.history.join(', ')}): none of them validates or tests.`,
        ]
      : []),
    ...(keptOut.length > 0
      ? [`${keptOut.length} of these stand in the validation or test part, and are left out.`]
      : []),
    ...(chosen > 0
      ? [
          `The weights were chosen by ${chosen} of the ${validation.length} validation images: a test part would be stricter.`,
        ]
      : []),
  ];
}

/** Why no image is left to validate on, and what can be done about it. */
export function nothingToValidate(
  path: string,
  folder: Dataset,
  before: Seen | null,
  weights: string | null,
): UserError {
  const known = before && folder.train.some((image) => before.fitted.has(contentKey(image)));
  if (!known && folder.keptOut.length === 0) {
    const hasTwo = new Set(folder.train.map(({ label }) => label)).size < folder.train.length;
    const advice = hasTwo
      ? 'Give `validationFraction` a share, or add a folder val/.'
      : `its ${folder.classes.length} classes have one each, which is to train on. Add images (ten or more of each class make a useful ` +
        'classifier); or adapt a start that was made for a few images of each class: `adaptMeta(start, folder)`.';
    return new UserError(`${path}: no image is left to validate on${hasTwo ? '.' : ':'} ${advice}`);
  }
  return new UserError(
    `${path}: no image is left to validate on: ${weights} was trained on them (${before!.history.join(', ')}), and would be praised for ` +
      'what it knows by heart. Add images that it has not seen, or start from other weights.',
  );
}
