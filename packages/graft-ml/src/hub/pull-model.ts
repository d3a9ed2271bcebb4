import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { chmod, lstat, readdir, rename, rm, rmdir } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { UserError } from '@graft-ml/core/internal/base/errors';
import { formatOwnJson } from '@graft-ml/core/internal/base/own-json';
import { z } from 'zod';
import { assertRepoName } from '../export/model-card.ts';
import { privateFolder } from '../files/cache-folder.ts';
import { sha256Of } from '../files/checksum.ts';
import { download, type Patience } from '../files/download/download.ts';
import { withLock } from '../files/lock.ts';
import { exists } from '../files/read.ts';
import { readOwnJson } from '../files/read-own-json.ts';
import { assertFree, makeFolders, replaceFile, wrapWriteErrors } from '../files/write.ts';
import { type HubAccess, type HubOptions, hubAccess } from './access.ts';
import { listingOf, type RemoteFile } from './listing.ts';
import { type ModelFiles, modelFilesIn, type PullDtype } from './model-layout.ts';

/** Options of pulling a model. */
export interface PullOptions extends HubOptions {
  /** The folder to make. Default: the repository's name, in the working folder. */
  readonly out?: string | undefined;
  /** A branch, a tag or a commit. Default `main`. */
  readonly revision?: string | undefined;
  /** Of several networks the one to take. Default: `fp32`, or the only one there is. */
  readonly dtype?: PullDtype | undefined;
  /** The most bytes of all files. Default 4 GiB. */
  readonly most?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?:
    | ((progress: { readonly stage: string; readonly done: number; readonly total: number }) => void)
    | undefined;
  readonly patience?: Patience | undefined;
}

/** A file that was pulled. */
export interface PulledFile {
  /** Its name in the folder, with `/`. */
  readonly path: string;
  readonly bytes: number;
  readonly sha256: string;
}

/** A model that was pulled. */
export interface Pulled {
  readonly repo: string;
  /** The revision that was asked for. */
  readonly revision: string;
  /** The commit that it was. */
  readonly commit: string;
  readonly out: string;
  readonly files: readonly PulledFile[];
  /** Files of the repository that were left there. */
  readonly skipped: number;
  /** What Graft opens: the folder of a run, or the network's or the weights' file. */
  readonly model: string;
  /** Whether it was there already, byte for byte. */
  readonly isUnchanged: boolean;
}

/** What stands in the folder about where it came from. */
const pulledFile = 'hub.json';

const recordSchema = z.object({
  repo: z.string(),
  revision: z.string(),
  commit: z.string(),
  files: z.array(z.object({ path: z.string(), bytes: z.int(), sha256: z.string() })),
});

const largestModel = 2 ** 32;

/**
 * Pulls a model from the Hugging Face hub into a new folder: the files that a model has, and no others. Each must have
 * the size and the checksum that the hub lists for the commit. The folder appears when all are there, with `hub.json`,
 * which says the commit; what an interruption left is used by the next call.
 *
 * @param repo `owner/name`, or `owner/name@revision`
 * @throws UserError where the hub has no such model, a file is not what it should be, or the folder is in the way; the
 * signal's reason
 * @example const { model } = await pullModel('acme/flowers@main', { out: 'models/flowers' });
 */
export async function pullModel(repo: string, options: PullOptions = {}): Promise<Pulled> {
  const [name = '', inName, ...more] = repo.split('@');
  assertRepoName(name);
  const revision = options.revision ?? inName ?? 'main';
  assertRevision(revision, more);
  const access = await hubAccess(options);
  const listing = await listingOf(access, name, revision, options);
  const chosen = modelFilesIn(name, listing.files, options.dtype);
  assertTotal(name, chosen, options.most ?? largestModel);
  const out = options.out ?? name.split('/')[1]!;
  const facts = {
    repo: name,
    revision,
    commit: listing.commit,
    out,
    skipped: chosen.skipped,
    model: modelIn(out, chosen),
  };
  const known = await pulledBefore(out, { ...facts, files: chosen.files });
  if (known) return { ...facts, files: known, isUnchanged: true };
  await assertFree(out);
  const place = resolve(out);
  const growing = join(dirname(place), `.${basename(place)}.${listing.commit.slice(0, 12)}`);
  const { signal } = options;
  return wrapWriteErrors(out, async () => {
    await makeFolders(dirname(place));
    const bring = async (lost: AbortSignal) => {
      const signals = [lost, ...(signal ? [signal] : [])];
      const files = await bringAll(access, facts, { chosen, growing, options, signal: AbortSignal.any(signals) });
      await replaceFile(
        join(growing, pulledFile),
        formatOwnJson({ repo: name, revision, commit: listing.commit, files }),
      );
      await openToAll(growing);
      await rmdir(place).catch(() => {}); // an empty folder, if there is one
      await rename(growing, place);
      return { ...facts, files, isUnchanged: false };
    };
    return withLock(growing, bring, { signal, onWait: undefined });
  });
}

interface Bringing {
  readonly chosen: ModelFiles;
  readonly growing: string;
  readonly options: PullOptions;
  readonly signal: AbortSignal;
}

