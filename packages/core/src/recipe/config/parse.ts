import * as z from 'zod';
import { choiceError, didYouMean } from '../../base/choice.ts';
import { OptionError } from '../../base/errors.ts';
import { type OptionInfo, optionsOf } from './options.ts';

/**
 * Options with their defaults.
 * @throws OptionError for the first value that an option cannot have, or a key that no option has
 */
export function parseOptions<S extends z.ZodObject>(schema: S, options: unknown): z.output<S> {
  const parsed = schema.safeParse(options);
  if (parsed.success) return parsed.data;
  throw optionError(parsed.error.issues[0]!, schema, options);
}

/** The error for a schema's issue with an option. `options` are those that were given, by their keys. */
export function optionError(issue: z.core.$ZodIssue, schema: z.ZodObject, options: unknown): OptionError {
  const infos = optionsOf(schema);
  const key = String(issue.code === 'unrecognized_keys' ? issue.keys[0] : (issue.path[0] ?? 'options'));
  const received = isRecord(options) ? options[key] : options;
  const info = infos.find((each) => each.key === key);
  if (!info) return unknownOption(key, received, infos);
  return valueError(issue, info, received);
}

/** The parameters that `structured` adds to its issue. */
const paramsSchema = z.object({ expected: z.string(), problem: z.string().optional() }).partial();

/** The error for a schema's issue with the value of an option. */
export function valueError(issue: z.core.$ZodIssue, info: OptionInfo, received: unknown): OptionError {
  const { key: option } = info;
  if (issue.code === 'invalid_value' && typeof received === 'string') {
    return choiceError(option, received, issue.values.map(String));
  }
  const { expected = expectedText(info), problem } =
    issue.code === 'custom' ? (paramsSchema.safeParse(issue.params).data ?? {}) : {};
  return new OptionError({ option, expected, received, ...(problem !== undefined && { problem }) });
}

function unknownOption(key: string, received: unknown, infos: readonly OptionInfo[]): OptionError {
  const keys = infos.map((info) => info.key);
  const problem = ` is no option.${didYouMean(key, keys)} Expected some of: ${keys.join(', ')}.`;
  return new OptionError({ option: key, expected: `some of: ${keys.join(', ')}`, received, problem });
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}

/** `an integer of at least 1`, `a number above 0 and at most 1`, `one of: sgd, adam` */
function expectedText({ allowed, type }: OptionInfo): string {
  const plain = allowed.replace(/ \| null$/, '');
  if (type === 'boolean') return 'true or false';
  if (type === 'structured') return plain;
  if (type !== 'number') return plain.includes(' | ') ? `one of: ${plain.replaceAll(' | ', ', ')}` : 'a text';
  const [, kind, bounds = ''] = /^(integer|number) ?(.*)$/.exec(plain) ?? [];
  const words: Readonly<Record<string, string>> = { '≥': 'of at least', '>': 'above', '≤': 'at most', '<': 'below' };
  const all = bounds.split(', ').map((bound) => bound.replace(/^[≥>≤<]/, (sign) => words[sign]!));
  return `${kind === 'integer' ? 'an integer' : 'a number'} ${all.join(' and ')}`.trimEnd();
}
