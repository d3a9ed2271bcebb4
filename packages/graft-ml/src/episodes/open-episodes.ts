import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { OptionError, UserError } from '@graft-ml/core/internal/base/errors';
import { groupBy } from '@graft-ml/core/internal/image/group-by';
import { formatProblems, type Problem } from '@graft-ml/core/internal/image/problem';
import type { EvaluationRequest } from '@graft-ml/core/internal/image/view';
import type { SideCounts } from '@graft-ml/core/internal/runs/meta-run';
import { defaultCache } from '../cache/folder-cache.ts';
import { createImagePool } from '../data/image-pool.ts';
import { findCandidates, statDataset } from '../data/readers/find-candidates.ts';
import type { Candidate, Found, ShapeOptions } from '../data/readers/found.ts';
import {
  divideClasses,
  isBelow,
  type PlacedClass,
  requestOf,
  type SplitRequest,
  unknownFolder,
} from './class-split.ts';
import type { EpisodeHeader, EpisodeOptions, EpisodeSets } from './episode.ts';
import { type Decoded, decodeTable } from './image-table.ts';
import { findOmniglot } from './omniglot.ts';
import { episodeSource, type HeldClass, type QuarterTurns } from './source.ts';
import { keep, readKept, tableKey } from './table-cache.ts';

const sides = ['train', 'validation', 'test'] as const;
type Side = (typeof sides)[number];

/** A class of the dataset whose images are rows of the table. */
type TableClass = PlacedClass & SideClass;

/** A class as it is on one side. */
type SideClass = Pick<HeldClass, 'name' | 'images'>;

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
  const { seed = 0, perClass = 1 } = options;
  assertPossible(options);
  const wanted = requestOf(options.split ?? 'auto');
  const { found, isOmniglot } = await find(path, options);
  const candidates = chosen(found, wanted.folder);
  const decoded = await decodeOnce(candidates, options);
  const all = classesOf(candidates, decoded);
  const large = all.filter(({ images }) => images.length >= perClass);
  const problems = [...found.problems, ...decoded.problems, ...smallClasses(found, all, perClass)].sort((a, b) =>
    a.path < b.path ? -1 : 1,
  );
  if (large.length === 0) throw noClasses(path, perClass, problems);
  const { split, ...divided } = divide(large, wanted, { seed, isOmniglot, untrainedWay: options.untrainedWay });
  const held = (side: Side) => turned(divided[side], side, options);
  const source = (side: Side) => episodeSource(decoded.table, held(side), { side, seed });
  const counts = (side: Side): SideCounts => ({
    classes: held(side).length,
    images: divided[side].reduce((sum, { images }) => sum + images.length, 0),
  });
  const contents = (side: Side) => divided[side].flatMap(({ images }) => images.map((row) => decoded.contents[row]!));
  return {
    contents: { train: contents('train'), validation: contents('validation'), test: contents('test') },
    train: source('train'),
    validation: source('validation'),
    test: source('test'),
    header: headerOf(path, options, split, {
      train: counts('train'),
      validation: counts('validation'),
      test: counts('test'),
      bytes: decoded.table.bytes.length,
      fingerprint: fingerprintOf(candidates, decoded),
    }),
    problems,
    notes: [...found.notes, ...decoded.notes],
  };
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

/** The classes with images that can be used, by name. */
function classesOf(candidates: readonly Candidate[], { table: { starts } }: Decoded): TableClass[] {
  const rows = candidates
    .map((candidate, row) => ({ candidate, row }))
    .filter(({ row }) => starts[row + 1]! > starts[row]!);
  return [...groupBy(rows, ({ candidate }) => candidate.className)]
    .map(([name, images]) => ({
      name,
      images: images.map(({ row }) => row),
      parts: new Map(images.map(({ candidate: { part } }) => [part.name, part.split])),
    }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** No class is left: what is wrong with the images is why. */
function noClasses(path: string, perClass: number, problems: readonly Problem[]): UserError {
  return new UserError(
    `${path} has no class with ${perClass} usable ${perClass === 1 ? 'image' : 'images'}, as an episode needs. ` +
      `Lower shots or queries, or fix what is listed.\n${formatProblems(problems)}`,
  );
}

function smallClasses({ base }: Found, classes: readonly TableClass[], perClass: number): Problem[] {
  return classes
    .filter(({ images }) => images.length < perClass)
    .map(({ name, images: { length } }) => ({
      path: join(base, name),
      kind: 'few-images',
      message: `the class has ${length} usable images, episodes need ${perClass}; it is left out`,
    }));
}

/** The classes on each side, with their images there. */
function divide(
  classes: readonly TableClass[],
  wanted: SplitRequest,
  options: { seed: number; isOmniglot: boolean; untrainedWay: number | undefined },
): Record<Side, SideClass[]> & { split: string } {
  const { split, ...names } = divideClasses(classes, wanted, options);
  const byName = new Map(classes.map((one) => [one.name, one]));
  const on = (side: Side) => names[side].map((name) => byName.get(name)!);
  return { split, train: on('train'), validation: on('validation'), test: on('test') };
}

/** The classes of a side, and behind each its rotations where there are some. */
function turned(classes: readonly SideClass[], side: Side, { rotations = false }: EpisodeOptions): HeldClass[] {
  const turns: readonly QuarterTurns[] = rotations === true || rotations === side ? [0, 1, 2, 3] : [0];
  return classes.flatMap(({ name, images }) =>
    turns.map((quarter) => ({
      name: quarter === 0 ? name : `${name}@${90 * quarter}`,
      images,
      turns: quarter,
    })),
  );
}

/** SHA-256 over the classes, names, planes and pixels of the images. */
function fingerprintOf(candidates: readonly Candidate[], { table, sha256 }: Decoded): string {
  const hash = createHash('sha256').update(`${table.side} ${sha256}\n`);
  candidates.forEach(({ part, className, name }, i) => {
    hash.update(`${JSON.stringify([part.name, className, name, table.starts[i + 1]! - table.starts[i]!])}\n`);
  });
  return hash.digest('hex');
}

function headerOf(
  root: string,
  { side, seed = 0, rotations = false }: EpisodeOptions,
  split: string,
  counted: Record<Side, SideCounts> & Pick<EpisodeHeader, 'bytes' | 'fingerprint'>,
): EpisodeHeader {
  const count = (name: Side) => `${name} ${counted[name].classes} (${counted[name].images} images)`;
  const turns = rotations === false ? 'none' : rotations === true ? 'of every class' : 'of the classes that train';
  return {
    root,
    side,
    split,
    seed,
    rotations,
    ...counted,
    lines: [
      `classes: ${sides.map(count).join(', ')}`,
      `split ${split === 'all' ? 'all: every class on every side, since nothing is trained' : `${split}, seed ${seed}`}; rotation classes: ${turns}`,
      `images of ${side} x ${side} pixels, ${Math.ceil(counted.bytes / 2 ** 20)} MiB; fingerprint ` +
        `${counted.fingerprint.slice(0, 12)}`,
    ],
  };
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
