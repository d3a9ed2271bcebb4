import { basename, join } from 'node:path';
import { createContext, Script } from 'node:vm';
import { OptionError } from '@graft-ml/core/internal/base/errors';
import { printableName } from '@graft-ml/core/internal/base/printable';
import type { Problem } from '@graft-ml/core/internal/image/problem';
import { type FileTree, foreignNameProblem, isImageName } from '../tree/listing.ts';
import type { Candidate, Found, ReaderOptions } from './found.ts';
import { listParts } from './layout.ts';

/** The longest pattern, in characters. File names have 255, and an expression of a hundred thousand ends V8. */
const longest = 1000;

/** The time that an expression may take for a thousand names (milliseconds): some go on for years on one. */
const PATIENCE = 5_000;

/**
 * Reads images whose file names say what is on them: the class is what the group `label` of the expression matches, or its
 * first group. Folders do not matter, except `train`, `val` and `test`.
 *
 * @throws UserError where the expression is none, has no group, or takes too long
 */
export async function readByPattern(tree: FileTree, labelRegex: string, options: ReaderOptions): Promise<Found> {
  const pattern = parsePattern(labelRegex);
  const listed = await listParts(tree, { ...options, classDepth: 'deepest' });
  const candidates: Candidate[] = [];
  const problems: Problem[] = [...tree.problems];
  let ignored = 0;
  for (const { part, listing } of listed) {
    const images = listing.files.filter(({ name }) => isImageName(name));
    for (const { name } of listing.files) {
      const foreign = foreignNameProblem(name);
      if (foreign) problems.push({ path: join(part.folder, name), kind: 'foreign-format', message: foreign });
    }
    const labels = labelsOf(
      images.map(({ name }) => basename(name)),
      pattern,
    );
    images.forEach((file, i) => {
      const path = join(part.folder, file.name);
      const className = labels[i];
      if (className) candidates.push({ ...file, path, className, part });
      else problems.push({ path, kind: 'no-label', message: `its name does not match ${pattern}` });
    });
    problems.push(...listing.problems);
    ignored += listing.hidden + listing.files.length - images.length;
  }
  return {
    base: tree.root,
    parts: listed.map(({ part }) => part),
    candidates,
    classNames: new Set(candidates.map(({ className }) => className)),
    problems,
    ignored: new Map(ignored > 0 ? [['hidden or of other kinds', ignored]] : []),
    notes: [],
  };
}

function parsePattern(source: string): RegExp {
  const refuse = (problem: string) =>
    new OptionError({
      option: 'labelRegex',
      expected: 'an expression with a group that matches the class in the file’s name, as in ^(.+)_\\d+\\.jpg$',
      received: source,
      problem: ` ${printableName(source)} ${problem}. As in ^(.+)_\\d+\\.jpg$, a group must match the class in the file's name.`,
    });
  if (source.length > longest) throw refuse(`has ${source.length} characters, at most ${longest} are read`);
  try {
    // An empty alternative matches anything at once, and the match has an entry for each group.
    if (new RegExp(`|${source}`).exec('')!.length === 1) throw refuse('has no group');
    return new RegExp(source);
  } catch (error) {
    throw error instanceof OptionError ? error : refuse(`is no regular expression (${(error as Error).message})`);
  }
}

/** The group's match in each name; undefined or '' where there is no class in it. */
function labelsOf(names: readonly string[], pattern: RegExp): (string | undefined)[] {
  const script = new Script(
    'names.map((name) => { const found = pattern.exec(name); return found && [...found, found.groups]; })',
  );
  const labels: (string | undefined)[] = [];
  for (let start = 0; start < names.length; start += 1000) {
    const context = createContext({ names: names.slice(start, start + 1000), pattern });
    try {
      // Only a context of its own can be given up on while an expression runs.
      const found: (readonly [...string[], Record<string, string> | undefined] | null)[] = script.runInContext(
        context,
        {
          timeout: PATIENCE,
        },
      );
      for (const match of found) {
        const groups = match?.at(-1) as Record<string, string> | undefined;
        labels.push(groups?.label ?? (match?.[1] as string | undefined));
      }
    } catch (error) {
      // What V8 throws where it has no room: "Maximum call stack size exceeded", "Regular expression too large".
      const isTooLong = (error as NodeJS.ErrnoException).code === 'ERR_SCRIPT_EXECUTION_TIMEOUT';
      const what = isTooLong ? 'takes too long' : `cannot be run (${(error as Error).message.slice(-200)})`;
      throw new OptionError({
        option: 'labelRegex',
        expected: 'an expression that is quick',
        received: pattern.source,
        problem:
          ` ${printableName(pattern.source)} ${what} on names like ${printableName(names[start]!)}. ` +
          'A repeated group inside a repeated group does that; write it without.',
        cause: error,
      });
    }
  }
  return labels;
}
