import { expect, test } from 'vitest';
import { UserError } from '../base/errors.ts';
import { imageNetPreprocessing, type Preprocessing } from './model.ts';
import { parsePreprocessing } from './preprocessing.ts';

const every: Preprocessing = {
  resize: 256,
  squash: true,
  crop: 224,
  interpolation: 'bicubic',
  mean: [0.5, 0.25, 0],
  std: [0.1, 0.2, 0.3],
  colourProfile: 'ignore',
  orientation: 'apply',
};

test.each([every, imageNetPreprocessing])('is read as it was written: %o', (preprocessing) => {
  const written = JSON.stringify(preprocessing);
  const read = parsePreprocessing(JSON.parse(written));
  expect(read).toEqual(preprocessing);
  expect(JSON.stringify(read)).toBe(written); // files keep the order of the fields
});

test('fields of other names are left out, and the usual interpolation need not be given', () => {
  const { interpolation: _, ...others } = imageNetPreprocessing;
  const read = parsePreprocessing({ padding: 3, ...others });
  expect(read).toEqual({ ...others, interpolation: 'bilinear' });
  expect(read).not.toHaveProperty('padding');
});

test.each([
  ['resize', 0, 'a whole number from 1 on'],
  ['resize', undefined, 'a whole number from 1 on'],
  ['crop', 22.5, 'a whole number from 1 on'],
  ['crop', '224', 'a whole number from 1 on'],
  ['crop', 2 ** 60, 'a whole number from 1 on'],
  ['squash', 1, 'true or false'],
  ['interpolation', 'nearest', 'one of: bilinear, bicubic'],
  ['mean', [0.5, 0.5], 'a list of three numbers'],
  ['mean', [0.5, 0.5, '0.5'], 'a list of three numbers'],
  ['mean', { 0: 1, 1: 1, 2: 1, length: 3 }, 'a list of three numbers'],
  ['std', [1, 1, Number.POSITIVE_INFINITY], 'a list of three numbers'],
  ['std', null, 'a list of three numbers'],
  ['colourProfile', null, 'one of: apply, ignore'],
  ['orientation', 'upright', 'one of: apply, ignore'],
])('%s cannot be %j', (field, value, expected) => {
  const parse = () => parsePreprocessing({ ...every, [field]: value });
  expect(parse).toThrow(UserError);
  expect(parse).toThrow(`${field}: expected ${expected}, received `);
});

test.each([undefined, null, 'text', [every]])('cannot be %j altogether', (value) => {
  expect(() => parsePreprocessing(value)).toThrow('preprocessing: expected an object, received ');
});
