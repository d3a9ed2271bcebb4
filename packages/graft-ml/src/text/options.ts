import { isDeepStrictEqual } from 'node:util';
import { choiceError } from '@graft-ml/core/internal/base/choice';
import { UserError } from '@graft-ml/core/internal/base/errors';
import type { TextCodec } from '@graft-ml/core/internal/base/text-codec';
import { type LogName, logNames } from '@graft-ml/core/internal/fit/loggers/names';
import { head, headHelp } from '@graft-ml/core/internal/models/head-text';
import type { TrainConfig } from '@graft-ml/core/internal/recipe/config/train-config';
import type { MetaConfig } from '@graft-ml/core/internal/recipe/meta/meta-config';
import { augment, augmentHelp } from './augmentation.ts';
import { patterns, rates, unfreeze } from './layers.ts';
import { fold, milestones, perChannel } from './numbers.ts';
import { split } from './split.ts';

/** The textual form of an option. */
interface TextOption<T> {
  readonly codec: TextCodec<T>;
  /** Its syntax, for the help: comes before the first semicolon of the option's description. */
  readonly help?: string;
}

/** The options that are more than a text, a number or a choice. */
type StructuredKey<Options> = {
  [K in keyof Options]-?: NonNullable<Options[K]> extends string | number | boolean ? never : K;
}[keyof Options];

type Options = Omit<MetaConfig, keyof TrainConfig> & TrainConfig;

/** `csv,tensorboard` */
const log: TextCodec<readonly LogName[]> = {
  syntax: `some of ${logNames.join(', ')}, with commas between them`,
  parse: (text) =>
    text.split(',').map((name) => {
      const known = logNames.find((each) => each === name.trim());
      if (known === undefined) throw choiceError('log', name.trim(), logNames);
      return known;
    }),
  format: (names) => names.join(','),
};

/** Every structured option of training and meta-learning: one that is forgotten does not compile. */
const textOptions: { readonly [K in StructuredKey<Options>]: TextOption<NonNullable<Options[K]>> } = {
  head: { codec: head, help: headHelp },
  mean: { codec: perChannel('mean'), help: ', as in 0.485,0.456,0.406' },
  std: { codec: perChannel('std') },
  unfreeze: {
    codec: unfreeze,
    help: ', as in 1:head,4:layer4,7:layer3+layer2,10:all (a list that begins with 0 counts from 0)',
  },
  freeze: { codec: patterns, help: ', with commas between them' },
  train: { codec: patterns },
  rates: { codec: rates, help: ': head=1e-3,layer4=1e-4,*=1e-5' },
  milestones: { codec: milestones, help: ', as in 10,20' },
  augment: { codec: augment, help: `: ${augmentHelp}` },
  fold: { codec: fold, help: ': 2/5 is the second of five' },
  log: { codec: log, help: ', with a comma between them' },
  split: {
    codec: split,
    help:
      ': auto (by the folders train, val and test where there are such; Omniglot as 1200/423; else 60/20/20%, or for ' +
      'learners that train nothing all classes on every side, where a side would have fewer than `way`), shares as ' +
      'in 60/20/20%, numbers as in 1100/100/423 or 1200/423, background/evaluation, or a folder such as Futurama or ' +
      'Futurama:16/5/5',
  },
};

const byKey: Readonly<Record<string, TextOption<unknown>>> = textOptions;

/** The codec of the option of this name; undefined where it is no structured one. */
export function codecOf(key: string): TextCodec<unknown> | undefined {
  return Object.hasOwn(byKey, key) ? byKey[key]!.codec : undefined;
}

/** A value as text, where the text says all of it; undefined for a value of another option, and where it does not. */
export function textOf(key: string, value: unknown): string | undefined {
  const codec = value === null ? undefined : codecOf(key);
  if (!codec) return undefined;
  try {
    const text = codec.format(value);
    return isDeepStrictEqual(codec.parse(text), value) ? text : undefined;
  } catch (error) {
    if (error instanceof UserError) return undefined;
    throw error;
  }
}

/** The syntax of an option as text, for the help; '' where its description says all. */
export function textHelpOf(key: string): string {
  return (Object.hasOwn(byKey, key) ? byKey[key]!.help : undefined) ?? '';
}

/** Options that had another name in version 0.1, by that. */
const renamed: Readonly<Record<string, string>> = { trunkRate: 'backboneRate' };

/** Options as version 0.1 wrote them, under the names of today, and texts as the values that they stand for. */
export function withoutTexts(options: unknown): unknown {
  if (typeof options !== 'object' || options === null) return options;
  const values = Object.entries(options).map(([name, value]) => {
    const key = Object.hasOwn(renamed, name) ? renamed[name]! : name;
    const codec = codecOf(key);
    return [key, codec && typeof value === 'string' ? codec.parse(value) : value];
  });
  return Object.fromEntries(values);
}
