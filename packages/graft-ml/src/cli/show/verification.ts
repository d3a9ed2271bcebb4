import { plural } from '@graft-ml/core/internal/base/plural';
import { formatProblems } from '@graft-ml/core/internal/image/problem';
import type { ImageDifference, Verification, VerifiedEngine } from '../../export/verification.ts';
import { table } from './format.ts';

/** The number of images that a table of differences shows. */
const mostShown = 20;

/** The lines of `graft export --verify` on one model; `isOneOfSeveral`: with its name. */
export function verificationLines(verification: Verification, isOneOfSeveral = false): string[] {
  const { file, images, tolerance, checks, agrees, isRequired, dtype, problems } = verification;
  const name = isOneOfSeveral ? file : 'It';
  const differing = checks.filter(({ differences }) => differences.length > 0);
  return [
    '',
    agrees
      ? `${name} agrees with the run on ${plural(images, 'image')}: the likeliest class, and each probability within ${tolerance}.`
      : `${name} does not agree with the run on all of ${plural(images, 'image')} (probabilities within ${tolerance})` +
        (isRequired ? '.' : `, which ${dtype} need not.`),
    '',
    table(['engine', 'pixels', 'images', 'same class', `within ${tolerance}`, 'largest difference'], checks.map(rowOf)),
    ...differing.flatMap((check, i) => differencesOf(check, differing.slice(0, i))),
    ...checks.flatMap(({ engine, problems: refused }) =>
      refused.length === 0 ? [] : ['', `${engine} cannot decode ${formatProblems(refused)}`],
    ),
    ...(problems.length === 0 ? [] : ['', `Not compared: ${formatProblems(problems)}`]),
  ];
}

const pixelsNames = { same: 'the run’s', own: 'its own' } as const;

function rowOf({ engine, pixels, images, sameClass, within, largest }: VerifiedEngine): (string | number)[] {
  return [engine, pixelsNames[pixels], images, sameClass, within, scientific(largest)];
}

/** Engines mostly differ in the same images, which are shown once. */
function differencesOf({ engine, pixels, differences }: VerifiedEngine, before: readonly VerifiedEngine[]): string[] {
  const known = new Set(before.flatMap((check) => check.differences.map(({ path }) => path)));
  if (differences.every(({ path }) => known.has(path))) {
    return ['', `${engine}, ${pixelsNames[pixels]} pixels: no images but these.`];
  }
  const shown = differences.slice(0, mostShown);
  const further = differences.length - shown.length;
  return [
    '',
    `${engine}, ${pixelsNames[pixels]} pixels: ${plural(differences.length, 'image')}, the worst first.`,
    table(['image', 'run', 'exported', 'difference', 'cause'], shown.map(differenceRow)),
    ...(further > 0 ? [`… and ${further} more (--json has all)`] : []),
  ];
}

function differenceRow({ path, run, exported, difference, cause }: ImageDifference): string[] {
  const answer = ({ name, probability }: ImageDifference['run']) => `${name} ${probability.toFixed(4)}`;
  return [path, answer(run), answer(exported), scientific(difference), cause];
}

function scientific(value: number): string {
  return value === 0 ? '0' : value.toExponential(1);
}
