import { UsageError } from '@graft-ml/core/internal/base/errors';
import { kebabCase } from '@graft-ml/core/internal/base/kebab-case';
import { quote } from '@graft-ml/core/internal/base/quote';
import { optionsOf } from '@graft-ml/core/internal/recipe/config/options';
import { optionError } from '@graft-ml/core/internal/recipe/config/parse';
import { z } from 'zod';
import { optionAliases, optionKey, unknownOption } from '../text/option-names.ts';
import { codecOf, textOf } from '../text/options.ts';
import { describeAsText, flagOf, messageInCommands } from '../text/wording.ts';
import type { CommandTable } from './command.ts';
import type { CommandLine, Flag } from './command-line.ts';

/** The command line of a command, read off its table. */
export function commandLineOf(table: CommandTable): CommandLine {
  const { options, groups, basic, examples, takesSettings } = table;
  return {
    arguments: [...table.arguments, ...(takesSettings ? [settingsArgument] : [])],
    flags: flagsOf(options, groups),
    basic: basic ? z.record(z.string(), z.string()).parse(basic) : null,
    examples,
  };
}

/** The argument for settings. */
const settingsArgument = {
  syntax: '[option=value...]',
  description: 'an option without dashes, as in lr=0.01; write a folder of such a name as ./a=b',
};

/** The flags of a command, in the order of its table. */
export function flagsOf(schema: z.ZodObject, groups: CommandTable['groups'] = {}): Flag[] {
  return optionsOf(schema).map(({ key, type, description, default: usual }) => {
    const kebab = kebabCase(key);
    const value = type === 'number' ? ' <number>' : ' <value>';
    const syntax = type === 'boolean' ? (usual === true ? `--no-${kebab}` : `--${kebab}`) : `--${kebab}${value}`;
    const shown = usual === null || type === 'boolean' ? undefined : (textOf(key, usual) ?? usual);
    const aliases = Object.entries(optionAliases).flatMap(([alias, meant]) => (meant === key ? [spelled(alias)] : []));
    const also = aliases.length > 0 ? ` (also ${aliases.join(', ')})` : '';
    const [group = null] = Object.entries(groups).find(([, options]) => key in options) ?? [];
    return {
      key,
      syntax,
      description: `${usual === true ? 'do not ' : ''}${describeAsText(key, description)}${also}`,
      defaultText: shown === undefined ? '' : String(shown),
      aliases: aliases.map((alias) => `${alias}${value}`),
      group,
    };
  });
}

const spelled = (name: string) => (name.length === 1 ? `-${name}` : `--${name}`);

/**
 * Flags by the keys of their options, whichever name they were given by. @throws UsageError where one is given twice
 */
export function underOwnNames(flags: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const named: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(flags)) {
    const key = optionKey(name);
    if (key in named) throw new UsageError(`${key} is given twice.`);
    named[key] = value;
  }
  return named;
}

/**
 * Divides what stands on the command line besides flags: `epochs=3` sets an option, all else is an argument. A folder
 * with such a name is written `./epochs=3`.
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
        `${unknownOption(name, [...options.keys()], shownBy)} If you mean a file or folder, write ./${word}`,
      );
    }
    if (option.key in settings || option.key in flags) throw new UsageError(`${option.key} is given twice.`);
    settings[option.key] = value === 'null' && option.allowed.endsWith('null') ? null : value;
  }
  return { positionals, settings };
}

/**
 * Parses what commander read by the schema. Only flags that were given are looked at: defaults are the schema's.
 *
 * @throws UsageError that names the flag
 */
export function parseFlags<S extends z.ZodObject>(
  schema: S,
  given: Readonly<Record<string, unknown>>,
  defaults: Readonly<Record<string, unknown>> = {},
): z.output<S> {
  const options = new Map(optionsOf(schema).map((option) => [option.key, option]));
  const values = Object.entries(given).map(([key, value]) => {
    const type = options.get(key)?.type;
    const codec = type === 'structured' && typeof value === 'string' ? codecOf(key) : undefined;
    if (codec && typeof value === 'string') return [key, codec.parse(value)] as const;
    if (type === 'boolean' && (value === 'true' || value === 'false')) return [key, value === 'true'] as const;
    if (type !== 'number' || value === null) return [key, value] as const;
    const number = String(value).trim() === '' ? Number.NaN : Number(value);
    if (Number.isNaN(number)) throw new UsageError(`${flagOf(key)}: ${quote(String(value))} is not a number.`);
    return [key, number] as const;
  });
  const all = { ...defaults, ...Object.fromEntries(values) };
  const parsed = schema.safeParse(all);
  if (parsed.success) return parsed.data;
  const messages = parsed.error.issues.map((issue) => messageInCommands(optionError(issue, schema, all)));
  throw new UsageError(messages.join('\n'));
}
