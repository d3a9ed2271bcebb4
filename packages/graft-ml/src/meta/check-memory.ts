import { totalmem } from 'node:os';
import { assertTasksFit, type TaskSize } from '@graft-ml/core/internal/runs/check-memory';

export { formatBytes } from '@graft-ml/core/internal/runs/check-memory';

/** Bytes that a process may still take: on Linux what is free, within its container's limit; elsewhere all there is. */
export function availableMemory(): number {
  // macOS counts what it would give back at once (caches, compressed pages) as taken.
  return process.platform === 'linux' ? process.availableMemory() : totalmem();
}

/**
 * Whether the sessions of all threads fit. @throws UserError that says what they need, what there is, and what to lower
 */
export function checkMemory(perThread: number, threads: number, config: TaskSize, available = availableMemory()): void {
  assertTasksFit(perThread, threads, config, available);
}
