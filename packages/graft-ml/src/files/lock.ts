import { lstat, rm } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { UserError } from '@graft-ml/core/internal/base/errors';
import { lock } from 'proper-lockfile';

/** A lock whose process gave no sign of life for so long (milliseconds) counts as abandoned. */
const stale = 20_000;
const pollInterval = 250;

/**
 * Runs `work` while no other process does the same for `path`. The lock is a folder beside it, which its holder touches
 * every few seconds, so that a killed process does not keep the others out.
 *
 * `work` gets a signal that is aborted should another process take the lock away, as happens to a computer that slept.
 */
export async function withLock<T>(
  path: string,
  work: (lost: AbortSignal) => Promise<T>,
  { signal, onWait }: { signal: AbortSignal | undefined; onWait: (() => void) | undefined },
): Promise<T> {
  const lost = new AbortController();
  const onCompromised = (cause: Error) => lost.abort(new UserError('another process took it over', { cause }));
  let release: () => Promise<void>;
  for (let waiting = false; ; waiting = true) {
    signal?.throwIfAborted();
    try {
      await removeNoFolder(`${path}.lock`);
      // Not realpath: the file itself does not exist yet.
      release = await lock(path, { realpath: false, stale, onCompromised });
      break;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ELOCKED') throw error;
      if (!waiting) onWait?.();
      await delay(pollInterval, undefined, { signal });
    }
  }
  try {
    return await work(lost.signal);
  } finally {
    if (!lost.signal.aborted) await release();
  }
}

/** A lock is a folder. Anything else in its place would keep everyone out for ever. */
async function removeNoFolder(path: string): Promise<void> {
  const status = await lstat(path).catch(() => null);
  if (status && !status.isDirectory()) await rm(path, { force: true });
}
