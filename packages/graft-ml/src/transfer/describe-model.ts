import { nearestNames } from '@graft-ml/core/internal/base/choice';
import { call } from '@graft-ml/core/internal/base/code';
import { UserError } from '@graft-ml/core/internal/base/errors';
import { printableName } from '@graft-ml/core/internal/base/printable';
import { sizeOf } from '@graft-ml/core/internal/base/tensor';
import { imageNetwork } from '@graft-ml/core/internal/fit/network';
import { variablesOf } from '@graft-ml/core/internal/fit/step';
import type { WeightsEntry } from '@graft-ml/core/internal/weights/registry/entry';
import { entriesOf, pretrainedConfig } from '@graft-ml/core/internal/weights/registry/lookup';
import { getModel, listArchitectures, listModels, type NamedArchitecture } from '@graft-ml/core/models';
import { cachedWeights } from '../checkpoint/fetch-weights.ts';

/** An architecture of the zoo, and the weights that are published for it. */
export interface ArchitectureDescription {
  readonly name: string;
  /** The number of values in the parameters, with 1000 outputs. */
  readonly parameters: number;
  /** The side of the square the network sees, in pixels. */
  readonly imageSize: number;
  /** The paper. */
  readonly source: string;
  /** The default comes first; none where nobody has published any. */
  readonly weights: readonly WeightsEntry[];
}

/** Published weights, and the path of their file in the cache; null where it has not been downloaded. */
export type WeightsDescription = WeightsEntry & { readonly cached: string | null };

/**
 * Describes an architecture without computing anything with it. @throws OptionError with the nearest names where there
 * is none
 */
export function describeArchitecture(name: string): ArchitectureDescription {
  const model = getModel(name);
  const weights = entriesOf(name);
  const published = weights.find(({ classes }) => classes === 'imagenet1k');
  const parameters = published ? published.parameters : countParameters(model);
  return { name, parameters, imageSize: model.preprocessing.crop, source: model.source, weights };
}

/** Describes published weights, by their name or that of their architecture. @throws UserError where there are none */
export function describeWeights(name: string): WeightsDescription {
  const entry = pretrainedConfig(name);
  return { ...entry, cached: cachedWeights(entry) };
}

function countParameters(model: NamedArchitecture): number {
  const variables = variablesOf(imageNetwork(model, model.preprocessing, 1000));
  const parameters = [...variables.values()].filter(({ kind }) => kind === 'parameter');
  return parameters.reduce((sum, { shape }) => sum + sizeOf(shape), 0);
}

/** The error for a name of neither an architecture nor published weights, with the nearest ones. */
export function unknownModel(name: string): UserError {
  const near = nearestNames(name, [...listArchitectures(), ...listModels('**', { pretrained: true })]);
  const pattern = call('listModels', [`${name}*`]);
  return new UserError(
    `"${printableName(name)}" is neither an architecture nor published weights.${near} ${pattern} lists those whose names begin so.`,
  );
}
