import { textError } from '@graft-ml/core/internal/base/text-codec';
import type { OptionInfo } from '@graft-ml/core/internal/recipe/config/options';
import type { Distribution } from '@graft-ml/core/internal/study/study';
import { codecOf, textOf } from './options.ts';

/** The syntax of a range and of choices, for help and messages. */
export const spaceSyntax =
  'a range as in 1e-4..1e-2, 1e-4..1e-2:log or 0..0.5:step=0.1, choices with commas between them, or one value';

/** An option in a study: varied, or the same in every trial. */
export type SpaceOption = { readonly distribution: Distribution } | { readonly value: unknown };

/**
 * Reads an option of a study: `8..64:log`, `0..0.5:step=0.1`, `sgd,adamw`, `0.01`. Where a value has commas itself, as a
 * list of augmentations does, `|` stands between the choices: `crop=0.5,flip|none`.
 *
 * @throws OptionError for a text that is none of these
 */
export function parseSpaceOption(info: OptionInfo, text: string): SpaceOption {
  const trimmed = text.trim();
  if (info.type === 'number' && trimmed.includes('..')) return { distribution: parseRange(info, trimmed) };
  const parts = choicesIn(info, trimmed);
  const values = parts.map((part) => parseValue(info, part.trim()));
  if (values.length === 1) return { value: values[0] };
  return { distribution: { kind: 'categorical', choices: values } };
}

/** Parses one value of an option. @throws OptionError */
export function parseValue({ key, type, allowed }: OptionInfo, text: string): unknown {
  if (text === 'null' && allowed.endsWith('null')) return null;
  if (type === 'structured') return codecOf(key)?.parse(text) ?? text;
  if (type === 'boolean') {
    if (text === 'true' || text === 'false') return text === 'true';
    throw textError(key, 'true or false', text);
  }
  if (type === 'string') return text;
  const number = text === '' ? Number.NaN : Number(text);
  if (Number.isNaN(number)) throw textError(key, spaceSyntax, text);
  return number;
}

function parseRange({ key, allowed }: OptionInfo, text: string): Distribution {
  const fail = (problem?: string) => textError(key, spaceSyntax, text, problem);
  const [bounds = '', ...marks] = text.split(':');
  const ends = bounds.split('..');
  const [low, high] = ends.map((end) => (end.trim() === '' ? Number.NaN : Number(end)));
  if (ends.length !== 2 || low === undefined || high === undefined || Number.isNaN(low) || Number.isNaN(high))
    throw fail();
  const log = marks.includes('log');
  const stepText = marks.find((mark) => mark.startsWith('step='))?.slice('step='.length);
  const step = stepText === undefined ? undefined : Number(stepText || Number.NaN);
  if (marks.length !== (log ? 1 : 0) + (step === undefined ? 0 : 1) || Number.isNaN(step)) throw fail();
  const shape = { low, high, ...(log && { log }), ...(step !== undefined && { step }) };
  return { kind: allowed.startsWith('integer') ? 'int' : 'float', ...shape };
}

/** The choices of a text. A comma that belongs to a value does not divide. */
function choicesIn({ key, type }: OptionInfo, text: string): string[] {
  if (text.includes('|')) return text.split('|');
  if (type !== 'structured') return text.split(',');
  const parts = text.split(',').map((part) => part.trim());
  const codec = codecOf(key);
  // `none,light,strong` are three names of an option, and `crop=0.5,flip` is one value.
  const isName = (part: string) => {
    try {
      return typeof codec?.parse(part) === 'string';
    } catch {
      return false;
    }
  };
  return parts.every(isName) ? parts : [text];
}

/** A distribution as `parseSpaceOption` reads it. */
export function formatDistribution(key: string, distribution: Distribution): string {
  if (distribution.kind === 'categorical') {
    const texts = distribution.choices.map((choice) => formatValue(key, choice));
    return texts.join(texts.some((text) => text.includes(',')) ? '|' : ',');
  }
  const { low, high, log, step } = distribution;
  const marks = [...(log ? ['log'] : []), ...(step === undefined || step === null ? [] : [`step=${step}`])];
  return [`${low}..${high}`, ...marks].join(':');
}

/** A value of an option as text. */
export function formatValue(key: string, value: unknown): string {
  return textOf(key, value) ?? (typeof value === 'object' && value !== null ? JSON.stringify(value) : String(value));
}
