import { describe, expect, test } from 'vitest';
import { expectChoice } from './choice.ts';
import { ShapeError, UsageError, UserError } from './errors.ts';

describe('expectChoice', () => {
  const choices = ['sgd', 'adam', 'adamw'] as const;
  const list = 'Expected one of: sgd, adam, adamw.';
  test.each([
    ['adma', `--optimizer "adma" is not known. Did you mean "adam"? ${list}`],
    ['Adam', `--optimizer "Adam" is not known. Did you mean "adam"? ${list}`],
    ['rmsprop', `--optimizer "rmsprop" is not known. ${list}`],
    ['', `--optimizer "" is not known. ${list}`],
  ])('"%s"', (value, message) => {
    expect(() => expectChoice('--optimizer', value, choices)).toThrow(new UserError(message));
  });
  test('one of the choices is returned', () => {
    expect(expectChoice('--optimizer', 'adamw', choices)).toBe('adamw');
  });
});

describe('ShapeError', () => {
  const fields = { op: 'add', expected: 'f32[2]', received: 'f32[3]' };
  test('says both sides, and has them as fields', () => {
    const error = new ShapeError(fields);
    expect(error).toMatchObject({ ...fields, name: 'ShapeError', path: undefined });
    expect(error.message).toBe('add: expected f32[2], received f32[3].');
  });
  test('a text of its own takes the place of the two sides', () => {
    expect(new ShapeError({ ...fields, message: 'they differ' }).message).toBe('add: they differ.');
  });
  test('at() says where', () => {
    const error = new ShapeError({ ...fields, message: 'they differ' }).at('layer1.0');
    expect(error).toMatchObject({ ...fields, path: 'layer1.0', message: 'add: they differ at layer1.0.' });
  });
});

test('a mistake in the command line is a mistake of the user, a shape error is not', () => {
  expect(new UsageError('x')).toBeInstanceOf(UserError);
  expect(new ShapeError({ op: '', expected: '', received: '' })).not.toBeInstanceOf(UserError);
  expect([new UserError('x').name, new UsageError('x').name]).toEqual(['UserError', 'UsageError']);
});
