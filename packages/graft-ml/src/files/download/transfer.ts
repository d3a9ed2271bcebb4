import type { FileHandle } from 'node:fs/promises';
import { UserError } from '@graft-ml/core/internal/base/errors';
import { createPrivateFile, openPrivateFile } from '../cache-folder.ts';
import { discardPart, type Part, readPart, writeNote } from './part.ts';
import type { Credentials } from './place.ts';
import { networkError, request, type StallGuard, TransientError } from './request.ts';

/** The bounds of a file's length, in bytes. */
export interface Bounds {
  readonly least: number;
  readonly most: number;
}

export interface TransferOptions {
  readonly credentials: Credentials | null;
  readonly bounds: Bounds;
  /** Resumes what an earlier process left of the file, even where the server gives no checksum. */
  readonly isChecked: boolean;
  readonly guard: StallGuard;
  readonly onProgress: (done: number, total: number | null) => void;
}

/** A completed part, with all that the server says about it. */
export interface Transferred {
  /** The checksum that the server told, if it did. */
  readonly sha256: string | null;
  /** Whether it was assembled from more than one response. */
  readonly resumed: boolean;
}

/** The facts about the file in the headers of an answer. */
interface Facts {
  readonly validator: string | null;
  readonly sha256: string | null;
  /** Bytes of the whole file. */
  readonly total: number | null;
}

/**
 * One attempt to complete `part` from `url`. Goes on where the last attempt broke off, if the server says that the file
 * is still the same (`If-Range`), and begins anew otherwise. What arrived stays, for the next attempt.
 *
 * @throws TransientError where another attempt may succeed, UserError where none will
 */
export async function transfer(url: URL, part: string, options: TransferOptions): Promise<Transferred> {
  const { credentials, guard, bounds, isChecked } = options;
  const left = await readPart(part, url);
  const known = isChecked || left?.sha256 ? left : null;
  const headers = known && { range: `bytes=${known.bytes}-`, 'if-range': known.validator };
  const { response, first } = await request(url, { headers: headers ?? {}, credentials, guard });
  const facts = factsOf(response, first);
  const start = startOf(response, facts, known);
  if (start === undefined) {
    await Promise.all([response.body?.cancel(), discardPart(part)]);
    throw new TransientError(`${url.host} does not go on where it broke off`);
  }
  const { total, sha256 } = facts;
  if (total !== null && (total < bounds.least || total > bounds.most)) {
    await response.body?.cancel();
    throw new UserError(`${url.host} announces ${total} bytes, but the file has ${formatBounds(bounds)}`);
  }
  const file = await (start === 0 ? createPrivateFile(part) : openPrivateFile(part));
  try {
    if (start === 0) await writeNote(part, { url: url.href, validator: facts.validator, sha256 });
    if (response.status !== 416) await receive(response, file, { ...options, start, total, host: url.host });
  } finally {
    await file.close();
  }
  return { sha256, resumed: start > 0 };
}

function factsOf(response: Response, first: Headers): Facts {
  const { headers } = response;
  const etag = headers.get('etag');
  // A weak one (W/"…") vouches for the meaning of a file, not for its bytes.
  const validator = etag?.startsWith('"') ? etag : headers.get('last-modified');
  const linked = first.get('x-linked-etag')?.replace(/^(W\/)?"(.*)"$/, '$2');
  const sha256 = linked && /^[0-9a-f]{64}$/.test(linked) ? linked : null;
  const length = response.status === 200 ? headers.get('content-length') : rangeOf(response)?.total;
  return { validator, sha256, total: integer(length ?? null) ?? integer(first.get('x-linked-size')) };
}

function integer(text: string | null): number | null {
  return text !== null && /^\d{1,15}$/.test(text) ? Number(text) : null;
}

/** `Content-Range: bytes 100-199/200`. An answer that holds none of the file has `*` in place of the two positions. */
function rangeOf(response: Response): { start: string; total: string } | undefined {
  const match = /^bytes (\*|(\d+)-\d+)\/(\d+|\*)$/.exec(response.headers.get('content-range') ?? '');
  return match ? { start: match[2] ?? '*', total: match[3]! } : undefined;
}

/** The position in the file at which the answer begins; undefined where it does not continue the part. */
function startOf(response: Response, facts: Facts, known: Part | null): number | undefined {
  if (response.status === 200) return 0;
  if (!known || facts.sha256 !== known.sha256) return undefined;
  // Servers that ignore If-Range exist; what they say of the file's state still tells.
  if (facts.validator !== null && facts.validator !== known.validator) return undefined;
  const range = rangeOf(response);
  // 416, nothing behind what we have: then it was whole already.
  const continues = response.status === 416 ? facts.total === known.bytes : Number(range?.start) === known.bytes;
  return continues ? known.bytes : undefined;
}

interface Reception extends TransferOptions {
  readonly start: number;
  readonly total: number | null;
  readonly host: string;
}

async function receive(response: Response, file: FileHandle, reception: Reception): Promise<void> {
  const { start, total, host, guard, onProgress } = reception;
  const bounds = total === null ? reception.bounds : { least: total, most: total };
  let position = start;
  onProgress(position, total);
  for await (const chunk of chunksOf(response, guard, host)) {
    if (position + chunk.length > bounds.most) {
      throw new UserError(`${host} sends more than it may: the file has ${formatBounds(bounds)}`);
    }
    await writeAll(file, chunk, position);
    position += chunk.length;
    onProgress(position, total);
  }
  if (position < bounds.least) {
    throw new TransientError(`${host} broke off: ${position} bytes are there, the file has ${formatBounds(bounds)}`);
  }
  await file.sync();
}

async function* chunksOf(response: Response, guard: StallGuard, host: string): AsyncGenerator<Uint8Array> {
  const reader = response.body?.getReader();
  if (!reader) return;
  const fail = (error: unknown): never => {
    throw networkError(error, `${host} broke off`);
  };
  try {
    for (;;) {
      const { done, value } = await guard.wait(reader.read().catch(fail));
      if (done) return;
      yield value;
    }
  } finally {
    await reader.cancel().catch(() => {}); // frees the connection where the rest is not wanted
  }
}

/** `write` may write less than it is given. */
async function writeAll(file: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  for (let written = 0; written < bytes.length; ) {
    written += (await file.write(bytes, written, bytes.length - written, position + written)).bytesWritten;
  }
}

/** `48234496 bytes`, or the range that a rounded size leaves. */
function formatBounds({ least, most }: Bounds): string {
  return `${least === most ? '' : `${least} to `}${most} bytes`;
}
