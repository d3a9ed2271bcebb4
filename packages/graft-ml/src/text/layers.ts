import { listOf, numberOf, type TextCodec, textError } from '@graft-ml/core/internal/base/text-codec';
import type { LayerRate } from '@graft-ml/core/internal/recipe/config/strategy';
import type { Unfreezing } from '@graft-ml/core/internal/recipe/strategy-stages';

/** `layer1,layer2.0,*.bn?.weight` */
export const patterns: TextCodec<readonly string[]> = {
  syntax: 'blocks, dotted beginnings or globs, with commas between them',
  parse: listOf,
  format: (names) => names.join(','),
};

const steps = 'something like 1:head,4:layer4,7:layer3+layer2,10:all';

/** `1:head,4:layer4+layer3,10:all` */
export const unfreeze: TextCodec<readonly Unfreezing[]> = {
  syntax: steps,
  parse: (text) => {
    const parts = listOf(text);
    const fail = (why: string) => textError('unfreeze', steps, text, ` ${text}: ${why}. Expected ${steps}.`);
    if (parts.length === 0) throw fail('nothing is written');
    return parts.map((part) => {
      const [, epoch, what] = /^(\d+):(.+)$/.exec(part) ?? [];
      const train = what?.split('+').map((pattern) => pattern.trim()) ?? [];
      if (epoch === undefined || train.length === 0 || train.includes('')) throw fail(`"${part}" is not EPOCH:WHAT`);
      return { epoch: Number(epoch), train };
    });
  },
  format: (list) => list.map(({ epoch, train }) => `${epoch}:${train.join('+')}`).join(','),
};

const byPattern = 'PATTERN=RATE, as in head=1e-3,layer4=1e-4,*=1e-5';

/** `head=1e-3,layer4=1e-4,*=1e-5` */
export const rates: TextCodec<readonly LayerRate[]> = {
  syntax: byPattern,
  parse: (text) =>
    listOf(text).map((part) => {
      const [, pattern, number = ''] = /^(.+)=([^=]+)$/.exec(part) ?? [];
      const rate = numberOf(number.trim());
      if (pattern === undefined || !Number.isFinite(rate)) {
        throw textError('rates', byPattern, text, `: "${part}" is not ${byPattern}.`);
      }
      return [pattern.trim(), rate];
    }),
  format: (list) => list.map(([pattern, rate]) => `${pattern}=${rate}`).join(','),
};
