import { choiceError } from '@graft-ml/core/internal/base/choice';
import { type LogName, logNames } from '@graft-ml/core/internal/fit/loggers/names';
import type { TextCodec } from './codec.ts';

/** `csv,tensorboard` */
export const log: TextCodec<readonly LogName[]> = {
  syntax: `some of ${logNames.join(', ')}, with commas between them`,
  parse: (text) =>
    text.split(',').map((name) => {
      const known = logNames.find((each) => each === name.trim());
      if (known === undefined) throw choiceError('log', name.trim(), logNames);
      return known;
    }),
  format: (names) => names.join(','),
};
