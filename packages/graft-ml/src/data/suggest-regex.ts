import { basename } from 'node:path';
import { option } from '@graft-ml/core/internal/base/code';
import { printableName } from '@graft-ml/core/internal/base/printable';

/** The usual ways of numbering images of a class in a flat folder. A group holds the class. */
const usual: readonly string[] = [
  '^(.+)_\\d+\\.\\w+$',
  '^(.+)-\\d+\\.\\w+$',
  '^(.+)\\.\\d+\\.\\w+$',
  '^(.+) \\(\\d+\\)\\.\\w+$',
  '^([A-Za-z_-]+?)[_-]?\\d+\\.\\w+$',
  '^\\d+[_-](.+)\\.\\w+$',
  '^([A-Za-z]+)[_-].+\\.\\w+$',
];

/** An expression for `labelRegex` that finds at least two classes, of several images each, in all of these names; undefined where none does. */
export function suggestRegex(paths: readonly string[]): string | undefined {
  if (paths.length < 4) return undefined;
  // A few hundred tell as much as all. Names are as long as a file system lets them, and these expressions do not backtrack far.
  const step = Math.ceil(paths.length / 500);
  const names = paths.filter((_, i) => i % step === 0).map((path) => basename(path));
  return usual.find((source) => {
    const pattern = new RegExp(source);
    const labels = names.map((name) => pattern.exec(name)?.[1]);
    const classes = new Set(labels).size;
    return !labels.includes(undefined) && classes >= 2 && 2 * classes <= names.length;
  });
}

/** Advice for images that are in no class folder; '' where their names tell nothing. */
export function regexAdvice(paths: readonly string[]): string {
  const regex = suggestRegex(paths);
  if (regex === undefined) return '';
  const label = new RegExp(regex).exec(basename(paths[0]!))![1]!;
  return ` The names of the files seem to tell the class (${printableName(basename(paths[0]!))} is of ${printableName(label)}): pass ${option('labelRegex', regex)}.`;
}
