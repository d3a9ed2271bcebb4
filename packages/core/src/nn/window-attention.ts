import { f32 } from '../base/tensor.ts';
import { constant, type Value } from '../graph/index.ts';
import { add, equal, gather, pad, reshape, roll, slice, swapLast, transpose, where } from '../ops/index.ts';
import { attend } from './attention.ts';
import { type Initialiser, truncatedNormal } from './initialisers.ts';
import { type LinearOptions, linear } from './layers.ts';
import type { Scope } from './scope.ts';

export interface WindowAttentionOptions extends Pick<LinearOptions, 'initialiser' | 'biasInitialiser'> {
  readonly heads: number;
  /** Side of the windows, in pixels of the map. */
  readonly window: number;
  /**
   * Whether the windows lie half a window further down and to the right, so that they connect pixels which the windows
   * of the block before separate.
   */
  readonly shifted: boolean;
}

/** A tiling of a map (n, h, w, c) by windows that fill it. */
interface Tiling {
  readonly window: number;
  /** Windows downwards and across. */
  readonly count: readonly [number, number];
  /** Pixels. Along an axis that one window covers there is no shift. */
  readonly shift: readonly [number, number];
}

function tilingOf(map: Value, window: number, shifted: boolean): Tiling {
  const count = [map.shape[1]! / window, map.shape[2]! / window] as const;
  const shift = (windows: number) => (shifted && windows > 1 ? Math.floor(window / 2) : 0);
  return { window, count, shift: [shift(count[0]), shift(count[1])] };
}

/** (n, h, w, c) → (n, windows, window², c). What the shift pushes out at the near edges comes in at the far ones. */
function divide(map: Value, { window, count: [down, across], shift }: Tiling): Value {
  const n = map.shape[0]!;
  const channels = map.shape[3]!;
  const rolled = roll(roll(map, 1, -shift[0]), 2, -shift[1]);
  const tiles = transpose(reshape(rolled, [n, down, window, across, window, channels]), [0, 1, 3, 2, 4, 5]);
  return reshape(tiles, [n, down * across, window * window, channels]);
}

/** Undoes `divide`. */
function join(tiles: Value, { window, count: [down, across], shift }: Tiling): Value {
  const n = tiles.shape[0]!;
  const channels = tiles.shape[3]!;
  const rows = transpose(reshape(tiles, [n, down, across, window, window, channels]), [0, 1, 3, 2, 4, 5]);
  const rolled = reshape(rows, [n, down * window, across * window, channels]);
  return roll(roll(rolled, 1, shift[0]), 2, shift[1]);
}

/**
 * -100 between pixels of a window that are not neighbours in the map, else 0: the mask of attention. → (windows, 1,
 * window², window²).
 */
function seams(tiling: Tiling): Value {
  const { shift, window } = tiling;
  const [height, width] = tiling.count.map((windows) => windows * window) as [number, number];
  // Each pixel is labelled by whether the shift brings it over from the near edges, above and on the left.
  const label = (y: number, x: number) => 2 * Number(y < shift[0]) + Number(x < shift[1]);
  const labels = Array.from({ length: height * width }, (_, i) => label(Math.floor(i / width), i % width));
  const column = reshape(divide(constant(f32([1, height, width, 1], labels)), tiling), [-1, 1, window * window, 1]);
  return where(equal(column, swapLast(column)), 0, -100);
}

/**
 * For each pair of pixels of a window, counted row by row, the offset of the first from the second, downwards and to
 * the right, as a row of the table.
 */
function relativePositions(window: number): number[] {
  const pixels = Array.from({ length: window * window }, (_, i) => [Math.floor(i / window), i % window] as const);
  const apart = (a: number, b: number) => a - b + window - 1;
  return pixels.flatMap(([y, x]) => pixels.map(([v, u]) => apart(y, v) * (2 * window - 1) + apart(x, u)));
}

const tableInitialiser = truncatedNormal(0.02);

/** A learned number for each head and relative position (Liu et al. 2021, eq. 4). → (heads, window², window²). */
function relativeBias(s: Scope, heads: number, window: number): Value {
  const table = s.param('relative_position_bias_table', [(2 * window - 1) ** 2, heads], tableInitialiser);
  const positions = relativePositions(window);
  const constantPositions: Initialiser = () => Float32Array.from(positions);
  const index = s.buffer('relative_position_index', 'i64', [positions.length], constantPositions);
  return transpose(reshape(gather(table, index), [window * window, window * window, heads]), [2, 0, 1]);
}

/**
 * Self-attention within square windows of a map of any size, with a bias for each relative position (Liu et al. 2021,
 * section 3.2), under torchvision's names. The map is padded with zeros to whole windows. (n, h, w, c) → the same
 * shape.
 */
export function windowAttention(s: Scope, map: Value, options: WindowAttentionOptions): Value {
  const { heads, window, shifted, ...initialisers } = options;
  const [n, height, width, channels] = map.shape as [number, number, number, number];
  const missing = (length: number) => Math.ceil(length / window) * window - length;
  const whole = pad(map, [0, 0, 0, 0], [0, missing(height), missing(width), 0]);
  const tiling = tilingOf(whole, window, shifted);
  const relative = relativeBias(s, heads, window);
  const bias = tiling.shift.some((by) => by > 0) ? add(relative, seams(tiling)) : relative;
  const projections = linear(s.at('qkv'), divide(whole, tiling), { features: 3 * channels, ...initialisers });
  const mixed = linear(s.at('proj'), attend(projections, heads, bias), { features: channels, ...initialisers });
  return slice(join(mixed, tiling), [0, 0, 0, 0], [n, height, width, channels]);
}
