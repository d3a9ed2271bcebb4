import type { TrainConfig } from '@graft-ml/core/internal/recipe/config/index';
import type { DatasetOptions } from './dataset.ts';
import type { ShapeOptions } from './readers/found.ts';

/** How a configuration opens its dataset; the same for every later look at it. */
export function datasetOptionsOf(config: TrainConfig): DatasetOptions {
  const { seed, validationFraction, testFraction, classDepth, strict, maxPerClass, fold } = config;
  return {
    seed,
    validationFraction,
    testFraction,
    classDepth,
    strict,
    ...(maxPerClass !== null && { maxPerClass }),
    ...(fold && { fold }),
    ...shapeOptionsOf(config),
  };
}

/** What was said about the shape of a dataset. */
export function shapeOptionsOf(config: Pick<TrainConfig, (typeof shapeKeys)[number]>): ShapeOptions {
  const given = shapeKeys.filter((key) => config[key] !== null && config[key] !== false);
  return Object.fromEntries(given.map((key) => [key, config[key]]));
}

const shapeKeys = ['parts', 'followLinks', 'labelRegex', 'pathColumn', 'labelColumn', 'splitColumn'] as const;
