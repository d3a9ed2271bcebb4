import { constant, type Value } from '../../../graph/index.ts';
import { broadcastTo, concat, flip, pad, slice, sliceAxis } from '../../../ops/index.ts';
import { tensorOf } from '../constants.ts';
import type { Handlers, NodeCall } from '../node-call.ts';

/** Zeros, another number, the reflection or the edge around x; negative widths cut off. */
function padded(call: NodeCall): Value {
  const x = call.value(0);
  const rank = x.shape.length;
  const widths = call.list('pads', 1) ?? call.fail('has no pads');
  const axes = call.has(3) ? call.integers(3).map((axis) => call.axis(axis, rank)) : x.shape.map((_, i) => i);
  if (widths.length !== 2 * axes.length) call.fail(`has ${widths.length} widths for ${axes.length} axes`);
  const before = x.shape.map((_, axis) => (axes.includes(axis) ? widths[axes.indexOf(axis)]! : 0));
  const after = x.shape.map((_, axis) => (axes.includes(axis) ? widths[axes.indexOf(axis) + axes.length]! : 0));
  if ([...before, ...after].some((n) => Math.abs(n) > 4096)) call.fail(`has pads [${widths}]`);
  const cut = slice(
    x,
    before.map((n) => Math.max(0, -n)),
    x.shape.map((d, i) => Math.max(0, d - Math.max(0, -after[i]!))),
  );
  const atLeastZero = (widths: readonly number[]) => widths.map((n) => Math.max(0, n));
  const front = atLeastZero(before);
  const back = atLeastZero(after);
  const mode = call.text('mode', 'constant');
  if (mode === 'reflect') return mirrored(cut, front, back, 1);
  if (mode === 'edge') return mirrored(cut, front, back, 0);
  if (mode !== 'constant') call.fail(`has mode ${mode}`);
  const fill = call.has(2) ? call.number(2) : call.float('value', 0);
  return padWith(cut, front, back, fill);
}

/** x between numbers of one value. */
function padWith(x: Value, before: readonly number[], after: readonly number[], fill: number): Value {
  if (fill === 0) return pad(x, before, after);
  return x.shape.reduce((value, _, axis) => {
    const side = (width: number) =>
      width > 0 ? [broadcastTo(constant(tensorOf(x.dtype, [], [fill])), value.shape.with(axis, width))] : [];
    return concat([...side(before[axis]!), value, ...side(after[axis]!)], axis);
  }, x);
}

/** The nearest rows, turned round and without the edge itself (from 1), or the edge over and over (from 0). */
function mirrored(x: Value, before: readonly number[], after: readonly number[], from: 0 | 1): Value {
  return x.shape.reduce((value, d, axis) => {
    const rows = (start: number, end: number) => flip(sliceAxis(value, axis, start, end), [axis]);
    const edge = (at: number, width: number) =>
      broadcastTo(sliceAxis(value, axis, at, at + 1), value.shape.with(axis, width));
    const head = before[axis]!;
    const tail = after[axis]!;
    const front = from === 1 ? () => rows(1, 1 + head) : () => edge(0, head);
    const back = from === 1 ? () => rows(d - 1 - tail, d - 1) : () => edge(d - 1, tail);
    return concat([...(head > 0 ? [front()] : []), value, ...(tail > 0 ? [back()] : [])], axis);
  }, x);
}

export const padding: Handlers = {
  Pad: padded,
};
