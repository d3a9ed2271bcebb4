import { UserError } from '@graft-ml/core/internal/base/errors';
import { printableName } from '@graft-ml/core/internal/base/printable';
import { isJsonObject } from '@graft-ml/core/internal/base/shallow-json';
import type { JobHandler } from './job.ts';

interface JobKind {
  load(): Promise<JobHandler>;
  /** Whether its process may do the next job of this kind: short jobs, which hold what the next one needs. */
  readonly isShort: boolean;
  /** What a process holds that does such a job, where jobs of the kind differ in that: it is given the next with the same. */
  holds?(task: unknown): string;
}

/** The kinds of jobs. A process loads the handler of its own. */
const kinds: Readonly<Record<string, JobKind>> = {
  train: { load: async () => (await import('./train-job.ts')).trainHandler, isShort: false },
  'meta-train': { load: async () => (await import('./meta-train-job.ts')).metaTrainHandler, isShort: false },
  features: { load: async () => (await import('./features.ts')).featuresHandler, isShort: true },
  'meta-tasks': { load: async () => (await import('./meta-tasks.ts')).metaTasksHandler, isShort: true },
  'local-steps': {
    load: async () => (await import('./local-steps.ts')).localStepsHandler,
    isShort: true,
    // A worker's images, and the state of its optimizer.
    holds: (task) => (isJsonObject(task) ? JSON.stringify([task.run, task.worker]) : ''),
  },
};

/** @throws UserError where there is no such kind */
export function jobKind(name: string): JobKind {
  const kind = Object.hasOwn(kinds, name) ? kinds[name] : undefined;
  if (kind) return kind;
  throw new UserError(`There are no jobs of the kind ${printableName(name)} in this version of Graft.`);
}
