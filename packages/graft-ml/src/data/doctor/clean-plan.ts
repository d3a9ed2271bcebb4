import { basename, extname } from 'node:path';
import { UserError } from '@graft-ml/core/internal/base/errors';
import { formatExtensions, isImageName } from '../tree/listing.ts';
import { classFolder } from './classes.ts';
import { copyKinds, keeperOf, sameContent, sameLooks, type Verdict, verdictOn } from './copies.ts';
import type { Diagnosis } from './diagnose.ts';
import type { FindingKind } from './finding.ts';
import { isNamedRightly, type Specimen } from './specimen.ts';

/** An image that a clean copy leaves out. */
export interface LeftOut {
  readonly path: string;
  readonly kind: FindingKind;
  /** The copy that is kept in its place. */
  readonly copyOf?: string;
}

/** The content of a clean copy of a dataset. All paths with '/' everywhere. */
export interface CleanPlan {
  /** `to` is `[split/]class/name`. */
  readonly kept: readonly { readonly specimen: Specimen; readonly to: string }[];
  /** The images left out, by path. */
  readonly leftOut: readonly LeftOut[];
}

/** The kinds of findings that are about files which stand in no copy. */
const unusable: ReadonlySet<FindingKind> = new Set<FindingKind>([
  ...(['unreadable', 'empty-file', 'not-an-image', 'truncated', 'too-small', 'too-large', 'foreign-format'] as const),
  ...(['no-class', 'no-label', 'link-not-followed', 'missing-file', 'outside', 'unsafe-name', 'encrypted'] as const),
]);

/**
 * Plans the clean copy: of images with the same content one is kept, in test, else in val, else in train; none where
 * their labels differ. With `near` the same goes for images that look the same. Names get the extension of the content.
 * @throws UserError where a class cannot be a folder
 */
export function planCleanCopy({ specimens, findings }: Diagnosis, { near }: { near: boolean }): CleanPlan {
  const broken = findings.filter(({ kind }) => unusable.has(kind));
  const copies = sameContent(specimens).flatMap((group) => surplus(group, copyKinds.same));
  const distinct = without(specimens, copies);
  const lookalikes = near ? sameLooks(distinct).flatMap((group) => surplus(group, copyKinds.alike)) : [];
  const leftOut = [
    ...broken.flatMap(({ kind, paths }) => paths.map((path): LeftOut => ({ path, kind }))),
    ...copies,
    ...lookalikes,
  ];
  return {
    kept: named(without(distinct, lookalikes)),
    leftOut: leftOut.sort((a, b) => (a.path < b.path ? -1 : 1)),
  };
}

function without(specimens: readonly Specimen[], leftOut: readonly LeftOut[]): Specimen[] {
  const gone = new Set(leftOut.map(({ path }) => path));
  return specimens.filter(({ place }) => !gone.has(place));
}

/** The copies that a group loses. */
function surplus(group: readonly Specimen[], kinds: Readonly<Record<Verdict, FindingKind>>): LeftOut[] {
  const verdict = verdictOn(group);
  const kind = kinds[verdict];
  if (verdict === 'conflict') return group.map(({ place }) => ({ path: place, kind }));
  const keeper = keeperOf(group);
  return group.filter((copy) => copy !== keeper).map(({ place }) => ({ path: place, kind, copyOf: keeper.place }));
}

/**
 * The destination of each image. Those that are named rightly keep their names, the others get a number where theirs is
 * taken.
 */
function named(specimens: readonly Specimen[]): CleanPlan['kept'] {
  const taken = new Set<string>();
  const target = (specimen: Specimen) => {
    const to = freeName(specimen, taken);
    taken.add(to.toLowerCase()); // file systems differ on whether A.jpg is a.jpg
    return [specimen, to] as const;
  };
  const targets = new Map([
    ...specimens.filter(isNamedRightly).map(target),
    ...specimens.filter((specimen) => !isNamedRightly(specimen)).map(target),
  ]);
  return specimens.map((specimen) => ({ specimen, to: targets.get(specimen)! }));
}

function freeName(specimen: Specimen, taken: ReadonlySet<string>): string {
  const { format } = specimen;
  const path = pathInClassFolder(specimen);
  // A suffix that is no image's may be part of the name, as in IMG.0001.
  const stem = isImageName(path) ? path.slice(0, -extname(path).length) : path;
  const extension = isNamedRightly(specimen) ? extname(path) : formatExtensions[format][0]!;
  for (let number = 1; ; number++) {
    const name = `${stem}${number === 1 ? '' : `-${number}`}${extension}`;
    if (!taken.has(name.toLowerCase())) return name;
  }
}

/** The place of an image in class folders, which is where it is unless the dataset has another shape. */
function pathInClassFolder({ place, part, className }: Specimen): string {
  const folder = classFolder(part, className);
  if (place.startsWith(`${folder}/`)) return place;
  // A table or an expression may call a class anything.
  if (folder.split('/').some((level) => /^\.*$|[\\:\p{Cc}]/u.test(level))) {
    throw new UserError(`The class ${JSON.stringify(className)} cannot be the name of a folder.`);
  }
  return `${folder}/${basename(place)}`;
}
