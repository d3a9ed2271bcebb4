import { OptionError, UserError } from '@graft-ml/core/internal/base/errors';
import { type OptionInfo, optionsOf } from '@graft-ml/core/internal/recipe/config/options';
import { valueError } from '@graft-ml/core/internal/recipe/config/parse';
import { configGroups, trainConfigSchema } from '@graft-ml/core/internal/recipe/config/train-config';
import { metaConfigGroups, metaConfigSchema } from '@graft-ml/core/internal/recipe/meta/meta-config';
import { isMap, isScalar, isSeq, LineCounter, type Node, type Pair, parseDocument, stringify } from 'yaml';
import { z } from 'zod';
import { optionKey, unknownOption } from './option-names.ts';
import { codecOf, textOf } from './options.ts';
import { describeAsText } from './wording.ts';

/** The longest text, in characters. With every option and its comment there are some twenty thousand. */
const longest = 200_000;

/** Options that a file can hold. */
export interface ConfigTable {
  readonly schema: z.ZodObject;
  /** The options by what they are about: a file may put them under these names. */
  readonly groups: Readonly<Record<string, z.ZodRawShape>>;
  /** The command that shows them all. */
  readonly shownBy: string;
  /** The first sentence of a file. */
  readonly heading: string;
}

/** The options of `graft train`. */
export const trainTable: ConfigTable = {
  schema: trainConfigSchema,
  groups: configGroups,
  shownBy: 'graft config',
  heading: 'Options of a training run: graft train <folder> --config <this file>. Where null stands, the run chooses.',
};

/** The options of `graft meta train`. */
export const metaTable: ConfigTable = {
  schema: metaConfigSchema,
  groups: metaConfigGroups,
  shownBy: 'graft meta config',
  heading:
    'Options of meta-learning: graft meta train <folder> --config <this file>. Where null stands, the run chooses.',
};

/**
 * Options from YAML, or from JSON, which is YAML too: under their names (`learningRate` or `learning-rate`), at the top
 * or in the groups of the table. Nothing is executed, and nothing stands for more than it is: YAML's references and
 * tags are refused, and so is a key that no option has.
 *
 * @param source the file's name, for messages
 * @param table the options that there are
 * @throws UserError with the file and the line
 */
export function parseConfigText(
  text: string,
  source: string,
  { schema, groups, shownBy }: ConfigTable = trainTable,
): Record<string, unknown> {
  if (text.length > longest)
    throw new UserError(`${source} is too long for a list of options: over ${longest} characters.`);
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, merge: false });
  const at = (offset: number | undefined) => `${source}, line ${lines.linePos(offset ?? 0).line}`;
  const [error] = [...document.errors, ...document.warnings];
  if (error) throw new UserError(`${at(error.pos[0])}: ${error.message}.`);
  const root = document.contents;
  if (root === null) return {};
  if (!isMap(root)) throw new UserError(`${source} holds no options. It should look like this: learningRate: 0.001`);
  const options = new Map(optionsOf(schema).map((option) => [option.key, option]));
  const values: Record<string, unknown> = {};
  const read = (pair: Pair, group: string | null) => {
    const where = at((pair.key as Node | null)?.range?.[0]);
    const written = isScalar(pair.key) ? String(pair.key.value) : '';
    if (group === null && Object.hasOwn(groups, written) && isMap(pair.value)) {
      for (const inner of pair.value.items) read(inner, written);
      return;
    }
    const option = options.get(optionKey(written));
    if (!option) throw new UserError(`${where}: ${unknownOption(written, [...options.keys()], shownBy)}`);
    if (group !== null && !(option.key in groups[group]!)) {
      throw new UserError(`${where}: ${option.key} does not belong under ${group}. Put it at the top.`);
    }
    if (option.key in values) throw new UserError(`${where}: ${option.key} stands here twice.`);
    values[option.key] = checked(readValue(pair.value, option, schema, where), option, schema, where);
  };
  for (const pair of root.items) read(pair, null);
  return values;
}

