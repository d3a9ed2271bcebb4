import type { Value } from '../../../graph/index.ts';
import { row, separable, type Weights } from '../../../ops/index.ts';
import type { Handlers, NodeCall } from '../node-call.ts';

/** The coordinate of place `i` of the result among the pixels of the input (`scale` = result / input). */
type Place = (i: number, from: number, to: number, scale: number) => number;

// In single precision, as runtimes do it: where a place lies right between two pixels, the last digit decides.
const f = Math.fround;
const places: Readonly<Record<string, Place>> = {
  half_pixel: (i, _from, _to, scale) => f(f((i + 0.5) / scale) - 0.5),
  pytorch_half_pixel: (i, _from, to, scale) => (to > 1 ? f(f((i + 0.5) / scale) - 0.5) : 0),
  align_corners: (i, from, to) => (to === 1 ? 0 : f((i * (from - 1)) / (to - 1))),
  asymmetric: (i, _from, _to, scale) => f(i / scale),
};

const roundings: Readonly<Record<string, (place: number) => number>> = {
  round_prefer_floor: (place) => Math.ceil(place - 0.5),
  round_prefer_ceil: (place) => Math.floor(place + 0.5),
  floor: Math.floor,
  ceil: Math.ceil,
};

/** Longer sides than this are a mistake, or an attack on the memory: a matrix is made of them. */
const longestSide = 4096;

interface Interpolation {
  readonly mode: string;
  readonly place: Place;
  readonly rounding: (place: number) => number;
}

/** One row for each place of the result, with the share that each pixel has in it. */
function weights({ mode, place, rounding }: Interpolation, from: number, to: number, scale: number): Weights {
  const inside = (pixel: number) => Math.max(0, Math.min(from - 1, pixel));
  return Array.from({ length: to }, (_, i) => {
    const at = place(i, from, to, scale);
    if (mode === 'nearest') return row(from, [[inside(rounding(at)), 1]]);
    const centre = inside(at);
    const low = Math.floor(centre);
    return row(from, [
      [low, 1 - (centre - low)],
      [inside(low + 1), centre - low],
    ]);
  });
}

function interpolation(call: NodeCall): Interpolation {
  const mode = call.text('mode', 'nearest');
  if (mode !== 'nearest' && mode !== 'linear') call.fail(`interpolates by ${mode}, which is not supported`);
  // Before opset 11 there was one rule only.
  const modern = call.node.operator === 'Resize' && call.opset >= 11;
  const where = modern ? call.text('coordinate_transformation_mode', 'half_pixel') : 'asymmetric';
  const nearest = modern ? call.text('nearest_mode', 'round_prefer_floor') : 'floor';
  const place = Object.hasOwn(places, where) ? places[where] : undefined;
  const rounding = Object.hasOwn(roundings, nearest) ? roundings[nearest] : undefined;
  if (!place || !rounding) call.fail(`places pixels by ${where} and ${nearest}, which is not supported`);
  if (call.int('antialias', 0) === 1) call.fail('smooths as it shrinks (antialias), which is not supported');
  return { mode, place, rounding };
}

/** The scales or the sizes, whichever the node has, of the axes that it names. */
function resized(call: NodeCall): Value {
  const x = call.value(0);
  const rank = x.shape.length;
  if (rank !== 4) call.fail(`resizes rank ${rank}; only images (n, c, h, w) are supported`);
  const chosen = interpolation(call);
  const axes = call.ints('axes', undefined)?.map((axis) => call.axis(axis, rank)) ?? [0, 1, 2, 3];
  const scalesAt = call.node.operator === 'Resize' && call.opset >= 11 ? 2 : 1;
  const given = (index: number) =>
    call.has(index) && call.tensor(index).data.length > 0 ? call.integers(index) : undefined;
  const scales = floats(call) ?? given(scalesAt);
  const sizes = scales ? undefined : (given(3) ?? call.fail('has neither scales nor sizes'));
  const side = (axis: number) => {
    const at = axes.indexOf(axis);
    const d = x.shape[axis]!;
    if (at < 0) return { to: d, scale: 1 };
    if (scales) return { to: Math.floor(d * scales[at]!), scale: scales[at]! };
    return { to: sizes![at]!, scale: f(sizes![at]! / d) };
  };
  // Along batch and channels only scales mean anything: the batch here may be another than the file's.
  if (scales && (side(0).scale !== 1 || side(1).scale !== 1)) call.fail('resizes batch or channels');
  const height = side(2);
  const width = side(3);
  if (![height.to, width.to].every((d) => d >= 1 && d <= longestSide) || Math.max(...x.shape.slice(2)) > longestSide) {
    call.fail(`resizes ${x.shape.slice(2).join('x')} to ${height.to}x${width.to}`);
  }
  const scale = [height.scale, width.scale];
  // Each axis is a matrix, unless nothing changes along it.
  const matrix = (from: number, to: number) => (from === to ? 0 : from * to);
  call.take(matrix(x.shape[2]!, height.to) + matrix(x.shape[3]!, width.to));
  return separable('resize', x, [height.to, width.to], (from, to, axis) => weights(chosen, from, to, scale[axis]!));
}

function floats(call: NodeCall): readonly number[] | undefined {
  const attribute = call.node.attributes.get('scales');
  return attribute?.kind === 'floats' ? attribute.value : undefined;
}

export const resizing: Handlers = {
  Resize: resized,
  Upsample: resized,
};
