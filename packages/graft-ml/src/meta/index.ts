export { type Adapted, type AdaptMetaOptions, adaptMeta } from './adapt-meta.ts';
export { availableMemory, checkMemory, formatBytes } from './check-memory.ts';
export { type MetaRun, metaRuns, readMetaRun } from './meta-run.ts';
export { type OpenLearner, openLearner } from './open-learner.ts';
export { startNames } from './starts.ts';
export { type MetaTest, type StepResult, type TestMetaOptions, testMeta, testSides } from './test-meta.ts';
export { type MetaEvent, type MetaReadyEvent, resumeMeta, type TrainMetaOptions, trainMeta } from './train-meta.ts';
