import { OptionError, UserError } from '../base/errors.ts';
import { type RandomStream, randomStream } from '../base/random.ts';
import { tensor } from '../base/tensor.ts';
import { groupBy } from '../image/group-by.ts';
import type { ImageTable } from '../image/image-table.ts';
import type { Episode, EpisodeShape, EpisodeSource } from './episode.ts';

/** Turns by 90 degrees, counter-clockwise. */
export type QuarterTurns = 0 | 1 | 2 | 3;

/** A class whose images are rows of a table. */
export interface HeldClass {
  readonly name: string;
  /** Rows of the table. */
  readonly images: readonly number[];
  readonly turns: QuarterTurns;
}

/** Draws episodes of classes in a table. `side` names them in messages. */
export function episodeSource(
  table: ImageTable,
  classes: readonly HeldClass[],
  { side, seed }: { side: string; seed: number },
): EpisodeSource {
  const largeEnough = new Map<number, Usable>();
  const withImages = (count: number) => {
    const known = largeEnough.get(count) ?? usableClasses(classes, count);
    largeEnough.set(count, known);
    return known;
  };
  return {
    classes: classes.map(({ name }) => name),
    draw(shape, address) {
      assertPossible(shape);
      const { way, shots, queries } = shape;
      const { usable, characters } = withImages(shots + queries);
      if (usable.length < way) throw tooFew(side, shape, usable.length, classes.length);
      const stream = randomStream(seed, 'episode', ...address);
      return episodeOf(table, drawClasses(stream, usable, characters, way), shape, stream);
    },
  };
}

/**
 * Classes with enough images, and the same by what is turned in them: the rotations of one character stand together.
 */
interface Usable {
  readonly usable: readonly HeldClass[];
  readonly characters: readonly (readonly HeldClass[])[];
}

function usableClasses(classes: readonly HeldClass[], count: number): Usable {
  const usable = classes.filter(({ images }) => images.length >= count);
  return { usable, characters: [...groupBy(usable, ({ images }) => images).values()] };
}

/**
 * Different characters, each turned in one way: a character and its rotation in one episode may look the same. Where
 * there are fewer characters than classes are wanted, rotations count as characters.
 */
function drawClasses(stream: RandomStream, usable: Usable['usable'], characters: Usable['characters'], way: number) {
  if (characters.length < way) return sample(stream, usable.length, way).map((i) => usable[i]!);
  return sample(stream, characters.length, way).map((i) => {
    const turned = characters[i]!;
    return turned[turned.length === 1 ? 0 : stream.integer(turned.length)]!;
  });
}

function episodeOf(
  table: ImageTable,
  classes: readonly HeldClass[],
  { way, shots, queries }: EpisodeShape,
  stream: RandomStream,
): Episode {
  const { side } = table;
  const size = 3 * side * side;
  const support = new Uint8Array(way * shots * size);
  const query = new Uint8Array(way * queries * size);
  classes.forEach(({ images, turns }, label) => {
    sample(stream, images.length, shots + queries).forEach((choice, i) => {
      const [out, row] = i < shots ? [support, label * shots + i] : [query, label * queries + i - shots];
      writeImage(table, images[choice]!, turns, out.subarray(row * size, (row + 1) * size));
    });
  });
  return {
    support: tensor('u8', [way * shots, 3, side, side], support),
    supportLabels: labelsOf(way, shots),
    query: tensor('u8', [way * queries, 3, side, side], query),
    queryLabels: labelsOf(way, queries),
    classes: classes.map(({ name }) => name),
  };
}

/** 0 … 0, 1 … 1, and so on: `each` of every label. */
export function labelsOf(way: number, each: number): Episode['supportLabels'] {
  const labels = BigInt64Array.from({ length: way * each }, (_, i) => BigInt(Math.floor(i / each)));
  return tensor('i64', [way * each], labels);
}

/** Writes an image of the table as planes (3, side, side), turned. */
export function writeImage({ side, bytes, starts }: ImageTable, row: number, turns: QuarterTurns, out: Uint8Array) {
  const area = side * side;
  const planes = starts[row + 1]! - starts[row]!;
  for (let c = 0; c < planes; c++) {
    const start = (starts[row]! + c) * area;
    turn(bytes.subarray(start, start + area), side, turns, out.subarray(c * area, (c + 1) * area));
  }
  for (let c = planes; c < 3; c++) out.copyWithin(c * area, 0, area);
}

/** A square plane turned counter-clockwise, as `torch.rot90` does: in one turn out[y, x] = plane[x, side - 1 - y]. */
export function turn(plane: Uint8Array, side: number, turns: QuarterTurns, out: Uint8Array): void {
  if (turns === 0) {
    out.set(plane);
    return;
  }
  const last = side - 1;
  // The source of out[0, 0], and how far it moves along a row of `out` and from one row to the next.
  const [start, across, down] = (
    [
      [last, side, -1],
      [last * side + last, -1, -side],
      [last * side, -side, 1],
    ] as const
  )[turns - 1]!;
  let to = 0;
  for (let y = 0; y < side; y++) {
    let from = start + y * down;
    for (let x = 0; x < side; x++) {
      out[to++] = plane[from]!;
      from += across;
    }
  }
}

/**
 * `count` different numbers below `bound`, in random order: the first steps of a shuffle (Fisher and Yates) of a list
 * that is not there.
 */
function sample(stream: RandomStream, bound: number, count: number): number[] {
  const moved = new Map<number, number>();
  return Array.from({ length: count }, (_, i) => {
    const j = i + stream.integer(bound - i);
    const drawn = moved.get(j) ?? j;
    moved.set(j, moved.get(i) ?? i);
    return drawn;
  });
}

function assertPossible({ way, shots, queries }: EpisodeShape): void {
  const refuse = (name: string, value: number, least: number) => {
    throw new OptionError({ option: name, expected: `a whole number of at least ${least}`, received: value });
  };
  if (!(Number.isInteger(way) && way >= 2)) refuse('way', way, 2);
  if (!(Number.isInteger(shots) && shots >= 1)) refuse('shots', shots, 1);
  if (!(Number.isInteger(queries) && queries >= 1)) refuse('queries', queries, 1);
}

function tooFew(side: string, { way, shots, queries }: EpisodeShape, usable: number, all: number): UserError {
  return new UserError(
    `${way}-way episodes with ${shots} + ${queries} images of each class need ${way} classes of ${shots + queries} ` +
      `images; the ${side} side has ${usable}, and ${all} classes in all. Lower way, shots or queries, or give that ` +
      'side more classes (split).',
  );
}
