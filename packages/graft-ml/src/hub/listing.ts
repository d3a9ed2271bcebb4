import { UserError } from '@graft-ml/core/internal/base/errors';
import { parseShallow } from '@graft-ml/core/internal/base/shallow-json';
import { z } from 'zod';
import type { Patience } from '../files/download/download.ts';
import { request, StallGuard, TransientError } from '../files/download/request.ts';
import type { HubAccess } from './access.ts';

/** A file of a repository, as the hub lists it. */
export interface RemoteFile {
  readonly path: string;
  readonly bytes: number;
  /** Of large files SHA-256, of the others the SHA-1 that git has of them. */
  readonly checksum: { readonly algorithm: 'sha256' | 'git-sha1'; readonly digest: string };
}

/** A repository at a revision. */
export interface Listing {
  /** The commit, 40 hexadecimal digits. */
  readonly commit: string;
  readonly files: readonly RemoteFile[];
}

/** The longest answer, in bytes: 20,000 files. */
const longestListing = 2 ** 23;
const mostFiles = 20_000;
/** The answer holds the card of the model, too. */
const deepest = 64;

const size = z
  .int()
  .min(0)
  .max(2 ** 50);
const listingSchema = z.object({
  sha: z.string().regex(/^[0-9a-f]{40}$/),
  siblings: z
    .array(
      z.object({
        rfilename: z.string().max(4096),
        size: size.nullish(),
        blobId: z
          .string()
          .regex(/^[0-9a-f]{40}$/)
          .nullish(),
        lfs: z.object({ sha256: z.string().regex(/^[0-9a-f]{64}$/), size }).nullish(),
      }),
    )
    .max(mostFiles),
});

export interface ListingOptions {
  readonly signal?: AbortSignal | undefined;
  readonly patience?: Patience | undefined;
}

/**
 * The files of a repository at a revision, with their sizes and checksums, in one request.
 *
 * @param revision a branch, a tag or a commit
 * @throws UserError where the hub has none such for this token, or its answer is not what it should be
 */
export async function listingOf(
  { url, host, token }: HubAccess,
  repo: string,
  revision: string,
  { signal, patience = {} }: ListingOptions,
): Promise<Listing> {
  const address = new URL(`${url}/api/models/${repo}/revision/${encodeURIComponent(revision)}?blobs=true`);
  const credentials = token === null ? null : { origin: address.origin, token };
  const guard = new StallGuard(patience.stall ?? 30_000, signal);
  try {
    const { response } = await request(address, { headers: { accept: 'application/json' }, credentials, guard });
    const text = await textOf(response, guard, host);
    const parsed = listingSchema.safeParse(parseShallow(text, deepest));
    if (!parsed.success) throw new UserError(`${host} does not answer with a list of files`);
    const { sha: commit, siblings } = parsed.data;
    return { commit, files: siblings.flatMap(fileOf) };
  } catch (error) {
    if (!(error instanceof UserError || error instanceof TransientError)) throw error;
    const absent = / answers (401|404)/.test(error.message)
      ? ` There is no model ${repo} at ${JSON.stringify(revision)}, or it is private and needs a token that may read it.`
      : '';
    throw new UserError(`${repo} cannot be listed: ${error.message}.${absent}`, { cause: error });
  }
}

type Sibling = z.output<typeof listingSchema>['siblings'][number];

/** A file without a checksum cannot be told from another, and is not taken. */
function fileOf({ rfilename: path, size: bytes, blobId, lfs }: Sibling): RemoteFile[] {
  if (lfs) return [{ path, bytes: lfs.size, checksum: { algorithm: 'sha256', digest: lfs.sha256 } }];
  if (blobId && bytes != null) return [{ path, bytes, checksum: { algorithm: 'git-sha1', digest: blobId } }];
  return [];
}

async function textOf(response: Response, guard: StallGuard, host: string): Promise<string> {
  const reader = response.body?.getReader();
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  try {
    for (;;) {
      const { done, value } = (await guard.wait(reader?.read() ?? Promise.reject(new Error('no body')))) ?? {};
      if (done) return Buffer.concat(chunks).toString('utf8');
      bytes += value.length;
      if (bytes > longestListing) throw new UserError(`${host} lists more files than a model has`);
      chunks.push(value);
    }
  } finally {
    await reader?.cancel().catch(() => {});
  }
}
