import { UserError } from '../base/errors.ts';
import { plural } from '../base/plural.ts';
import { sha256OfText } from '../base/sha256.ts';
import { groupBy } from '../image/group-by.ts';
import type { Decoded } from '../image/image-table.ts';
import { formatProblems, type Problem } from '../image/problem.ts';
import type { ContentKey } from '../image/seen.ts';
import type { Split } from '../image/split-images.ts';
import type { EpisodeSource } from '../meta/episode.ts';
import { episodeSource, type HeldClass, type QuarterTurns } from '../meta/episode-source.ts';
import { divideClasses, type PlacedClass, type SplitRequest } from '../recipe/meta/class-split.ts';
import type { ResolvedMetaConfig } from '../recipe/meta/index.ts';
import type { SideCounts } from './meta-run.ts';

/** A run's record of its episodes, which a resumed one compares. */
export interface EpisodeHeader {
  /** The folder as it was named. */
  readonly root: string;
  /** Pixels. */
  readonly side: number;
  /** The split as it was resolved, in the grammar of the command line. */
  readonly split: string;
  readonly seed: number;
  readonly rotations: boolean | 'train';
  readonly train: SideCounts;
  readonly validation: SideCounts;
  readonly test: SideCounts;
  /** The memory that all images take together. */
  readonly bytes: number;
  /** SHA-256 over the names and the pixels of all images, whatever the split. */
  readonly fingerprint: string;
  /** The same as text, a line each. */
  readonly lines: readonly string[];
}

/** A dataset whose classes are divided: no class, and no rotation of it, is on two sides. */
export interface EpisodeSets {
  readonly train: EpisodeSource;
  readonly validation: EpisodeSource;
  readonly test: EpisodeSource;
  readonly header: EpisodeHeader;
  /** The content of the image files on each side. */
  readonly contents: Readonly<Record<'train' | 'validation' | 'test', readonly ContentKey[]>>;
  /** The files that were left out, and why, by path. */
  readonly problems: readonly Problem[];
  /** Notes on reading the dataset, a sentence each. */
  readonly notes: readonly string[];
}

/** An image of a dataset, by its class and the part that it is in. */
export interface PlacedImage {
  readonly className: string;
  /** Relative to its part, with '/' everywhere. */
  readonly name: string;
  readonly part: { readonly name: string; readonly split: Split | undefined };
}

/** How the classes of decoded images are divided. */
export interface EpisodeDivision {
  /** The dataset's name, for messages. */
  readonly root: string;
  readonly wanted: SplitRequest;
  readonly isOmniglot: boolean;
  readonly seed: number;
  /** Classes with fewer images are left out and reported. */
  readonly perClass: number;
  readonly rotations: boolean | 'train';
  /** For learners that are not meta-trained, the classes of their episodes. */
  readonly untrainedWay: number | undefined;
  /** The problems that were found before anything was decoded. */
  readonly problems: readonly Problem[];
  readonly notes: readonly string[];
  /** The path of a class, for messages. */
  pathOf(className: string): string;
}

const sides = ['train', 'validation', 'test'] as const;
type Side = (typeof sides)[number];

/** A class of the dataset whose images are rows of the table. */
type TableClass = PlacedClass & SideClass;

/** A class as it is on one side. */
type SideClass = Pick<HeldClass, 'name' | 'images'>;

/**
 * Episodes of decoded images: the classes with enough of them, divided into sides.
 * @throws UserError where no class is left, or the split cannot be had
 */
