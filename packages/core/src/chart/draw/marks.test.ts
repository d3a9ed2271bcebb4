import fc from 'fast-check';
import { expect, test } from 'vitest';
import { placeMarks } from './marks.ts';
import { textWidth } from './markup.ts';
import { fontSize } from './theme.ts';

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
    { at: 200, label: 'minimum', row: 1, anchor: 'start' },
    { at: 290, label: 'last', row: 0, anchor: 'end' },
  ]);
});

test('no line goes through a label: it would, where the third label took the first row', () => {
  const marks = [
    { at: 100, label: 'first' },
    { at: 110, label: 'the second' },
    { at: 140, label: 'third' },
  ];
  expect(placeMarks(marks, axis, [0, 400], 3).map(({ row }) => row)).toEqual([0, 1, 2]);
  expect(placeMarks(marks, axis, [0, 160], 3).map(({ row }) => row)).toEqual([2, 1, 0]);
});

test('a label without room keeps its line', () => {
  const marks = [100, 101, 102].map((at) => ({ at, label: 'here' }));
  expect(placeMarks(marks, axis, [0, 300], 2).map(({ row }) => row)).toEqual([0, 1, undefined]);
});

test('a label that is longer than both sides is cut to the wider one', () => {
  const [mark] = placeMarks([{ at: 100, label: 'a label of forty characters, or a few more' }], axis, [0, 250], 1);
  expect(mark).toEqual({ at: 100, label: 'a label of f…r a few more', row: 0, anchor: 'start' });
});

test('any marks: labels within the plot, apart in their row, and no line through one', () => {
  const mark = fc.record({ at: fc.integer({ min: 50, max: 400 }), label: fc.string({ maxLength: 20 }) });
  fc.assert(
    fc.property(fc.array(mark, { maxLength: 12 }), fc.integer({ min: 0, max: 5 }), (marks, rows) => {
      const placed = placeMarks(marks, axis, [50, 400], rows).map((one) => {
        const width = textWidth(one.label, fontSize.tick) + 5;
        return {
          ...one,
          from: one.anchor === 'start' ? one.at : one.at - width,
          to: one.anchor === 'start' ? one.at + width : one.at,
        };
      });
      expect(placed).toHaveLength(marks.length);
      const labeled = placed.flatMap(({ row, ...one }) => (row === undefined ? [] : [{ ...one, row }]));
      expect(labeled.length).toBeGreaterThanOrEqual(Math.min(1, rows, marks.length));
      for (const [i, a] of labeled.entries()) {
        expect(a.row).toBeLessThan(rows);
        expect(a.from).toBeGreaterThanOrEqual(49);
        expect(a.to).toBeLessThanOrEqual(401);
        for (const b of labeled.filter((_, k) => k !== i)) {
          if (a.row === b.row) expect(a.to <= b.from || b.to <= a.from).toBe(true);
          if (b.at >= a.from && b.at <= a.to) expect(b.row).toBeGreaterThan(a.row);
        }
      }
    }),
    { seed: 1, numRuns: 500 },
  );
});
