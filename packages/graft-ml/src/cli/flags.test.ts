import { UsageError } from '@graft-ml/core/internal/base/errors';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { commands } from './commands/index.ts';
import { flagsOf, parseFlags } from './flags.ts';

const definitions = await Promise.all(commands.map(async ({ name, load }) => [name, await load()] as const));

describe.each(definitions)('%s', (name, command) => {
  const flags = flagsOf(command.options);

  test('every option has a description and a kebab-case name', () => {
    for (const { syntax, description, key } of flags) {
      expect(syntax, key).toMatch(/^--[a-z0-9]+(-[a-z0-9]+)*( <(number|value)>)?$/);
      expect(description.replace('do not ', '').length, key).toBeGreaterThan(2);
    }
    expect(new Set(flags.map(({ syntax }) => syntax)).size).toBe(flags.length);
  });

  test('nothing needs a flag: the defaults alone are valid', () => {
    expect(() => parseFlags(command.options, {})).not.toThrow();
  });

  test('its examples are command lines of it, with flags that it has', () => {
    const known = new Set([...flags.map(({ syntax }) => syntax.split(' ')[0]), '--json']);
    expect(command.examples.length).toBeGreaterThan(0);
    for (const example of command.examples) {
      expect(`${example} `.startsWith(`graft ${name} `), example).toBe(true);
      for (const flag of example.match(/--[a-z-]+/g) ?? []) expect(known, example).toContain(flag);
    }
  });
});

describe('reading flags', () => {
  const schema = z.strictObject({
    learningRate: z.number().positive().nullable().default(null).describe('rate'),
    epochs: z.int().min(1).default(12).describe('epochs'),
    augment: z.boolean().default(true).describe('augment'),
    strict: z.boolean().default(false).describe('strict'),
    name: z.string().nullable().default(null).describe('name'),
  });

  test('names, defaults, groups and other spellings come from the table', () => {
    const flags = flagsOf(schema, { training: { epochs: 0, learningRate: 0 } });
    expect(flags.map(({ syntax, defaultText, group }) => [syntax, defaultText, group])).toEqual([
      ['--learning-rate <number>', '', 'training'],
      ['--epochs <number>', '12', 'training'],
      ['--no-augment', '', null],
      ['--strict', '', null],
      ['--name <value>', '', null],
    ]);
    expect(flags[0]).toMatchObject({ description: 'rate (also --lr)', aliases: ['--lr <number>'] });
  });

  test('a flag comes before a default from elsewhere, and that before the table’s', () => {
    expect(parseFlags(schema, { epochs: '3' }, { epochs: 5, name: 'x' })).toEqual({
      learningRate: null,
      epochs: 3,
      augment: true,
      strict: false,
      name: 'x',
    });
    expect(parseFlags(schema, { learningRate: '1e-3', name: '12' })).toMatchObject({ learningRate: 1e-3, name: '12' });
  });

  test.each([
    [{ learningRate: 'fast' }, '--learning-rate: "fast" is not a number.'],
    [{ learningRate: '' }, '--learning-rate: "" is not a number.'],
    [{ epochs: ' ' }, '--epochs: " " is not a number.'],
    [{ epochs: '1,5' }, '--epochs: "1,5" is not a number.'],
    [{ epochs: '1.5' }, '--epochs: expected an integer of at least 1, received 1.5.'],
    [{ epochs: '-3' }, '--epochs: expected an integer of at least 1, received -3.'],
    [{ epochs: '0' }, '--epochs: expected an integer of at least 1, received 0.'],
    [{ learningRate: '-1' }, '--learning-rate: expected a number above 0, received -1.'],
    [{ learningRate: 'Infinity' }, '--learning-rate: expected a number above 0, received Infinity.'],
  ])('%j is refused by the flag’s name', (given, message) => {
    expect(() => parseFlags(schema, given)).toThrow(UsageError);
    expect(() => parseFlags(schema, given)).toThrow(message);
  });
});
