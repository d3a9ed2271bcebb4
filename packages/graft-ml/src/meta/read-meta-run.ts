import { type MetaRun, metaRuns } from '@graft-ml/core/internal/runs/meta-run';
import { readRunOf } from '../runs/read-run.ts';
import type { OpenRunStore } from '../runs/run-store.ts';

/**
 * The run of meta-learning in a folder. @throws UserError where there is none, or it is not one of ours, or of ordinary
 * training
 */
export function readMetaRun(path: string, openStore?: OpenRunStore): Promise<MetaRun> {
  return readRunOf(path, metaRuns, openStore);
}
