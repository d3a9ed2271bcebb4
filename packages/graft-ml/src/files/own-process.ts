import { existsSync, readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { UserError } from '@graft-ml/core/internal/base/errors';
import { printableName } from '@graft-ml/core/internal/base/printable';
import { packageFile } from './package-file.ts';

/**
 * The built file of what runs in a thread or a process of its own, by its path from `src/`: Node 20 runs no TypeScript in
 * threads, so that even the tests, which run the sources, need it. It is bundled, to be loaded in a fraction of the time.
 */
export function builtProgram(name: string): string {
  const file = packageFile('bundled', name);
  if (!existsSync(file)) throw new Error(`A thread needs ${file}, which is missing. Build it: npm run build`);
  return file;
}

/**
 * The cores to compute on unless an option says otherwise: those that this process may run on, or as many as
 * `GRAFT_THREADS` says, where it has a share of a machine that Node 20 does not see (a container's limit of processor
 * time) or leaves room to others. @throws UserError where it is no number from 1 to 256
 */
export function availableCores(): number {
  const asked = process.env.GRAFT_THREADS;
  if (!asked) return availableParallelism();
  const cores = /^\d+$/.test(asked) ? Number(asked) : 0;
  if (cores >= 1 && cores <= 256) return cores;
  throw new UserError(`GRAFT_THREADS is ${printableName(asked)}, expected a whole number from 1 to 256.`);
}

/** The resident memory of a process; 0 where the system has no file that says so. */
export function residentBytes(pid: number | undefined): number {
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(readProcess(pid, 'status'))?.[1] ?? 0) * 1024;
}

/**
 * The processor time of a process, likewise: fields 14 and 15, in hundredths of a second. (Field 2, a name in
 * parentheses, may have blanks.)
 */
export function processorSeconds(pid: number | undefined): number {
  const fields = readProcess(pid, 'stat').replace(/^.*\)/s, '').split(' ');
  return (Number(fields[12] ?? 0) + Number(fields[13] ?? 0)) / 100;
}

function readProcess(pid: number | undefined, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8');
  } catch {
    return '';
  }
}
