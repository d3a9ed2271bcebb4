import type { TrainConfig } from '@graft-ml/core/internal/recipe/config/index';
import type { DatasetOptions } from './dataset.ts';
import type { ShapeOptions } from './readers/found.ts';

/** The options by which a configuration opens its dataset, now and later. */
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

/** The part of a configuration by which a dataset is opened again as it was with these options. */
export function optionsInConfig(options: DatasetOptions): Partial<TrainConfig> {
  const keys = [
    ...['seed', 'validationFraction', 'testFraction', 'classDepth', 'strict', 'maxPerClass', 'fold'],
    ...shapeKeys,
  ];
  return Object.fromEntries(
    Object.entries(options).filter(([key, value]) => keys.includes(key) && value !== undefined),
  );
}

/** The options given about the shape of a dataset. */
export function shapeOptionsOf(config: Pick<TrainConfig, (typeof shapeKeys)[number]>): ShapeOptions {
  const given = shapeKeys.filter((key) => config[key] !== null && config[key] !== false);
  return Object.fromEntries(given.map((key) => [key, config[key]]));
}

const shapeKeys = ['parts', 'followLinks', 'labelRegex', 'pathColumn', 'labelColumn', 'splitColumn'] as const;
