import { readFile, readlink } from 'node:fs/promises';
import { hostname } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';

/** A note by which a process is known to others, on this machine and elsewhere. */
export const processSchema = z.object({
  pid: z.int().positive(),
  host: z.string(),
  /** The start time of the process, since numbers are reused; null where the system does not tell. */
  started: z.string().nullable(),
  /** The PID namespace: on one machine, containers number their processes apart. */
  processSpace: z.string(),
});

export type ProcessNote = z.output<typeof processSchema>;

/** Describes a process of this machine. */
export async function describeProcess(pid: number): Promise<ProcessNote> {
  const started = (await startOf(pid)) || null;
  return { pid, host: hostname(), started, processSpace: await processSpace() };
}

/** Whether the process still runs; null where it cannot be seen from here. */
export async function isRunning({ pid, host, started, processSpace: space }: ProcessNote): Promise<boolean | null> {
  if (host !== hostname() || space !== (await processSpace())) return null;
  if (!exists(pid)) return false;
  const start = await startOf(pid);
  // Where the system does not tell, it may have ended while it was asked.
  if (start === null) return exists(pid);
  return started === null || start === started;
}

/** Whether there is a process of this number, which may be a zombie. */
function exists(pid: number): boolean {
  try {
    process.kill(pid, 0); // asks, and sends nothing
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** Kills the process that is noted, if it can be seen from here, and waits until it is gone. */
export async function endProcess(note: ProcessNote): Promise<void> {
  while (await isRunning(note)) {
    try {
      process.kill(note.pid, 'SIGKILL');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ESRCH') return; // it ended after it was looked at
      throw error;
    }
    await delay(20);
  }
}

/** The start time of a process, in the system's own words; null where it does not tell. A zombie has none. */
async function startOf(pid: number): Promise<string | null> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => null);
  if (text === null) return null;
  // The second field is the name in parentheses, which may hold anything. State and start are the 3rd and the 22nd.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return fields[0] === 'Z' || fields[0] === 'X' ? '' : (fields[19] ?? null);
}

function processSpace(): Promise<string> {
  return readlink('/proc/self/ns/pid').catch(() => '');
}
