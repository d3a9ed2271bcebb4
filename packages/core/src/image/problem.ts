import { UserError } from '../base/errors.ts';
import { plural } from '../base/plural.ts';
import { printableName } from '../base/printable.ts';

/** The reason why a file cannot be used as an image. */
export type ImageProblemKind = 'unreadable' | 'empty-file' | 'not-an-image' | 'truncated' | 'too-small' | 'too-large';

/** A problem of a dataset beyond its single images. */
export type FolderProblemKind =
  | 'empty-class'
  | 'foreign-format'
  | 'few-images'
  | 'no-class'
  | 'class-missing-in-split'
  | 'link-not-followed'
  | 'missing-file'
  | 'outside'
  | 'no-label'
  | 'listed-twice'
  | 'unsafe-name'
  | 'encrypted';

export type ProblemKind = ImageProblemKind | FolderProblemKind;

/** Something that was left out: where, and why. */
export interface Problem<Kind extends ProblemKind = ProblemKind> {
  readonly path: string;
  readonly kind: Kind;
  /** The problem, without the path. */
  readonly message: string;
}

export type ImageProblem = Problem<ImageProblemKind>;

/** An image that cannot be used. */
export class ImageError extends UserError {
  override readonly name = 'ImageError';
  readonly problem: ImageProblem;

  constructor(problem: ImageProblem) {
    super(`${describe(problem)}.`);
    this.problem = problem;
  }
}

/** @throws ImageError */
export function refuseImage(path: string, kind: ImageProblemKind, message: string): never {
  throw new ImageError({ path, kind, message });
}

/** The problem on one line, whatever the file is called. */
function describe({ path, kind, message }: Problem): string {
  return `${printableName(path, longestPath)}: ${printableName(message, longestPath)} (${kind})`;
}

/** The longest path, in characters. */
const longestPath = 400;

/** The most problems that a summary writes out. */
const listed = 20;

/**
 * A summary of everything that was left out: the number of each kind, then the first 20 by path.
 *
 * ```
 * 3 problems: 2 truncated, 1 empty-class.
 * photos/cat/7.jpg: the file ends before the image does (truncated)
 * ```
 */
export function formatProblems(problems: readonly Problem[]): string {
  if (problems.length === 0) return 'No problems.';
  const counts = new Map<ProblemKind, number>();
  for (const { kind } of problems) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  const byCount = [...counts].sort(([a, n], [b, m]) => m - n || (a < b ? -1 : 1));
  const lines = problems.slice(0, listed).map((problem) => `  ${describe(problem)}`);
  if (problems.length > listed) lines.push(`  and ${problems.length - listed} more`);
  return `${plural(problems.length, 'problem')}: ${byCount.map(([kind, n]) => `${n} ${kind}`).join(', ')}.\n${lines.join('\n')}`;
}
