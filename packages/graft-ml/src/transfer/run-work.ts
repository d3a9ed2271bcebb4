import { UserError } from '@graft-ml/core/internal/base/errors';
import { continuationOf } from '@graft-ml/core/internal/recipe/auto';
import { resolveConfig } from '@graft-ml/core/internal/recipe/config/index';
import { type StageWork, trainingWork } from '@graft-ml/core/internal/recipe/training-work';
import { isTrainedByProgram, type Run } from '@graft-ml/core/internal/runs/run-file';
import { openBackbone } from '../checkpoint/backbone.ts';
import { type OpenRunStore, ownOnnx } from '../runs/run-store.ts';

/**
 * The floating-point operations of a run's training by stage, as its options plan them; null where they do not say how
 * it was trained: a program did that, or it was adapted.
 */
export async function runWork(path: string, run: Run, openStore?: OpenRunStore): Promise<StageWork[] | null> {
  if (isTrainedByProgram(run) || run.adaptedFrom !== null) return null;
  const config = resolveConfig(run.config);
  try {
    const { model } = await openBackbone({ ...config, weights: null }, { onnxFile: ownOnnx(path, run, openStore) });
    return trainingWork(model, {
      config,
      preprocessing: run.preprocessing,
      classes: run.classes.length,
      images: run.dataset.train,
      continuation: run.decision ? continuationOf(run.decision) : null,
    });
  } catch (error) {
    // Options of another version may make no plan today: then there is no count.
    if (error instanceof UserError) return null;
    throw error;
  }
}
