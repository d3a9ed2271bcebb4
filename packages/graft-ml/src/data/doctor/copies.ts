import { groupBy } from '@graft-ml/core/internal/image/group-by';
import type { Split } from '@graft-ml/core/internal/image/split-images';
import { alikeGroups } from './alike.ts';
import type { DiagnosisKind, Finding } from './finding.ts';
import type { Specimen } from './specimen.ts';

/** The significance of several copies of an image. */
export type Verdict = 'conflict' | 'leak' | 'repetition';

/** The groups of two or more files with the same content. */
export function sameContent(specimens: readonly Specimen[]): Specimen[][] {
  return [...groupBy(specimens, ({ sha256 }) => sha256).values()].filter(({ length }) => length > 1);
}

/** The groups of two or more different files that look the same; of files with the same content the first is taken. */
export function sameLooks(specimens: readonly Specimen[]): Specimen[][] {
  const distinct = [...groupBy(specimens, ({ sha256 }) => sha256).values()].map(([first]) => first!);
  const groups = alikeGroups(distinct.map(({ likeness }) => likeness));
  return groups.map((group) => group.map((i) => distinct[i]!));
}

export function verdictOn(copies: readonly Specimen[]): Verdict {
  if (classesOf(copies).length > 1) return 'conflict';
  return partsOf(copies).length > 1 ? 'leak' : 'repetition';
}

const classesOf = (copies: readonly Specimen[]) => [...new Set(copies.map(({ className }) => className))];
const partsOf = (copies: readonly Specimen[]) => [...new Set(copies.map(({ part }) => part.name))];

/** The finding for each verdict, by whether copies are the same byte for byte or look the same. */
export const copyKinds = {
  same: { conflict: 'conflicting-labels', leak: 'leak', repetition: 'duplicate' },
  alike: { conflict: 'alike-labels', leak: 'alike-leak', repetition: 'alike' },
} as const satisfies Record<string, Record<Verdict, DiagnosisKind>>;

export function copyFindings(specimens: readonly Specimen[]): Finding[] {
  const finding = (kinds: Record<Verdict, DiagnosisKind>, copies: readonly Specimen[]) => {
    const verdict = verdictOn(copies);
    const where = (verdict === 'leak' ? partsOf : classesOf)(copies).join(', ');
    const message = `${copies.length} files in ${where}`;
    return { kind: kinds[verdict], paths: copies.map(({ place }) => place), message };
  };
  return [
    ...sameContent(specimens).map((copies) => finding(copyKinds.same, copies)),
    ...sameLooks(specimens).map((copies) => finding(copyKinds.alike, copies)),
  ];
}

/** The splits by which keeps an image that several have: test images are worth more than training images. */
const precedence: readonly (Split | undefined)[] = ['test', 'validation', 'train', undefined];

/**
 * The copy that stays when the others go: in the split that measures most strictly, and the first there by its place.
 */
export function keeperOf(copies: readonly Specimen[]): Specimen {
  const rank = ({ part }: Specimen) => precedence.indexOf(part.split);
  return copies.toSorted((a, b) => rank(a) - rank(b) || (a.place < b.place ? -1 : 1))[0]!;
}
