import { extname, relative, sep } from 'node:path';
import { foreignFormat, sniffFormat } from '@graft-ml/core/internal/image/file/sniff';
import { ImageError } from '@graft-ml/core/internal/image/problem';
import { readImageFile } from '../decode.ts';
import type { ExaminingPool } from '../image-pool.ts';
import type { Candidate, Found } from '../readers/found.ts';
import { foreignNameProblem, formatExtensions, isImageName } from '../tree/listing.ts';
import type { Finding } from './finding.ts';
import type { Examination } from './likeness.ts';

/** A file and where it is in its dataset. */
export interface Placed extends Candidate {
  /** The path from the dataset's base, with '/' everywhere. */
  readonly place: string;
  /** Its extension is not an image's, so training passes over it. */
  readonly isPassedOver: boolean;
}

/** An image that can be used. */
export interface Specimen extends Placed, Examination {}

/** The result of examining a file. */
export interface Examined {
  readonly specimen?: Specimen;
  readonly finding?: Finding;
}

/** A path from the dataset's base, with '/' everywhere. */
export function placeIn(base: string, path: string): string {
  return relative(base, path).replaceAll(sep, '/');
}

/** All files that are or may be images, by path. */
export function filesToExamine({ base, candidates, others = [] }: Found): Placed[] {
  const placed = (isPassedOver: boolean) => (candidate: Candidate) => ({
    ...candidate,
    place: placeIn(base, candidate.path),
    isPassedOver,
  });
  return [...candidates.map(placed(false)), ...others.map(placed(true))].sort((a, b) => (a.place < b.place ? -1 : 1));
}

/**
 * An image with what its name says wrongly, or the reason why it cannot be used; nothing for a file that is no image
 * and says so.
 */
export async function examineFile(file: Placed, pool: ExaminingPool): Promise<Examined> {
  try {
    const specimen = { ...file, ...(await pool.examine(file)) };
    return { specimen, ...misnomer(specimen) };
  } catch (error) {
    if (!(error instanceof ImageError)) throw error;
    const { kind, message } = error.problem;
    const paths = [file.place];
    const isForeign = kind === 'not-an-image';
    const foreign = isForeign ? (foreignFormat(await headOf(file)) ?? foreignNameProblem(file.name)) : undefined;
    if (foreign) return { finding: { kind: 'foreign-format', paths, message: foreign } };
    return (await claimsImage(file)) ? { finding: { kind, paths, message } } : {};
  }
}

/** Whether the extension is one of the content's format. */
export function isNamedRightly({ place, format }: Pick<Specimen, 'place' | 'format'>): boolean {
  return formatExtensions[format].includes(extname(place).toLowerCase());
}

function misnomer(specimen: Specimen): Examined {
  const { place, format, isPassedOver } = specimen;
  // A table may name files of any extension, or of none.
  if (isNamedRightly(specimen) || !(isPassedOver || isImageName(place))) return {};
  const kind = isPassedOver ? 'passed-over' : 'wrong-extension';
  return { finding: { kind, paths: [place], message: `the content is ${format}` } };
}

/** Whether the dataset or the first bytes say that this is an image. */
async function claimsImage(file: Placed): Promise<boolean> {
  return !file.isPassedOver || sniffFormat(await headOf(file)) !== undefined;
}

async function headOf(file: Placed): Promise<Uint8Array> {
  const bytes = await readImageFile(file).catch(() => new Uint8Array());
  return bytes.subarray(0, 64);
}
