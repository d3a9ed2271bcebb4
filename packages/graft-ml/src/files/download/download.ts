import { rename } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { UserError } from '@graft-ml/core/internal/base/errors';
import { createPrivateFile } from '../cache-folder.ts';
import { type Digests, digestsOf } from '../checksum.ts';
import { openPlainFile } from '../read.ts';
import { algorithmsOf, type Expectation, unmet } from './expectations.ts';
import { discardPart } from './part.ts';
import type { Place } from './place.ts';
import { StallGuard, TransientError } from './request.ts';
import { type Bounds, transfer } from './transfer.ts';

/** The expectations of a download and its patience. */
export interface DownloadOptions {
  readonly bounds: Bounds;
  /** The checksums to verify. Without any, the server's is used, if it sends one. */
  readonly expectations: readonly Expectation[];
  /** Refuses what is no such file. @throws UserError with the reason */
  readonly accept?: ((path: string) => Promise<void>) | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((done: number, total: number | null) => void) | undefined;
  readonly patience?: Patience | undefined;
}

/** Limits after which a download gives up. Times in milliseconds. */
export interface Patience {
  /** Attempts in a row that bring less than `worthwhile` bytes. Default 5. */
  readonly attempts?: number;
  /** The pause after the first of them; each further one is twice as long. Default 500. */
  readonly pause?: number;
  /** The longest time in which a connection may bring nothing. Default 30,000. */
  readonly stall?: number;
}

/** Bytes beyond the furthest point so far that make an attempt count as progress. */
const worthwhile = 2 ** 20;
const longestPause = 60_000;

/**
 * Brings a file to `path`, which holds the old file or the whole new one at any time: it grows in `path.part`, is
 * checked there and then renamed. The folder has to exist, and nobody else may do the same (`withLock`).
 *
 * @returns its SHA-256, and what else was expected of it
 * @throws UserError with the reason alone, without address and path
 */
export async function download(place: Place, path: string, options: DownloadOptions): Promise<Digests> {
  const part = `${path}.part`;
  const digests =
    place.kind === 'file' ? await copy(place.path, part, options) : await transferPatiently(place, part, options);
  try {
    await options.accept?.(part);
  } catch (error) {
    await discardPart(part);
    if (!(error instanceof UserError)) throw error;
    const reason = error.message.replace(`${part}: `, '').replace(/\.$/, '');
    throw new UserError(`what arrived is refused: ${reason}`, { cause: error });
  }
  await rename(part, path);
  await discardPart(part);
  return digests;
}

/** Copies a file from a mirror that is a folder. */
async function copy(
  from: string,
  part: string,
  { bounds, expectations, onProgress }: DownloadOptions,
): Promise<Digests> {
  const source = await openPlainFile(from).catch((cause) => {
    throw new UserError(`the mirror has no file ${from}`, { cause });
  });
  try {
    const { size } = await source.stat();
    if (size < bounds.least || size > bounds.most) {
      throw new UserError(`${from} has ${size} bytes, expected ${bounds.least} to ${bounds.most}`);
    }
    await discardPart(part); // its note is not of these bytes
    const target = await createPrivateFile(part);
    await pipeline(
      source.createReadStream({ start: 0, end: size - 1, autoClose: false, highWaterMark: 2 ** 20 }),
      target.createWriteStream(),
    );
    onProgress?.(size, size);
  } finally {
    await source.close();
  }
  return check(part, expectations, { resumed: false });
}

/** Attempts until one succeeds, as long as they get somewhere. */
async function transferPatiently(
  { url, credentials }: Extract<Place, { kind: 'address' }>,
  part: string,
  { bounds, expectations, signal, onProgress, patience = {} }: DownloadOptions,
): Promise<Digests> {
  const { attempts = 5, pause = 500, stall = 30_000 } = patience;
  let furthest = 0; // bytes
  for (let attempt = 1, failures = 0; ; attempt++) {
    signal?.throwIfAborted();
    let reached = 0;
    const progress = (done: number, total: number | null) => {
      reached = done;
      onProgress?.(done, total);
    };
    try {
      const guard = new StallGuard(stall, signal);
      const isChecked = expectations.length > 0 || attempt > 1; // what this process wrote is its own
      const told = await transfer(url, part, { credentials, bounds, isChecked, guard, onProgress: progress });
      return await check(part, expectations.length > 0 ? expectations : toldBy(told), told);
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

function toldBy({ sha256 }: { sha256: string | null }): Expectation[] {
  return sha256 === null ? [] : [{ algorithm: 'sha256', digest: sha256, why: '' }];
}

/** @throws TransientError where the part was pieced together, so that another attempt gets it in one */
async function check(
  part: string,
  expectations: readonly Expectation[],
  { resumed }: { resumed: boolean },
): Promise<Digests> {
  const digests = await digestsOf(part, algorithmsOf(expectations));
  const problem = unmet(expectations, digests);
  if (problem === undefined) return digests;
  await discardPart(part);
  throw resumed ? new TransientError(`what arrived ${problem}`) : new UserError(`what arrived ${problem}`);
}