export function episodeSets(images: readonly PlacedImage[], decoded: Decoded, division: EpisodeDivision): EpisodeSets {
  const { root, seed, perClass, wanted, notes } = division;
  const all = classesOf(images, decoded);
  const large = all.filter(({ images: own }) => own.length >= perClass);
  const problems = [...division.problems, ...decoded.problems, ...smallClasses(all, division)].sort((a, b) =>
    a.path < b.path ? -1 : 1,
  );
  if (large.length === 0) throw noClasses(root, perClass, problems);
  const { split, ...divided } = divide(large, wanted, division);
  const held = (side: Side) => turned(divided[side], side, division);
  const source = (side: Side) => episodeSource(decoded.table, held(side), { side, seed });
  const counts = (side: Side): SideCounts => ({
    classes: held(side).length,
    images: divided[side].reduce((sum, { images: own }) => sum + own.length, 0),
  });
  const contents = (side: Side) => divided[side].flatMap(({ images: own }) => own.map((row) => decoded.contents[row]!));
  return {
    contents: { train: contents('train'), validation: contents('validation'), test: contents('test') },
    train: source('train'),
    validation: source('validation'),
    test: source('test'),
    header: headerOf(division, split, {
      side: decoded.table.side,
      train: counts('train'),
      validation: counts('validation'),
      test: counts('test'),
      bytes: decoded.table.bytes.length,
      fingerprint: fingerprintOf(images, decoded),
    }),
    problems,
    notes,
  };
}

/** The classes with images that can be used, by name. */
function classesOf(placed: readonly PlacedImage[], { table: { starts } }: Decoded): TableClass[] {
  const rows = placed.map((image, row) => ({ image, row })).filter(({ row }) => starts[row + 1]! > starts[row]!);
  return [...groupBy(rows, ({ image }) => image.className)]
    .map(([name, images]) => ({
      name,
      images: images.map(({ row }) => row),
      parts: new Map(images.map(({ image: { part } }) => [part.name, part.split])),
    }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** No class is left: what is wrong with the images is why. */
function noClasses(path: string, perClass: number, problems: readonly Problem[]): UserError {
  return new UserError(
    `${path} has no class with ${plural(perClass, 'usable image')}, as an episode needs. ` +
      `Lower shots or queries, or fix what is listed.\n${formatProblems(problems)}`,
  );
}

function smallClasses(
  classes: readonly TableClass[],
  { perClass, pathOf }: Pick<EpisodeDivision, 'perClass' | 'pathOf'>,
): Problem[] {
  return classes
    .filter(({ images }) => images.length < perClass)
    .map(({ name, images: { length } }) => ({
      path: pathOf(name),
      kind: 'few-images',
      message: `the class has ${plural(length, 'usable image')}, episodes need ${perClass}; it is left out`,
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

/** The option `rotations` of a run as the classes are turned by it. */
export function rotationsOf(rotations: ResolvedMetaConfig['rotations']): EpisodeDivision['rotations'] {
  return ({ none: false, train: 'train', all: true } as const)[rotations];
}

/** The classes of a side, and behind each its rotations where there are some. */
function turned(
  classes: readonly SideClass[],
  side: Side,
  { rotations }: Pick<EpisodeDivision, 'rotations'>,
): HeldClass[] {
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
function fingerprintOf(images: readonly PlacedImage[], { table, sha256 }: Decoded): string {
  const lines = images.map(({ part, className, name }, i) =>
    JSON.stringify([part.name, className, name, table.starts[i + 1]! - table.starts[i]!]),
  );
  return sha256OfText([`${table.side} ${sha256}`, ...lines, ''].join('\n'));
}

function headerOf(
  { root, seed, rotations }: Pick<EpisodeDivision, 'root' | 'seed' | 'rotations'>,
  split: string,
  counted: Record<Side, SideCounts> & Pick<EpisodeHeader, 'side' | 'bytes' | 'fingerprint'>,
): EpisodeHeader {
  const count = (name: Side) => `${name} ${counted[name].classes} (${plural(counted[name].images, 'image')})`;
  const turns = rotations === false ? 'none' : rotations === true ? 'of every class' : 'of the classes that train';
  return {
    root,
    split,
    seed,
    rotations,
    ...counted,
    lines: [
      `classes: ${sides.map(count).join(', ')}`,
      `split ${split === 'all' ? 'all: every class on every side, since nothing is trained' : `${split}, seed ${seed}`}; rotation classes: ${turns}`,
      `images of ${counted.side} x ${counted.side} pixels, ${Math.ceil(counted.bytes / 2 ** 20)} MiB; fingerprint ` +
        `${counted.fingerprint.slice(0, 12)}`,
    ],
  };
}
