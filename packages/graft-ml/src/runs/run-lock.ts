import { randomUUID } from 'node:crypto';
import { rmdirSync, rmSync } from 'node:fs';
import { access, lstat, mkdir, readdir, rename, rm, rmdir, stat, utimes, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { option } from '@graft-ml/core/internal/base/code';
import { UserError } from '@graft-ml/core/internal/base/errors';
import type { RunLock } from '@graft-ml/core/internal/fit/run-store';
import { z } from 'zod';
import { describeProcess, isRunning, processSchema } from '../files/process-note.ts';
import { exists, readJson } from '../files/read.ts';
import { wrapWriteErrors } from '../files/write.ts';

const lockName = 'run.lock';
/** The interval at which a holder touches its note, in milliseconds. */
const heartbeat = 2000;
/** A holder on another machine that has not touched its note for so long (milliseconds) has ended. */
const patience = 10_000;

/** The schema of a lock's note, which tells its holder. */
const holderSchema = processSchema.extend({ since: z.string() });

type Holder = z.output<typeof holderSchema>;

/**
 * Makes an existing folder this process's, until `release` or its end, however that comes: the process of a lock on
 * this machine is looked for, one on another machine is watched for a while. (The lock of the download cache cannot do
 * this: it doesn't say who holds it, and outlives a killed process for seconds.)
 *
 * The lock is a folder that is renamed to its place with the holder's note in it, which the file system does only where
 * there is none, or an empty one. So it is never without its note, and of those who find it abandoned only one gets it.
 *
 * @throws UserError that says who holds it
 */
export async function lockRun(path: string, watch = patience): Promise<RunLock> {
  const id = randomUUID();
  const draft = join(path, `${lockName}.${id}`);
  const note = join(path, lockName, `${id}.json`);
  await wrapWriteErrors(path, async () => {
    try {
      await mkdir(draft);
      await writeFile(join(draft, `${id}.json`), JSON.stringify(await ownNote()));
      while (!(await putInPlace(draft, join(path, lockName)))) await dropAbandoned(path, watch);
    } catch (error) {
      await rm(draft, { recursive: true, force: true });
      throw error;
    }
  });
  const touch = () => utimes(note, new Date(), new Date()).catch(() => {}); // `check` says what is wrong
  const timer = setInterval(touch, heartbeat).unref();
  const leave = () => removeNow(note, join(path, lockName));
  process.on('exit', leave);
  return {
    check: () => access(note).catch(() => throwNotWritable(path)),
    release: async () => {
      clearInterval(timer);
      process.off('exit', leave);
      await rm(note, { force: true });
      await removeEmpty(join(path, lockName));
    },
  };
}

/** Removes the lock of a process that is about to end and cannot wait. */
function removeNow(note: string, lock: string): void {
  try {
    rmSync(note, { force: true });
    rmdirSync(lock);
  } catch {
    // Gone, or another process's. A note that could not be removed is that of a process that has ended.
  }
}

/** @throws UserError where a process of this machine holds the folder: said before time is spent on preparing a run */
export async function assertNotLocked(path: string): Promise<void> {
  const found = await findNote(path);
  if (found?.holder && (await isRunning(found.holder))) throw new UserError(heldBy(path, found.holder));
}

/** False where another lock is there. */
async function putInPlace(draft: string, lock: string): Promise<boolean> {
  try {
    await rename(draft, lock);
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOTEMPTY' || code === 'EEXIST') return false;
    // The same on Windows.
    if (code === 'EPERM' && (await stat(lock).catch(() => null))?.isDirectory()) return false;
    throw error;
  }
}

/** Empties a lock whose holder has ended. @throws UserError where it has not */
async function dropAbandoned(path: string, watch: number): Promise<void> {
  const found = await findNote(path);
  if (found?.holder && (await isAlive(found.holder, found.note, watch)))
    throw new UserError(heldBy(path, found.holder));
  // By its own name: should another process have been faster, its note is not touched.
  if (found) await rm(found.note, { force: true });
  await removeEmpty(join(path, lockName));
}

/** The note of the lock that there is; its holder is null where it cannot be read. */
async function findNote(path: string): Promise<{ note: string; holder: Holder | null } | null> {
  const lock = join(path, lockName);
  // A link may lead anywhere, and files in an abandoned lock are removed.
  if (!(await lstat(lock).catch(() => null))?.isDirectory()) return null;
  const [name] = await readdir(lock).catch(() => []);
  if (name === undefined) return null;
  const note = join(lock, name);
  try {
    return { note, holder: holderSchema.parse(await readJson(note, { most: 10_000, depth: 2, links: 'refuse' })) };
  } catch {
    return { note, holder: null };
  }
}

async function ownNote(): Promise<Holder> {
  return { ...(await describeProcess(process.pid)), since: new Date().toISOString() };
}

async function isAlive(holder: Holder, note: string, watch: number): Promise<boolean> {
  const running = await isRunning(holder);
  if (running !== null) return running;
  // Clocks of machines differ, so what counts is that the time changes, not which it is.
  const touched = () =>
    stat(note).then(
      ({ mtimeMs }) => mtimeMs,
      () => null,
    );
  const first = await touched();
  for (const end = performance.now() + watch; performance.now() < end; ) {
    await delay(Math.min(250, watch));
    const last = await touched();
    if (last !== first) return last !== null;
  }
  return false;
}

function heldBy(path: string, { pid, host, since }: Holder): string {
  const who = pid === process.pid && host === hostname() ? 'this process' : `process ${pid} on ${host}`;
  return `${path} is being trained by ${who}, since ${since}. Wait for it, stop it, or choose another ${option('out')}.`;
}

async function throwNotWritable(path: string): Promise<never> {
  throw new UserError(
    (await exists(path))
      ? `${path} is no longer this run's: its ${lockName} is gone or another process's. Training has stopped; ` +
          'nothing more was written.'
      : `${path} was removed or renamed while it was being trained. Training has stopped; nothing was written in ` +
          'its place. If it has another name now: `resumeTraining(run)`.',
  );
}

/** Removes a folder if nothing is in it. */
async function removeEmpty(folder: string): Promise<void> {
  await rmdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (!['ENOENT', 'ENOTEMPTY', 'EEXIST'].includes(error.code ?? '')) throw error;
  });
}
