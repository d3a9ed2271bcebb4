import { Option } from 'commander';
import { z } from 'zod';
import { UsageError } from '../base/errors.ts';
import { kebabCase } from '../base/kebab-case.ts';

/** One flag, read off the schema of a command's options. */
export interface Flag {
  readonly key: string;
  /** `--learning-rate <number>`, `--no-augment`, `--strict` */
  readonly syntax: string;
  readonly description: string;
  readonly type: 'string' | 'number' | 'boolean';
  readonly defaultText: string;
}

interface Property {
  readonly type?: string;
  readonly anyOf?: readonly { readonly type?: string }[];
  readonly description?: string;
  readonly default?: unknown;
}

/** The flags of a command, in the order of its table. */
export function flagsOf(schema: z.ZodObject): Flag[] {
  const { properties = {} } = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as {
    properties?: Record<string, Property>;
  };
  return Object.entries(properties).map(([key, property]) => {
    const name = property.anyOf?.find((option) => option.type !== 'null')?.type ?? property.type;
    const type = name === 'boolean' ? 'boolean' : name === 'number' || name === 'integer' ? 'number' : 'string';
    const kebab = kebabCase(key);
    const value = type === 'number' ? ' <number>' : ' <value>';
    const syntax =
      type === 'boolean' ? (property.default === true ? `--no-${kebab}` : `--${kebab}`) : `--${kebab}${value}`;
    const shown = property.default === null || type === 'boolean' ? undefined : property.default;
    return {
      key,
      syntax,
      type,
      description: `${property.default === true ? 'do not: ' : ''}${property.description ?? ''}`,
      defaultText: shown === undefined ? '' : String(shown),
    };
  });
}

export function commanderOption({ syntax, description, defaultText }: Flag): Option {
  return new Option(syntax, defaultText ? `${description} (default: ${defaultText})` : description);
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
    if (types.get(key) !== 'number') return [key, value] as const;
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
