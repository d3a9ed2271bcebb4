import { join } from 'node:path';
import { OptionError, UserError } from '@graft-ml/core/internal/base/errors';
import type { Decoded } from '@graft-ml/core/internal/image/image-table';
import type { EvaluationRequest } from '@graft-ml/core/internal/image/view';
import { isBelow, requestOf, unknownFolder } from '@graft-ml/core/internal/recipe/meta/class-split';
import { type EpisodeSets, episodeSets } from '@graft-ml/core/internal/runs/episode-sets';
import { defaultCache } from '../cache/folder-cache.ts';
import { createImagePool } from '../data/image-pool.ts';
import { findCandidates, statDataset } from '../data/readers/find-candidates.ts';
import type { Candidate, Found, ShapeOptions } from '../data/readers/found.ts';
import { decodeTable } from './decode-table.ts';
import type { EpisodeOptions } from './episode.ts';
import { findOmniglot } from './omniglot.ts';
import { keep, readKept, tableKey } from './table-cache.ts';

/**
 * Opens a dataset for episodes: every image is decoded once and held in memory, and the classes are divided into sides.
 *
 * A class is the deepest folder that holds images, and its name is the path to it (`Alphabet/character01`); tables and
 * Parquet files name their classes. What cannot be used is left out and listed in `problems`.
 *
 * @throws UserError where there is no such dataset, the split cannot be had, or the images take more memory than they
 * may
 * @example
 * const { train, header } = await openEpisodes('omniglot', { side: 28, split: { folder: 'Futurama', classes: { train: 16, validation: 5, test: 5 } } });
 * const { support, query } = train.draw({ way: 5, shots: 1, queries: 15 }, ['train', 0]);
 */
export async function openEpisodes(path: string, options: EpisodeOptions): Promise<EpisodeSets> {
  const { seed = 0, perClass = 1, rotations = false } = options;
  assertPossible(options);
  const wanted = requestOf(options.split ?? 'auto');
  const { found, isOmniglot } = await find(path, options);
  const candidates = chosen(found, wanted.folder);
  const decoded = await decodeOnce(candidates, options);
  return episodeSets(candidates, decoded, {
    root: path,
    wanted,
    isOmniglot,
    seed,
    perClass,
    rotations,
    untrainedWay: options.untrainedWay,
    problems: found.problems,
    notes: [...found.notes, ...decoded.notes],
    pathOf: (className) => join(found.base, className),
  });
}

async function find(
  path: string,
  shape: ShapeOptions & Pick<EpisodeOptions, 'cache'>,
): Promise<{ found: Found; isOmniglot: boolean }> {
  const status = await statDataset(path);
  const omniglot = status.isDirectory() ? await findOmniglot(path) : undefined;
  const found = omniglot ?? (await findCandidates(path, { ...shape, classDepth: 'deepest' }));
  return { found, isOmniglot: omniglot !== undefined };
}

/** The images of the dataset, or those in one of its folders. */
function chosen({ base, candidates, classNames }: Found, folder: string | undefined): readonly Candidate[] {
  const those = folder === undefined ? candidates : candidates.filter(({ className }) => isBelow(folder, className));
  if (those.length > 0) return those;
  if (folder !== undefined && candidates.length > 0) throw unknownFolder(folder, classNames);
  throw new UserError(`${base} holds no images in class folders. Expected <folder>/**/<class>/*.png.`);
}

/** The images as an earlier run kept them, else from their files. */
async function decodeOnce(
  candidates: readonly Candidate[],
  options: EpisodeOptions,
): Promise<Decoded & Pick<EpisodeSets, 'notes'>> {
  const { side, resize = side, squash, interpolation, colourProfile, orientation } = options;
  const { memory = 2048, onProgress, signal } = options;
  const preprocessing = {
    resize,
    crop: side,
    ...(squash !== undefined && { squash }),
    ...(interpolation && { interpolation }),
    ...(colourProfile && { colourProfile }),
    ...(orientation && { orientation }),
  };
  const request: EvaluationRequest = { kind: 'evaluation', preprocessing };
  const limit = memory * 2 ** 20;
  const { cache = defaultCache() } = options;
  const folder = cache && join(cache.folder, 'episodes');
  const pool = options.pool ?? createImagePool();
  try {
    const key = folder === null ? '' : tableKey(candidates, request, pool);
    const kept = folder === null ? undefined : await readKept(folder, key, candidates, limit);
    signal?.throwIfAborted();
    if (kept?.decoded) return { ...kept.decoded, notes: [] };
    const decoded = await decodeTable(candidates, { request, pool, limit, onProgress, signal });
    if (folder !== null) await keep(folder, key, candidates, decoded);
    return { ...decoded, notes: kept?.note === undefined ? [] : [kept.note] };
  } finally {
    if (!options.pool) await pool.close();
  }
}

function assertPossible({ side, perClass = 1, memory = 2048, resize = side }: EpisodeOptions): void {
  const refuse = (name: string, value: number, range: string) => {
    throw new OptionError({ option: name, expected: range, received: value });
  };
  if (!(Number.isInteger(side) && side >= 4 && side <= 1024))
    refuse('side', side, 'a whole number of pixels, 4 to 1024');
  if (!(Number.isInteger(resize) && resize >= 4 && resize <= 2048))
    refuse('resize', resize, 'a whole number of pixels, 4 to 2048');
  if (!(Number.isInteger(perClass) && perClass >= 1)) refuse('perClass', perClass, 'a whole number of at least 1');
  if (!(memory > 0)) refuse('memory', memory, 'more than 0 MiB');
}
