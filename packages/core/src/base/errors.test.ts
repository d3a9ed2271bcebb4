import { describe, expect, test } from 'vitest';
import { expectChoice } from './choice.ts';
import { OptionError, ShapeError, UsageError, UserError } from './errors.ts';

describe('expectChoice', () => {
  const choices = ['sgd', 'adam', 'adamw'] as const;
  const list = 'Expected one of: sgd, adam, adamw.';
  test.each([
    ['adma', `optimizer "adma" is not known. Did you mean "adam"? ${list}`],
    ['Adam', `optimizer "Adam" is not known. Did you mean "adam"? ${list}`],
    ['rmsprop', `optimizer "rmsprop" is not known. ${list}`],
    ['', `optimizer "" is not known. ${list}`],
  ])('"%s"', (value, message) => {
    expect(() => expectChoice('optimizer', value, choices)).toThrow(
      new OptionError({
        option: 'optimizer',
        expected: 'one of: sgd, adam, adamw',
        received: value,
        problem: message.slice(9),
      }),
    );
  });
  test('one of the choices is returned', () => {
    expect(expectChoice('optimizer', 'adamw', choices)).toBe('adamw');
  });
});

describe('OptionError', () => {
  const fields = { option: 'learningRate', expected: 'a number above 0', received: -1 };
  test('says what was expected and received, and has them as fields', () => {
    const error = new OptionError(fields);
    expect(error).toMatchObject({ ...fields, name: 'OptionError' });
    expect(error).toBeInstanceOf(UserError);
    expect(error.message).toBe('learningRate: expected a number above 0, received -1.');
    expect(error.messageOf('--learning-rate')).toBe('--learning-rate: expected a number above 0, received -1.');
  });
  test.each([
    ['a\u202eb', '"a\\u202eb"'],
    [[1, 'a'], '[1,"a"]'],
    [Number.NaN, 'NaN'],
    [undefined, 'undefined'],
    ['x'.repeat(300), `"${'x'.repeat(199)}…`],
  ])('shows what it received: %j', (received, shown) => {
    expect(new OptionError({ ...fields, received }).message).toBe(
      `learningRate: expected a number above 0, received ${shown}.`,
    );
  });
  test('what there is to say instead follows the option’s name', () => {
    const cause = new Error('x');
    const error = new OptionError({ ...fields, problem: ' is for training.', cause });
    expect([error.message, error.cause]).toEqual(['learningRate is for training.', cause]);
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
