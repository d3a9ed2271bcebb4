import { UsageError } from '@graft-ml/core/internal/base/errors';
import type { Profiler } from '../runs/profile.ts';

/** The profiler of `--profile`. @throws UsageError beside options by which others train, whose time it would not see */
export async function openProfiler(steps: number, others: Readonly<Record<string, unknown>>): Promise<Profiler> {
  const [other] = Object.entries(others).find(([, value]) => value !== null && value !== undefined) ?? [];
  if (other) throw new UsageError(`--profile measures one run in this process: not beside --${other}.`);
  const { Profiler } = await import('../runs/profile.ts');
  return new Profiler({ steps });
}
