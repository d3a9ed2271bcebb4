import { didYouMean } from '@graft-ml/core/internal/base/choice';
import { quote } from '@graft-ml/core/internal/base/quote';

/** Short names that everyone knows, for files, for `lr=0.01` and for `--lr 0.01`. */
export const optionAliases: Readonly<Record<string, string>> = {
  lr: 'learningRate',
  batch: 'batchSize',
  bs: 'batchSize',
  o: 'output',
};

/** The key of an option in any accepted spelling: `learning-rate` and `lr` are `learningRate`. */
export function optionKey(written: string): string {
  const camel = written.replace(/-([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
  return Object.hasOwn(optionAliases, camel) ? optionAliases[camel]! : camel;
}

export function unknownOption(written: string, keys: readonly string[], shownBy: string): string {
  return `${quote(written)} is no option.${didYouMean(optionKey(written), keys)} \`${shownBy}\` shows them all.`;
}
