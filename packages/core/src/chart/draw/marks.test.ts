import { expect, test } from 'vitest';
import { placeMarks } from './marks.ts';

const axis = { place: (value: number) => value, ticks: [], minor: [] };

test('labels that would touch stand in different rows, and at the right edge on the left of their line', () => {
  const marks = [
    { at: 290, label: 'last' },
    { at: 100, label: 'valley' },
    { at: 110, label: 'steep' },
    { at: 200, label: 'minimum' },
  ];
  expect(placeMarks(marks, axis, [50, 300], 4)).toEqual([
    { at: 100, label: 'valley', row: 0, anchor: 'start' },
    { at: 110, label: 'steep', row: 1, anchor: 'start' },
    { at: 200, label: 'minimum', row: 0, anchor: 'start' },
    { at: 290, label: 'last', row: 1, anchor: 'end' },
  ]);
});

test('a label without room keeps its line', () => {
  const marks = [100, 101, 102].map((at) => ({ at, label: 'here' }));
  expect(placeMarks(marks, axis, [0, 300], 2).map(({ row }) => row)).toEqual([0, 1, undefined]);
});

test('a label that is longer than both sides is cut to the wider one', () => {
  const [mark] = placeMarks([{ at: 100, label: 'a label of forty characters, or a few more' }], axis, [0, 250], 1);
  expect(mark).toEqual({ at: 100, label: 'a label of f…r a few more', row: 0, anchor: 'start' });
});
