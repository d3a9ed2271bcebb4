import { OptionError } from '../base/errors.ts';
import { randomStream } from '../base/random.ts';
import { type Shape, sizeOf, type Tensors, tensor } from '../base/tensor.ts';
import type { Network } from '../fit/step.ts';
import type { Program, Runtime } from '../runtime/index.ts';
import type { Episode } from './episode.ts';
import type { GradientLearner, ReptileLearner } from './learner.ts';
import { lossGraph, pathGraph, pathName, taskNames } from './task-graph.ts';
import { feedsOfEpisode } from './task-program.ts';

export interface LossSurfaceOptions {
  /** Runs the graphs. It stays its owner's. */
  readonly runtime: Runtime;
  /** Inner steps, at least 1. Default: the learner's. */
  readonly steps?: number | undefined;
  /** The size of the grid. Default 25 x 17. */
  readonly columns?: number | undefined;
  readonly rows?: number | undefined;
  /** Ends it between two points, with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
}

/** A point on the way of an inner loop. */
export interface PathPoint {
  /** Its place on the plane, in the units of the parameters: steps of this length were taken. */
  readonly at: readonly [x: number, y: number];
  /** The mean loss of the support and of the queries there, off the plane where the way leaves it. */
  readonly support: number;
  readonly query: number;
}

/** The loss on a plane through parameter space that an inner loop goes along. */
export interface LossSurface {
  /** Places of the columns, from left to right; 0 is the start, and the loop's end lies to the right of it. */
  readonly x: readonly number[];
  /** Places of the rows. */
  readonly y: readonly number[];
  /** Mean losses by row and column. */
  readonly support: readonly (readonly number[])[];
  readonly query: readonly (readonly number[])[];
  /** After 0, 1, …, `steps` inner steps. */
  readonly path: readonly PathPoint[];
  /** The share of the path's squared distances from its start that lies in the plane: 1 where it never leaves it. */
  readonly held: number;
}

/**
 * The loss of one task around the way of its inner loop (after Li et al. 2018, "Visualizing the Loss Landscape of Neural
 * Nets", arXiv:1712.09913, section 7): over the plane through the start that holds the end and the direction in which the
 * way between them bends most. Of a way that does not bend the second direction is random, as long in each parameter as
 * that is.
 *
 * @param values of the learner's variables
 * @throws OptionError for steps or a grid that there cannot be; the signal's reason
 * @example
 * const { path, query } = await lossSurface(network, learner, values, episodes.draw(shape, ['surface']), { runtime });
 */
export async function lossSurface(
  network: Network,
  learner: GradientLearner | ReptileLearner,
  values: Tensors,
  episode: Episode,
  { runtime, steps = learner.innerSteps, columns = 25, rows = 17, signal, onProgress }: LossSurfaceOptions,
): Promise<LossSurface> {
  for (const [name, value, least] of [
    ['steps', steps, 1],
    ['columns', columns, 2],
    ['rows', rows, 2],
  ] as const) {
    if (Number.isInteger(value) && value >= least) continue;
    throw new OptionError({ option: name, expected: `a whole number from ${least} on`, received: value });
  }
  const shape = {
    way: episode.classes.length,
    support: episode.support.shape[0]!,
    queries: episode.query.shape[0]!,
  };
  const feeds = { ...values, ...feedsOfEpisode(episode) };
  const ways = await runtime.compile(pathGraph(network, learner, shape, steps));
  const way = await ways.run(feeds).finally(() => ways.release());
  const moved = movedBy(learner, values);
  const path = Array.from({ length: steps + 1 }, (_, step) =>
    flat(moved, step === 0 ? values : named(moved, (name) => way[pathName(step, name)]!)),
  );
  const plane = planeThrough(path, moved);
  const [x, y] = gridAround(plane.places, columns, rows);
  const program = await runtime.compile(lossGraph(network, learner, shape));
  const total = columns * rows + path.length;
  let done = 0;
  const lossAt = async (point: Float32Array) => {
    signal?.throwIfAborted();
    const losses = await lossesOf(program, { ...feeds, ...tensorsOf(moved, point) });
    onProgress?.(++done, total);
    return losses;
  };
  try {
    const points: PathPoint[] = [];
    for (const [i, point] of path.entries()) points.push({ at: plane.places[i]!, ...(await lossAt(point)) });
    const [support, query]: [number[][], number[][]] = [[], []];
    for (const down of y) {
      const row = [];
      for (const across of x) row.push(await lossAt(plane.point(across, down)));
      support.push(row.map((losses) => losses.support));
      query.push(row.map((losses) => losses.query));
    }
    return { x, y, support, query, path: points, held: plane.held };
  } finally {
    await program.release();
  }
}

/** A parameter that the inner loop moves. */
interface Moved {
  readonly name: string;
  readonly shape: Shape;
  /** Its place among the numbers of all. */
  readonly start: number;
  readonly end: number;
}

function movedBy({ rates }: GradientLearner | ReptileLearner, values: Tensors): Moved[] {
  let end = 0;
  return [...rates].flatMap(([name, rate]) => {
    if (!rate) return [];
    const { shape } = values[name]!;
    const start = end;
    end += sizeOf(shape);
    return [{ name, shape, start, end }];
  });
}

function named(moved: readonly Moved[], of: (name: string) => Tensors[string]): Tensors {
  return Object.fromEntries(moved.map(({ name }) => [name, of(name)]));
}

/** The numbers of all parameters that move, one after the other. */
function flat(moved: readonly Moved[], values: Tensors): Float32Array {
  const all = new Float32Array(moved.at(-1)?.end ?? 0);
  for (const { name, start } of moved) all.set(values[name]!.data as Float32Array, start);
  return all;
}

function tensorsOf(moved: readonly Moved[], all: Float32Array): Tensors {
  return Object.fromEntries(
    moved.map(({ name, shape, start, end }) => [name, tensor('f32', shape, all.subarray(start, end))]),
  );
}

interface Plane {
  /** The places of the path's points on it. */
  readonly places: readonly (readonly [x: number, y: number])[];
  readonly held: number;
  /** The parameters at a place. */
  point(x: number, y: number): Float32Array;
}

/** The plane through a path's start and end in which most of what lies beside their line is. */
function planeThrough(path: readonly Float32Array[], moved: readonly Moved[]): Plane {
  const origin = path[0]!;
  const ways = path.map((point) => difference(point, origin));
  const along = unit(ways.at(-1)!) ?? unit(randomWay(origin, moved))!;
  const beside = ways.map((way) => without(way, along));
  const bend = bendOf(beside);
  const across =
    bend && norm(bend) > 1e-4 * norm(ways.at(-1)!) ? unit(bend)! : unit(without(randomWay(origin, moved), along))!;
  // The way bends upwards.
  const heights = beside.map((way) => dot(way, across));
  const sign = heights.reduce((most, height) => (Math.abs(height) > Math.abs(most) ? height : most), 0) < 0 ? -1 : 1;
  const places = ways.map((way, i) => [dot(way, along), sign * heights[i]!] as const);
  const whole = ways.reduce((sum, way) => sum + dot(way, way), 0);
  const inside = places.reduce((sum, [x, y]) => sum + x * x + y * y, 0);
  return {
    places,
    held: whole > 0 ? Math.min(1, inside / whole) : 1,
    point: (x, y) => Float32Array.from(origin, (value, i) => value + x * along[i]! + sign * y * across[i]!),
  };
}

/**
 * The first principal direction of vectors, as long as they are along it: a sum of them, by the first eigenvector of the
 * matrix of their products. Null where all are zero.
 */
function bendOf(vectors: readonly Float32Array[]): Float32Array | null {
  const products = vectors.map((a) => vectors.map((b) => dot(a, b)));
  let weights = products.map((row, i) => row[i]!);
  if (weights.every((weight) => weight === 0)) return null;
  for (let round = 0; round < 200; round++) {
    const next = products.map((row) => row.reduce((sum, product, i) => sum + product * weights[i]!, 0));
    const length = Math.hypot(...next);
    if (length === 0) break;
    weights = next.map((weight) => weight / length);
  }
  const sum = new Float32Array(vectors[0]!.length);
  for (const [i, vector] of vectors.entries())
    for (const [k, value] of vector.entries()) sum[k]! += weights[i]! * value;
  return sum;
}

/** Normal numbers, in each parameter as long as that is. */
function randomWay(origin: Float32Array, moved: readonly Moved[]): Float32Array {
  const way = new Float32Array(origin.length);
  for (const { name, start, end } of moved) {
    const stream = randomStream(0, 'loss-surface', name);
    for (let i = start; i < end; i++) way[i] = stream.normal();
    const part = way.subarray(start, end);
    const scale = norm(origin.subarray(start, end)) / norm(part);
    for (let i = 0; i < part.length; i++) part[i]! *= scale > 0 ? scale : 1;
  }
  return way;
}

/** The places of a grid around the path, of one scale in both directions. */
function gridAround(
  places: readonly (readonly [x: number, y: number])[],
  columns: number,
  rows: number,
): [x: number[], y: number[]] {
  const extent = (values: readonly number[]) => [Math.min(...values), Math.max(...values)] as const;
  const [left, right] = extent(places.map(([x]) => x));
  const [low, high] = extent(places.map(([, y]) => y));
  const half = Math.max((0.75 * (right - left)) / columns, (0.75 * (high - low)) / rows) || 1 / columns;
  const line = (from: number, to: number, count: number) => {
    const middle = (from + to) / 2;
    return Array.from({ length: count }, (_, i) => middle + half * (2 * i - (count - 1)));
  };
  return [line(left, right, columns), line(low, high, rows)];
}

async function lossesOf(program: Program, feeds: Tensors): Promise<{ support: number; query: number }> {
  const { [taskNames.supportLoss]: support, [taskNames.queryLoss]: query } = await program.run(feeds);
  return { support: Number(support!.data[0]), query: Number(query!.data[0]) };
}

function difference(a: Float32Array, b: Float32Array): Float32Array {
  return a.map((value, i) => value - b[i]!);
}

function dot(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}

const norm = (a: Float32Array) => Math.sqrt(dot(a, a));

function unit(a: Float32Array): Float32Array | null {
  const length = norm(a);
  return length > 0 ? a.map((value) => value / length) : null;
}

/** What is left of `a` beside the direction of `b`, of length 1. */
function without(a: Float32Array, b: Float32Array): Float32Array {
  const share = dot(a, b);
  return a.map((value, i) => value - share * b[i]!);
}
