export { type MetaRun, metaRuns } from '@graft-ml/core/internal/runs/meta-run';
export type { OpenLearner } from '@graft-ml/core/internal/runs/open-learner';
export { type Adapted, type AdaptMetaOptions, adaptMeta } from './adapt-meta.ts';
export { availableMemory, checkMemory, formatBytes } from './check-memory.ts';
export { openLearner } from './open-learner.ts';
export { readMetaRun } from './read-meta-run.ts';
export { startNames } from './starts.ts';
export { type MetaTest, type StepResult, type TestMetaOptions, testMeta, testSides } from './test-meta.ts';
export { type MetaEvent, type MetaReadyEvent, resumeMeta, type TrainMetaOptions, trainMeta } from './train-meta.ts';