/** Downloads the files, one after the other, into a folder that only this user can write to. */
async function bringAll(
  { url, token }: HubAccess,
  { repo, commit }: Pick<Pulled, 'repo' | 'commit'>,
  { chosen, growing, options: { onProgress, patience }, signal }: Bringing,
): Promise<PulledFile[]> {
  const total = chosen.files.reduce((sum, { bytes }) => sum + bytes, 0);
  const pulled: PulledFile[] = [];
  let before = 0;
  for (const file of chosen.files) {
    const levels = file.path.split('/').slice(0, -1);
    const folder = await privateFolder(dirname(growing), basename(growing), ...levels);
    const path = join(folder, basename(file.path));
    const address = new URL(`${url}/${repo}/resolve/${commit}/${file.path}`);
    const credentials = token === null ? null : { origin: address.origin, token };
    if (!(await isWhole(path, file))) {
      await download({ kind: 'address', url: address, credentials }, path, {
        bounds: { least: file.bytes, most: file.bytes },
        expectations:
          file.checksum.algorithm === 'sha256' ? [{ algorithm: 'sha256', digest: file.checksum.digest, why: '' }] : [],
        accept: (part) => assertGit(part, file),
        ...{ signal, patience },
        onProgress: (done) => onProgress?.({ stage: 'downloading', done: before + done, total }),
      }).catch((error: unknown) => {
        if (!(error instanceof UserError)) throw error;
        throw new UserError(`${repo}: ${file.path} cannot be pulled: ${error.message}.`, { cause: error });
      });
    }
    before += file.bytes;
    onProgress?.({ stage: 'downloading', done: before, total });
    pulled.push({ path: file.path, bytes: file.bytes, sha256: await sha256Of(path) });
  }
  await removeOthers(growing, chosen.files);
  return pulled;
}

/** Whether an earlier call brought it. */
async function isWhole(path: string, file: RemoteFile): Promise<boolean> {
  const status = await lstat(path).catch(() => null);
  if (!status?.isFile() || status.size !== file.bytes) return false;
  return (await digestOf(path, file)) === file.checksum.digest;
}

/** @throws UserError where a file is not the one that git has */
async function assertGit(path: string, file: RemoteFile): Promise<void> {
  if (file.checksum.algorithm === 'sha256') return;
  const digest = await digestOf(path, file);
  if (digest !== file.checksum.digest) {
    throw new UserError(`it has git’s SHA-1 ${digest}, expected ${file.checksum.digest}`);
  }
}

async function digestOf(path: string, { bytes, checksum }: RemoteFile): Promise<string> {
  if (checksum.algorithm === 'sha256') return sha256Of(path, { links: 'refuse' });
  const hash = createHash('sha1').update(`blob ${bytes}\0`);
  for await (const chunk of createReadStream(path)) hash.update(chunk);
  return hash.digest('hex');
}

/** What an earlier call left that is not of this model: another dtype, say. */
async function removeOthers(growing: string, files: readonly RemoteFile[]): Promise<void> {
  const kept = new Set(files.map(({ path }) => join(growing, path)));
  const entries = await readdir(growing, { recursive: true, withFileTypes: true });
  for (const { parentPath, name } of entries.filter((entry) => !entry.isDirectory())) {
    const path = join(parentPath, name);
    if (!kept.has(path)) await rm(path, { force: true });
  }
}

/** The model is no secret of this user, unlike a folder that still grows. */
async function openToAll(folder: string): Promise<void> {
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    await chmod(join(entry.parentPath, entry.name), entry.isDirectory() ? 0o755 : 0o644);
  }
  await chmod(folder, 0o755);
}

/** The files of a folder that was pulled before, if it is the same model; otherwise the folder is in the way. */
async function pulledBefore(
  out: string,
  { repo, commit, files }: Pick<Pulled, 'repo' | 'commit'> & { readonly files: readonly RemoteFile[] },
): Promise<readonly PulledFile[] | null> {
  const note = join(out, pulledFile);
  if (!(await exists(note))) return null;
  const record = recordSchema.safeParse(await readOwnJson(note)).data;
  if (record?.repo !== repo || record.commit !== commit || record.files.length !== files.length) return null;
  const whole = await Promise.all(files.map((file) => isWhole(join(out, file.path), file)));
  return whole.every(Boolean) ? record.files : null;
}

function modelIn(out: string, { opens, network }: ModelFiles): string {
  if (opens === 'run') return out;
  return join(out, ...(network ?? 'model.safetensors').split('/'));
}

function assertRevision(revision: string, more: readonly string[]): void {
  const isSound = /^[A-Za-z0-9][\w./-]{0,200}$/.test(revision) && !/\.\.|\/\//.test(revision);
  if (isSound && more.length === 0) return;
  throw new UserError(`The revision ${JSON.stringify(revision)} is no branch, tag or commit.`);
}

function assertTotal(repo: string, { files }: ModelFiles, most: number): void {
  const total = files.reduce((sum, { bytes }) => sum + bytes, 0);
  if (total <= most) return;
  throw new UserError(`${repo}: the model has ${total} bytes; at most ${most} are pulled (\`most\`).`);
}
