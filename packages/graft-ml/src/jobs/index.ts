export type { Executor, JobEvent } from './executor.ts';
export type { DataReference, Job, JobContext, JobHandler } from './job.ts';
export { type LocalExecutorOptions, localExecutor } from './local-executor.ts';
export type { ObjectStore } from './object-store.ts';
export { openStore } from './open-store.ts';
export { type QueueExecutorOptions, queueExecutor } from './queue-executor.ts';
export { type DoJob, type QueueWorkerOptions, runWorker, type WorkerEvent } from './queue-worker.ts';
export { fetchData, shipData } from './shipped-data.ts';
