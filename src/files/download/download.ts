import { copyFile, rename, stat } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { UserError } from '../../base/errors.ts';
import { type Checksum, digestOf } from '../checksum.ts';
import { TransientError } from './errors.ts';
import { discardPart } from './part.ts';
import type { Place } from './place.ts';
import { StallGuard } from './stall.ts';
import { type Bounds, transfer } from './transfer.ts';

/** What a download may expect and how patient it is. */
export interface DownloadOptions {
  readonly bounds: Bounds;
  /** Null: whatever the server tells, if it does. */
  readonly checksum: Checksum | null;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((done: number, total: number | null) => void) | undefined;
  readonly patience?: Patience | undefined;
}

/** When a download gives up. Times in milliseconds. */
export interface Patience {
  /** Attempts in a row that bring less than `worthwhile` bytes. Default 5. */
  readonly attempts?: number;
  /** The pause after the first of them; each further one is twice as long. Default 500. */
  readonly pause?: number;
  /** How long a connection may bring nothing. Default 30,000. */
  readonly stall?: number;
}

/** Bytes beyond the furthest point so far that make an attempt count as progress. */
const worthwhile = 2 ** 20;
const longestPause = 60_000;

/**
 * Brings a file to `path`, which holds the old file or the whole new one at any time: it grows in `path.part`, is checked
 * there and then renamed. The folder has to exist, and nobody else may do the same (`withLock`).
 *
 * @throws UserError with the reason alone, without address and path
 */
export async function download(place: Place, path: string, options: DownloadOptions): Promise<void> {
  const part = `${path}.part`;
  if (place.kind === 'file') await copy(place.path, part, options);
  else await transferPatiently(place, part, options);
  await rename(part, path);
  await discardPart(part);
}

/** From a mirror that is a folder. */
async function copy(from: string, part: string, { bounds, checksum, onProgress }: DownloadOptions): Promise<void> {
  const facts = await stat(from).catch(() => undefined);
  if (!facts?.isFile()) throw new UserError(`the mirror has no file ${from}`);
  const { size } = facts;
  if (size < bounds.least || size > bounds.most) {
    throw new UserError(`${from} has ${size} bytes, expected ${bounds.least} to ${bounds.most}`);
  }
  await discardPart(part); // its note is not of these bytes
  await copyFile(from, part);
  onProgress?.(size, size);
  await check(part, { checksum, resumed: false });
}

/** Attempts until one succeeds, as long as they get somewhere. */
async function transferPatiently(
  { url, credentials }: Extract<Place, { kind: 'address' }>,
  part: string,
  { bounds, checksum, signal, onProgress, patience = {} }: DownloadOptions,
): Promise<void> {
  const { attempts = 5, pause = 500, stall = 30_000 } = patience;
  let furthest = 0; // bytes
  for (let failures = 0; ; ) {
    signal?.throwIfAborted();
    let reached = 0;
    const progress = (done: number, total: number | null) => {
      reached = done;
      onProgress?.(done, total);
    };
    try {
      const guard = new StallGuard(stall, signal);
      const told = await transfer(url, part, { credentials, bounds, guard, onProgress: progress });
      const tellsToo = told.sha256 === null ? null : ({ algorithm: 'sha256', digest: told.sha256 } as const);
      return await check(part, { checksum: checksum ?? tellsToo, resumed: told.resumed });
    } catch (error) {
      if (!(error instanceof TransientError)) throw error;
      failures = reached >= furthest + worthwhile ? 1 : failures + 1;
      furthest = Math.max(furthest, reached);
      if (failures >= attempts) throw new UserError(error.message, { cause: error });
      await delay(Math.min(Math.max(pause * 2 ** (failures - 1), error.retryAfter * 1000), longestPause), undefined, {
        signal,
      });
    }
  }
}

/** @throws TransientError where the part was pieced together, so that another attempt gets it in one */
async function check(
  part: string,
  { checksum, resumed }: { checksum: Checksum | null; resumed: boolean },
): Promise<void> {
  if (checksum === null) return;
  const { algorithm, digest } = checksum;
  const actual = await digestOf(part, algorithm);
  if (actual.startsWith(digest)) return;
  await discardPart(part);
  const text = `what arrived has the ${algorithm} ${actual.slice(0, digest.length)}, expected ${digest}`;
  throw resumed ? new TransientError(text) : new UserError(text);
}
