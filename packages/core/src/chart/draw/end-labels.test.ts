import { expect, test } from 'vitest';
import { endLabelsWidth, spread } from './end-labels.ts';

test.each([
  ['apart', [50, 100], [50, 100]],
  ['in the order of the ends, whatever their own', [100, 50], [100, 50]],
  ['around the mean of ends that are near', [98, 102], [92.5, 107.5]],
  ['equal ends in their order', [100, 100, 100], [85, 100, 115]],
  ['a block pushes its neighbour', [100, 100, 112], [89, 104, 119]],
  ['not above the plot', [2, 3], [7.5, 22.5]],
  ['not below it', [198, 199], [177.5, 192.5]],
])('%s', (_, ends, places) => {
  expect(spread(ends, 0, 200)).toEqual(places);
});

test('long names and many names have no place at the ends', () => {
  expect(endLabelsWidth(['validation', 'training'], 720, 300)).toBeGreaterThan(60);
  expect(endLabelsWidth(['a run of a name that is much too long for the margin'], 720, 300)).toBeNull();
  expect(
    endLabelsWidth(
      Array.from({ length: 20 }, (_, i) => `${i}`),
      720,
      200,
    ),
  ).toBeNull();
});