/** The value of an option in the file, where it is one that an option can have. */
function readValue(node: unknown, option: OptionInfo, schema: z.ZodObject, where: string): unknown {
  if (node === null) return null;
  const { key, type } = option;
  const codec = codecOf(key);
  if (type !== 'structured' || !codec) return plain(node, option, where);
  if (isScalar(node)) {
    const value = plain(node, option, where);
    const text = typeof value === 'string' ? value : (node.source ?? String(value));
    return value === null ? null : parsed(() => codec.parse(text), where);
  }
  const value = nested(node, option, where);
  // A list of texts, such as `[crop=0.7, rotate=10]`, is the text with commas between them.
  const isTexts = Array.isArray(value) && value.every((item) => typeof item !== 'object');
  if (!isTexts || z.safeParse(schema.shape[key]!, value).success) return value;
  return parsed(() => codec.parse(value.join(',')), where);
}

/** @throws UserError with the place in the file, where a text stands for no value */
function parsed<T>(read: () => T, where: string): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof OptionError) throw new UserError(`${where}: ${error.message}`, { cause: error });
    throw error;
  }
}

/** No option holds lists in lists in lists. */
const deepest = 4;

/** A list or a map of the file, with all that is in it. */
function nested(node: unknown, option: OptionInfo, where: string, depth = 0): unknown {
  const refuse = () => new UserError(`${where}: ${option.key} should be ${option.allowed}.`);
  if (isScalar(node)) return plain(node, option, where);
  if (depth > deepest || !(isSeq(node) || isMap(node)) || node.anchor || node.tag) throw refuse();
  if (isSeq(node)) return node.items.map((item) => nested(item, option, where, depth + 1));
  const entries = node.items.map(({ key, value }) => {
    if (!isScalar(key) || key.anchor || key.tag) throw refuse();
    return [String(key.value), nested(value, option, where, depth + 1)];
  });
  return Object.fromEntries(entries);
}

function plain(node: unknown, { key, type, allowed }: OptionInfo, where: string): unknown {
  const isPlain = isScalar(node) && !node.anchor && !node.tag;
  if (!isPlain) throw new UserError(`${where}: ${key} should be ${allowed}.`);
  const { value, source } = node;
  // A text that looks like a number, such as the seed 1e3 of a name.
  return type === 'string' && value !== null ? (typeof value === 'string' ? value : source) : value;
}

/** @throws UserError where the option's schema refuses the value */
function checked(value: unknown, option: OptionInfo, schema: z.ZodObject, where: string): unknown {
  const parsed = z.safeParse(schema.shape[option.key]!, value);
  if (parsed.success) return parsed.data;
  throw new UserError(`${where}: ${valueError(parsed.error.issues[0]!, option, value).message}`);
}

/**
 * A configuration as YAML that `parseConfigText` reads back: every option, under its group, with what it means, what it
 * may be and what it is by default.
 */
export function formatConfig(config: object, { schema, groups, heading }: ConfigTable = trainTable): string {
  const options = new Map(optionsOf(schema).map((option) => [option.key, option]));
  const values = new Map<string, unknown>(Object.entries(config));
  const group = ([name, schemas]: [string, object]) => {
    const entries = Object.keys(schemas).map((key) => formatOption(options.get(key)!, values.get(key)));
    return `${name}:\n${entries.join('\n\n')}`;
  };
  return `${[wrap(heading, ''), ...Object.entries(groups).map(group)].join('\n\n')}\n`;
}

function formatOption({ key, description, allowed, default: usual, type }: OptionInfo, value: unknown): string {
  const what = `[${type === 'structured' ? (allowed.endsWith('null') ? 'text | null' : 'text') : allowed}]`;
  const comment = [
    describeAsText(key, description),
    `${what}${usual === null ? '' : ` default: ${scalar(key, usual)}`}`,
  ];
  return [...comment.map((text) => wrap(text, '  ')), `  ${key}: ${scalar(key, value)}`].join('\n');
}

/** A value on one line: as text where that says all of it. */
function scalar(key: string, value: unknown): string {
  const options = { lineWidth: 0, blockQuote: false, collectionStyle: 'flow' } as const;
  return stringify(textOf(key, value) ?? value, options).replace(/\n$/, '');
}

/** A comment of lines that are not too long. */
function wrap(text: string, indent: string): string {
  const lines = [''];
  for (const word of text.split(/\s+/)) {
    const last = lines.at(-1)!;
    if (last !== '' && indent.length + last.length + word.length > 96) lines.push(word);
    else lines[lines.length - 1] = last === '' ? word : `${last} ${word}`;
  }
  return lines.map((line) => `${indent}# ${line}`).join('\n');
}
