import { option } from '../base/code.ts';
import { UserError } from '../base/errors.ts';
import type { ResolvedMetaConfig } from '../recipe/meta/index.ts';

/** The options that decide what the graph of a task takes. */
export type TaskSize = Pick<
  ResolvedMetaConfig,
  'innerSteps' | 'testSteps' | 'way' | 'shots' | 'queries' | 'order' | 'learner'
>;

/**
 * Whether the sessions of all threads fit into the bytes that are there.
 * @throws UserError that says what they need, what there is, and what to lower
 */
export function assertTasksFit(perThread: number, threads: number, config: TaskSize, available: number): void {
  if (perThread * threads <= available) return;
  const { innerSteps, testSteps, way, shots, queries, order } = config;
  const fitting = Math.floor(available / perThread);
  const steps = innerSteps === null ? [] : [option('innerSteps', innerSteps)];
  const tests = testSteps === null ? [] : [option('testSteps', testSteps)];
  const lower = [
    ...steps,
    ...tests,
    option('queries', queries),
    option('shots', shots),
    option('way', way),
    option('imageSize'),
  ];
  throw new UserError(
    `The graph of a task takes about ${formatBytes(perThread)} of memory in each thread, ` +
      `${formatBytes(perThread * threads)} in ${threads}, and ${formatBytes(available)} are there. ` +
      (fitting > 0 ? `${option('threads', fitting)} would fit. ` : '') +
      `Lower ${lower.join(', ')} or the filters of ${option('model')}` +
      (innerSteps !== null && order === 2
        ? ', or pass `order: 1`, which frees what an inner step took when it is done.'
        : '.'),
  );
}

/** `340 MB`, `4.6 GB`. */
export function formatBytes(bytes: number): string {
  return bytes < 1e9 ? `${Math.ceil(bytes / 1e6)} MB` : `${(bytes / 1e9).toFixed(1)} GB`;
}
