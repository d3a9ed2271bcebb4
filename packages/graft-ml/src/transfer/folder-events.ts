import type { ReadyEvent as Ready, RunEvent } from '@graft-ml/core/internal/runs/run-events';
import type { Dataset } from '../data/dataset.ts';

/** A run is about to begin: what was resolved, before anything is trained. */
export type ReadyEvent = Ready<Dataset>;

/** What happens in a run on a folder of images. */
export type FolderEvent = RunEvent<Dataset>;
