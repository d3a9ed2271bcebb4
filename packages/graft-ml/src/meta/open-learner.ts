import type { CheckpointName } from '@graft-ml/core/internal/fit/checkpoint-files';
import * as core from '@graft-ml/core/internal/runs/open-learner';
import { openBackbone } from '../checkpoint/backbone.ts';
import { type OpenRunStore, openRunStore, ownOnnx } from '../runs/run-store.ts';
import { readMetaRun } from './read-meta-run.ts';

/**
 * The best checkpoint of a run of meta-learning. `way` is the number of classes of the tasks to come; default: the
 * run's own.
 * @throws UserError where the folder is no such run, has no checkpoint yet, or its head cannot be made to fit
 */
export async function openLearner(
  path: string,
  way?: number,
  checkpoint: CheckpointName = 'best',
  openStore: OpenRunStore = openRunStore,
): Promise<core.OpenLearner> {
  const run = await readMetaRun(path, openStore);
  const onnxFile = ownOnnx(path, run, openStore);
  const backbone = await openBackbone(core.backboneOf(run), { onnxFile });
  return core.openLearner(path, { run, backbone, way, checkpoint, openStore });
}
