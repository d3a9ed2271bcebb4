import { parseConfig, resolveConfig, strategies, type TrainConfigInput } from '@graft-ml/core/internal/recipe/index';

/** Floating-point operations a second of one thread of WebAssembly on a laptop. */
const usualRate = 15e9;

export interface Cost {
  /** Floating-point operations of the whole training, evaluations not counted. */
  readonly flops: number;
  /** About how long that takes, in seconds. */
  readonly seconds: number;
}

/** The work of a training, counted in its graphs; null where that depends on what comes of its first epochs. */
export async function costOf(config: TrainConfigInput, classes: number, images: number): Promise<Cost | null> {
  const { flopsByEpoch, trainingWork } = await import('@graft-ml/core/internal/recipe/training-work');
  const { getModel } = await import('@graft-ml/core/models');
  const resolved = resolveConfig(parseConfig(config));
  const model = getModel(resolved.model);
  if (strategies[resolved.strategy].isDecidedByProbe) return null;
  const training = Math.max(1, Math.round(images * (1 - resolved.validationFraction)));
  const work = trainingWork(model, { config: resolved, preprocessing: model.preprocessing, classes, images: training });
  const flops = flopsByEpoch(work).reduce((sum, each) => sum + each, 0);
  return { flops, seconds: flops / usualRate };
}
