import { dirname, resolve } from 'node:path';
import { choiceError, didYouMean } from '@graft-ml/core/internal/base/choice';
import { inFile, OptionError, UserError } from '@graft-ml/core/internal/base/errors';
import { isJsonObject } from '@graft-ml/core/internal/base/shallow-json';
import { type OptionInfo, optionsOf } from '@graft-ml/core/internal/recipe/config/options';
import type { Distribution } from '@graft-ml/core/internal/study/study';
import { readText } from '../files/read.ts';
import { optionKey } from '../text/option-names.ts';
import { parsePlainYaml } from '../text/plain-yaml.ts';
import { parseSpaceOption, parseValue } from '../text/space.ts';
import { type StudySubject, schemaOf, subjects } from './definition.ts';

/** The commands that show all options. */
const listedBy = { train: 'graft config', 'meta train': 'graft meta config' } as const satisfies Record<
  StudySubject,
  string
>;

/** The options of a study: those that vary, and those that are the same in every trial. */
export interface StudyOptionsRead {
  readonly space: Readonly<Record<string, unknown>>;
  readonly options: Readonly<Record<string, unknown>>;
}

/**
 * Reads options as a person writes them: `learningRate: '1e-4..1e-2:log'`, `optimizer: ['sgd', 'adamw']`,
 * `epochs: 3`, under their names in any spelling.
 *
 * @throws OptionError for an option that there is not, or a text that stands for no values
 */
export function readOptions(of: StudySubject, given: Readonly<Record<string, unknown>>): StudyOptionsRead {
  const known = new Map(optionsOf(schemaOf({ of })).map((info) => [info.key, info]));
  const space: Record<string, unknown> = {};
  const options: Record<string, unknown> = {};
  for (const [written, value] of Object.entries(given)) {
    const key = optionKey(written);
    const info = known.get(key);
    if (!info) throw unknown(of, written, value, [...known.keys()]);
    const read = readOption(info, value);
    if ('distribution' in read) space[key] = read.distribution;
    else options[key] = read.value;
  }
  return { space, options };
}

function readOption(info: OptionInfo, value: unknown): { distribution: unknown } | { value: unknown } {
  if (typeof value === 'string') return parseSpaceOption(info, value);
  if (isJsonObject(value) && 'kind' in value) return { distribution: value };
  if (!Array.isArray(value)) return { value };
  const choices = value.map((each: unknown) => (typeof each === 'string' ? parseValue(info, each) : each));
  return choices.length === 1
    ? { value: choices[0] }
    : { distribution: { kind: 'categorical', choices } satisfies Distribution };
}

/**
 * The definition of a study from a file, YAML or JSON: `data`, `of`, `space` with ranges and choices as text or as
 * objects, `options`, `sampler`, `pruner`, `seeds`, `budget`, `metric`, `seed`, `name`, `parallel`. A relative folder is
 * looked for beside the file.
 *
 * @throws UserError with the file
 */
export async function readStudyFile(path: string): Promise<Record<string, unknown>> {
  const content = parsePlainYaml(await readText(path, { most: 1_000_000 }), path);
  if (!isJsonObject(content)) throw new UserError(`${path} holds no study. It should begin like this: data: photos/`);
  const of = subjects.find((each) => each === (content.of ?? 'train'));
  if (of === undefined) throw choiceError('of', String(content.of), subjects);
  const { space = {}, options = {}, ...others } = content;
  if (!isJsonObject(space) || !isJsonObject(options)) {
    throw new UserError(`${path}: space and options should be maps: options by name.`);
  }
  const { varied, fixed } = await inFile(path, async () => ({
    varied: readOptions(of, space),
    fixed: fixedOptions(of, options),
  }));
  return {
    ...others,
    of,
    ...(typeof content.data === 'string' && { data: resolve(dirname(path), content.data) }),
    ...(typeof content.sampler === 'string' && { sampler: { kind: content.sampler } }),
    ...(typeof content.pruner === 'string' && { pruner: { kind: content.pruner } }),
    space: varied.space,
    options: { ...varied.options, ...fixed },
  };
}

/** Options with one value each: a text is the value that it stands for. */
function fixedOptions(of: StudySubject, given: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const known = new Map(optionsOf(schemaOf({ of })).map((info) => [info.key, info]));
  const values = Object.entries(given).map(([written, value]) => {
    const key = optionKey(written);
    const info = known.get(key);
    if (!info) throw unknown(of, written, value, [...known.keys()]);
    return [key, typeof value === 'string' ? parseValue(info, value) : value] as const;
  });
  return Object.fromEntries(values);
}

function unknown(of: StudySubject, written: string, received: unknown, keys: readonly string[]): OptionError {
  const problem = ` is no option.${didYouMean(optionKey(written), keys)} \`${listedBy[of]}\` shows them all.`;
  return new OptionError({ option: written, expected: 'an option', received, problem });
}
