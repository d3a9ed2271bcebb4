import { UserError } from '@graft-ml/core';
import { isGlob } from '@graft-ml/core/internal/base/glob';
import { printableName } from '@graft-ml/core/internal/base/printable';
import { entriesOf } from '@graft-ml/core/internal/weights/registry/lookup';
import { listModels } from '@graft-ml/core/models';

/** A model among others: an architecture with weights of its own. */
export interface ModelCandidate {
  /** An architecture. */
  readonly model: string;
  /** A file, a tag or a name of published weights; null: random numbers. */
  readonly weights: string | null;
}

/** A candidate with its name among the others. */
export interface NamedCandidate {
  readonly name: string;
  /** As `loadModel` takes it. */
  readonly model: string;
  /** Undefined: those that the name stands for. */
  readonly weights?: string | null;
}

/**
 * The candidates that names stand for, each once. A pattern stands for every architecture that it fits and that has
 * published weights, with the default ones; one with a slash or a dot for the published weights that it fits.
 *
 * @throws UserError where a pattern fits none
 */
export function candidatesOf(models: readonly (string | ModelCandidate)[]): NamedCandidate[] {
  const all = models.flatMap((each): readonly NamedCandidate[] => {
    if (typeof each !== 'string') {
      const { model, weights } = each;
      return [{ name: weights === null ? `${model} (random)` : `${model}=${weights}`, model, weights }];
    }
    return isGlob(each) ? fitting(each) : [{ name: each, model: each }];
  });
  return all.filter(({ name }, i) => all.findIndex((other) => other.name === name) === i);
}

function fitting(pattern: string): NamedCandidate[] {
  const names = /[/.]/.test(pattern)
    ? listModels(pattern, { pretrained: true })
    : listModels(pattern).filter((name) => entriesOf(name).length > 0);
  if (names.length === 0) {
    throw new UserError(
      `"${printableName(pattern)}" fits no architecture with published weights. \`listModels("${printableName(pattern)}")\` ` +
        'lists architectures, with `{ pretrained: true }` weights.',
    );
  }
  return names.map((name) => ({ name, model: name }));
}
