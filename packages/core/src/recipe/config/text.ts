import { isMap, isScalar, isSeq, LineCounter, type Node, type Pair, parseDocument, stringify } from 'yaml';
import * as z from 'zod';
import { didYouMean } from '../../base/choice.ts';
import { UserError } from '../../base/errors.ts';
import { quote } from '../../base/quote.ts';
import { configGroups, trainConfigSchema } from './index.ts';
import { type OptionInfo, optionsOf } from './options.ts';
import { valueError } from './parse.ts';

/** In characters. With every option and its comment there are some twenty thousand. */
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

/** Of `graft train`. */
export const trainTable: ConfigTable = {
  schema: trainConfigSchema,
  groups: configGroups,
  shownBy: 'graft config',
  heading: 'Options of a training run: graft train <folder> --config <this file>. Where null stands, the run chooses.',
};

/** Short names that everyone knows, for files, for `lr=0.01` and for `--lr 0.01`. */
export const optionAliases: Readonly<Record<string, string>> = {
  lr: 'learningRate',
  batch: 'batchSize',
  bs: 'batchSize',
  o: 'output',
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
    values[option.key] = checked(readValue(pair.value, option, where), option, schema, where);
  };
  for (const pair of root.items) read(pair, null);
  return values;
}

/** The key of an option as people may write it: `learning-rate` and `lr` are `learningRate`. */
export function optionKey(written: string): string {
  const camel = written.replace(/-([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
  return Object.hasOwn(optionAliases, camel) ? optionAliases[camel]! : camel;
}

export function unknownOption(written: string, keys: readonly string[], shownBy: string): string {
  return `${quote(written)} is no option.${didYouMean(optionKey(written), keys)} \`${shownBy}\` shows them all.`;
}

/** What a value of the file is, where it is one that an option can have. */
function readValue(node: unknown, option: OptionInfo, where: string): unknown {
  if (node === null) return null;
  // What is listed by commas elsewhere may be a list here.
  if (isSeq(node) && option.type === 'string') return node.items.map((item) => plain(item, option, where)).join(',');
  return plain(node, option, where);
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
export function formatConfig(
  config: Readonly<Record<string, unknown>>,
  { schema, groups, heading }: ConfigTable = trainTable,
): string {
  const options = new Map(optionsOf(schema).map((option) => [option.key, option]));
  const group = ([name, schemas]: [string, object]) => {
    const entries = Object.keys(schemas).map((key) => formatOption(options.get(key)!, config[key]));
    return `${name}:\n${entries.join('\n\n')}`;
  };
  return `${[wrap(heading, ''), ...Object.entries(groups).map(group)].join('\n\n')}\n`;
}

function formatOption({ key, description, allowed, default: usual }: OptionInfo, value: unknown): string {
  const scalar = (of: unknown) => stringify(of, { lineWidth: 0, blockQuote: false }).replace(/\n$/, '');
  const comment = [description, `[${allowed}]${usual === null ? '' : ` default: ${scalar(usual)}`}`];
  return [...comment.map((text) => wrap(text, '  ')), `  ${key}: ${scalar(value)}`].join('\n');
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
