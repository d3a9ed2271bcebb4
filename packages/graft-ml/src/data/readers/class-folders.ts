import { join } from 'node:path';
import type { Part } from '../folder-layout.ts';
import { classLevels, scanClasses } from '../folder-scan.ts';
import type { FileTree, ListedFile } from '../tree/listing.ts';
import type { Candidate, Found, ReaderOptions } from './found.ts';
import { listParts } from './layout.ts';

/** Reads `<class>/**` or `{train,val,test}/<class>/**`: the folders name the classes. */
export async function readClassFolders(tree: FileTree, options: ReaderOptions): Promise<Found> {
  const { classDepth = 1 } = options;
  const listed = await listParts(tree, options);
  const parts = listed.map(({ part }) => part);
  const scans = listed.map(({ listing }) => scanClasses(listing, classDepth));
  const candidatesIn = (part: Part, className: string, files: readonly ListedFile[]) =>
    files.map((file): Candidate => ({ ...file, path: join(part.folder, file.name), className, part }));
  const classOf = ({ name }: ListedFile) => classLevels(name, classDepth).join('/');
  return {
    base: tree.root,
    parts,
    candidates: parts.flatMap((part, i) =>
      [...scans[i]!.classes].flatMap(([className, files]) => candidatesIn(part, className, files)),
    ),
    others: parts.flatMap((part, i) => scans[i]!.others.flatMap((file) => candidatesIn(part, classOf(file), [file]))),
    classNames: new Set(scans.flatMap((scan) => [...scan.classes.keys()])),
    problems: [...tree.problems, ...scans.flatMap((scan) => scan.problems)],
    ignored: sumOf(scans.map((scan) => scan.ignored)),
    notes: [],
  };
}

/** The counts of several parts together. */
export function sumOf(counts: readonly ReadonlyMap<string, number>[]): Map<string, number> {
  const sum = new Map<string, number>();
  for (const [reason, count] of counts.flatMap((some) => [...some])) sum.set(reason, (sum.get(reason) ?? 0) + count);
  return sum;
}
