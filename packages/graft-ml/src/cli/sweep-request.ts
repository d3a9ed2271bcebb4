import { UsageError } from '@graft-ml/core/internal/base/errors';
import type { z } from 'zod';
import { checkedStudy, type StudyDefinition } from '../study/definition.ts';
import { readOptions, readStudyFile } from '../study/study-text.ts';
import type { sweepTable } from './options/sweep.ts';

export type SweepFlags = z.output<(typeof sweepTable)['options']>;

/**
 * The study of a command line: a file, or a folder with options, and flags that come before what the file says.
 *
 * @throws UsageError where it names no folder, and OptionError for options that there are not
 */
export async function requestedStudy(words: readonly string[], flags: SweepFlags): Promise<StudyDefinition> {
  const isSetting = (word: string) => /^[A-Za-z][\w-]*=/.test(word);
  const [place, another] = words.filter((word) => !isSetting(word));
  if (place === undefined) throw new UsageError('sweep: which folder? `graft sweep <folder> option=values...`');
  if (another !== undefined) {
    throw new UsageError(`sweep: one folder or file, not ${place} and ${another}. An option is written name=values.`);
  }
  const file = /\.(ya?ml|json)$/i.test(place) ? await readStudyFile(place) : { data: place };
  const of = flags.meta ? 'meta train' : 'of' in file && file.of === 'meta train' ? 'meta train' : 'train';
  const settings = new Map<string, string>();
  for (const word of words.filter(isSetting)) {
    const [name, value] = [word.slice(0, word.indexOf('=')), word.slice(word.indexOf('=') + 1)];
    if (settings.has(name)) throw new UsageError(`sweep: ${name} is given twice.`);
    settings.set(name, value);
  }
  const given = readOptions(of, Object.fromEntries(settings));
  const { sampler, pruner, seeds, metric, seed, parallel } = flags;
  const before = (part: 'space' | 'options') => {
    const written = (part in file ? Reflect.get(file, part) : {}) as Record<string, unknown>;
    return Object.entries(written).filter(([key]) => !(key in given.space) && !(key in given.options));
  };
  return checkedStudy({
    ...file,
    of,
    space: { ...Object.fromEntries(before('space')), ...given.space },
    options: { ...Object.fromEntries(before('options')), ...given.options },
    ...(sampler !== null && { sampler: { kind: sampler } }),
    ...(pruner !== null && { pruner: { kind: pruner } }),
    ...(seeds !== null && { seeds }),
    ...(metric !== null && { metric }),
    ...(seed !== null && { seed }),
    ...(parallel !== null && { parallel }),
    ...budgetOf(flags),
  });
}

/** The budget of the flags, or none where they name none. */
export function budgetOf({ trials, minutes }: SweepFlags): {
  budget?: { trials: number | null; minutes: number | null };
} {
  return trials === null && minutes === null ? {} : { budget: { trials, minutes } };
}
