import type { ClassCount } from '@graft-ml/core/internal/image/class-balance';
import type { Split } from '@graft-ml/core/internal/image/split-images';
import { createImagePool, type ExaminingPool } from '../image-pool.ts';
import { findCandidates } from '../readers/find-candidates.ts';
import type { ReaderOptions } from '../readers/found.ts';
import { classFindings, countClasses } from './classes.ts';
import { copyFindings } from './copies.ts';
import { type Finding, kindsInOrder } from './finding.ts';
import { outlierFindings } from './outliers.ts';
import { type Examined, examineFile, filesToExamine, type Placed, placeIn, type Specimen } from './specimen.ts';

export interface DoctorOptions extends Omit<ReaderOptions, 'classes'> {
  /** The threads to examine with; without it a pool is opened and closed. */
  readonly pool?: ExaminingPool;
  /** Ends it, with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** Called after each file that was examined. */
  readonly onProgress?: (done: number, total: number) => void;
}

/** The findings about a dataset. */
export interface Diagnosis {
  /** The folder as it was named. */
  readonly root: string;
  /** The splits that it has; none where it is not divided. */
  readonly splits: readonly Split[];
  readonly classes: readonly ClassCount[];
  /** The most serious first. */
  readonly findings: readonly Finding[];
  /** The images that can be used, by their place. */
  readonly specimens: readonly Specimen[];
}

/**
 * Looks through a dataset of any shape that `openDataset` reads for everything that spoils training. Nothing is
 * changed.
 *
 * @throws UserError where there is no such dataset or its layout can be read in two ways
 * @example const { findings } = await diagnose('photos');
 */
export async function diagnose(root: string, options: DoctorOptions = {}): Promise<Diagnosis> {
  const { pool: _pool, onProgress: _onProgress, signal: _signal, ...readerOptions } = options;
  const found = await findCandidates(root, { ...readerOptions, classes: [] });
  const files = filesToExamine(found);
  const examined = await examineAll(files, options);
  const specimens = examined.flatMap(({ specimen }) => specimen ?? []);
  const looked = new Set(files.map(({ path }) => path));
  const findings = [
    // Files in foreign formats are among those that were examined.
    ...found.problems
      .filter(({ kind, path }) => kind !== 'foreign-format' || !looked.has(path))
      .map(({ path, kind, message }) => ({ kind, paths: [placeIn(found.base, path)], message })),
    ...examined.flatMap(({ finding }) => finding ?? []),
    ...copyFindings(specimens),
    ...classFindings(
      found.parts,
      files.filter(({ isPassedOver }) => !isPassedOver),
      specimens,
    ),
    ...outlierFindings(specimens),
  ];
  const splits = found.parts.flatMap(({ split }) => split ?? []);
  return { root, splits, classes: countClasses(specimens), findings: sorted(findings), specimens };
}

/** Examines all files, in their order. */
async function examineAll(files: readonly Placed[], options: DoctorOptions): Promise<Examined[]> {
  const pool = options.pool ?? createImagePool();
  let done = 0;
  try {
    return await Promise.all(
      files.map(async (file) => {
        const result = await examineFile(file, pool);
        options.signal?.throwIfAborted();
        options.onProgress?.(++done, files.length);
        return result;
      }),
    );
  } finally {
    if (!options.pool) await pool.close();
  }
}

/** The findings by kind, then by path. */
function sorted(findings: readonly Finding[]): Finding[] {
  const path = ({ paths }: Finding) => paths[0] ?? '';
  return findings.toSorted(
    (a, b) => kindsInOrder.indexOf(a.kind) - kindsInOrder.indexOf(b.kind) || (path(a) < path(b) ? -1 : 1),
  );
}
