import { expect, test } from 'vitest';
import { plural } from './plural.ts';

test('a noun is singular after one only; thousands are grouped', () => {
  expect([0, 1, 2, 1200].map((count) => plural(count, 'image'))).toEqual([
    '0 images',
    '1 image',
    '2 images',
    '1,200 images',
  ]);
  expect(plural(2, 'class', 'classes')).toBe('2 classes');
});
