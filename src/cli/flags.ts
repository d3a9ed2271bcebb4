import { Option } from 'commander';
import type { z } from 'zod';
import { UsageError } from '../base/errors.ts';
import { kebabCase } from '../base/kebab-case.ts';
import { optionKey, optionsOf, unknownOption } from '../train/index.ts';

/** One flag, read off the schema of a command's options. */
export interface Flag {
  readonly key: string;
  /** `--learning-rate <number>`, `--no-augment`, `--strict` */
  readonly syntax: string;
  readonly description: string;
  readonly type: 'string' | 'number' | 'boolean';
  readonly defaultText: string;
}

/** The flags of a command, in the order of its table. */
export function flagsOf(schema: z.ZodObject): Flag[] {
  return optionsOf(schema).map(({ key, type, description, default: usual }) => {
    const kebab = kebabCase(key);
    const value = type === 'number' ? ' <number>' : ' <value>';
    const syntax = type === 'boolean' ? (usual === true ? `--no-${kebab}` : `--${kebab}`) : `--${kebab}${value}`;
    const shown = usual === null || type === 'boolean' ? undefined : usual;
    return {
      key,
      syntax,
      type,
      description: `${usual === true ? 'do not: ' : ''}${description}`,
      defaultText: shown === undefined ? '' : String(shown),
    };
  });
}

export function commanderOption({ syntax, description, defaultText }: Flag): Option {
  return new Option(syntax, defaultText ? `${description} (default: ${defaultText})` : description);
}

/**
 * Divides what stands on the command line besides flags: `epochs=3` sets an option, all else is an argument. A folder with
 * such a name is written `./epochs=3`.
 *
 * @throws UsageError where no option has that name, or it is given twice
 */
export function splitSettings(
  schema: z.ZodObject,
  words: readonly string[],
  flags: Readonly<Record<string, unknown>>,
  shownBy: string,
): { positionals: string[]; settings: Record<string, unknown> } {
  const options = new Map(optionsOf(schema).map((option) => [option.key, option]));
  const [positionals, settings]: [string[], Record<string, unknown>] = [[], {}];
  for (const word of words) {
    const [, name, value] = /^([A-Za-z][\w-]*)=(.*)$/s.exec(word) ?? [];
    if (name === undefined || value === undefined) {
      positionals.push(word);
      continue;
    }
    const option = options.get(optionKey(name));
    if (!option) {
      throw new UsageError(
        `${unknownOption(name, [...options.keys()], shownBy)} A file or folder is meant? Write ./${word}`,
      );
    }
    if (option.key in settings || option.key in flags) throw new UsageError(`${option.key} is given twice.`);
    settings[option.key] = value === 'null' && option.allowed.endsWith('null') ? null : value;
  }
  return { positionals, settings };
}

/**
 * What commander read, as the schema wants it. Only flags that were given are looked at: defaults are the schema's.
 * @throws UsageError that names the flag.
 */
export function parseFlags<S extends z.ZodObject>(
  schema: S,
  given: Readonly<Record<string, unknown>>,
  defaults: Readonly<Record<string, unknown>> = {},
): z.output<S> {
  const types = new Map(flagsOf(schema).map(({ key, type }) => [key, type]));
  const values = Object.entries(given).map(([key, value]) => {
    if (types.get(key) === 'boolean' && (value === 'true' || value === 'false'))
      return [key, value === 'true'] as const;
    if (types.get(key) !== 'number' || value === null) return [key, value] as const;
    const number = String(value).trim() === '' ? Number.NaN : Number(value);
    if (Number.isNaN(number)) throw new UsageError(`--${kebabCase(key)}: "${String(value)}" is not a number.`);
    return [key, number] as const;
  });
  const parsed = schema.safeParse({ ...defaults, ...Object.fromEntries(values) });
  if (parsed.success) return parsed.data;
  throw new UsageError(parsed.error.issues.map(describeIssue).join('\n'));
}

function describeIssue({ path, message }: z.core.$ZodIssue): string {
  if (message.startsWith('--') || path.length === 0) return message;
  return `--${kebabCase(String(path[0]))}: ${message}.`;
}
