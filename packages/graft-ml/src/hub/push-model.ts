import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join, relative, resolve, sep } from 'node:path';
import { pathToFileURL } from 'node:url';
import { UserError } from '@graft-ml/core/internal/base/errors';
import { version } from '@graft-ml/core/internal/base/version';
import type { ExportFormat } from '@graft-ml/core/internal/export/names';
import { assertRepoName, type ModelCardOptions, modelCard } from '../export/model-card.ts';
import { sha256Of } from '../files/checksum.ts';
import { replaceFile } from '../files/write.ts';
import { loadPeers } from '../jobs/peer.ts';
import { kindOfRun } from '../runs/read-run.ts';
import { type HubAccess, type HubOptions, hubAccess, hubError, needToken } from './access.ts';
import { guardedFetch } from './guarded-fetch.ts';
import { writeModelFiles } from './model-files.ts';

/** The forms in which a model is pushed: those of `exportRun`, and `run`, what Graft needs to go on with it. */
export type PushFormat = ExportFormat | 'run';

/** A step of pushing, and how far it is; in bytes while uploading. */
export interface PushProgress {
  readonly stage: string;
  readonly done: number;
  readonly total: number;
}

/** Options of pushing a run. */
export interface PushOptions
  extends HubOptions,
    Omit<ModelCardOptions, 'format' | 'repo' | 'folder' | 'comparison' | 'onProgress'> {
  /** Default `hf`; a meta-learned run has `run` alone, what Graft needs to adapt it. */
  readonly format?: PushFormat | undefined;
  /** The most points of accuracy that other numbers than fp32 may cost on the images of the run. Default 1. */
  readonly maxDrop?: number | undefined;
  /** Default `main`. One that is missing is made from it. */
  readonly branch?: string | undefined;
  /** The title of the commit. */
  readonly message?: string | undefined;
  /**
   * Who may see it. A new repository is private by default; of one that is there, this is what it must be, since pushing
   * does not change it.
   */
  readonly visibility?: Visibility | undefined;
  /** Makes the files and says what would be pushed, without asking the hub. */
  readonly dryRun?: boolean | undefined;
  readonly onProgress?: ((progress: PushProgress) => void) | undefined;
}

export type Visibility = 'private' | 'public';

/** A file of a pushed model. */
export interface PushedFile {
  /** Its name in the repository, with `/`. */
  readonly path: string;
  readonly bytes: number;
  /** Whether it was there already, byte for byte. */
  readonly isUnchanged: boolean;
}

/** A model that was pushed, or would be. */
export interface Pushed {
  readonly repo: string;
  readonly url: string;
  readonly branch: string;
  /** Of the repository; after a dry run that of a new one. */
  readonly visibility: Visibility;
  /** Whether the repository was made for it. */
  readonly isNew: boolean;
  readonly files: readonly PushedFile[];
  /** Files of the repository that are not this model's. They stay. */
  readonly others: readonly string[];
  /** The commit that has the model, an earlier one where nothing changed; null after a dry run. */
  readonly commit: string | null;
}

/**
 * Pushes a run to a repository of the Hugging Face hub: the model in a form that others open, and its model card as
 * README.md. Paths, names of files and images stay here. The same model pushed again makes no commit, and after an
 * interruption files that arrived are not sent again. Needs the package `@huggingface/hub`.
 *
 * @param run the run's folder
 * @param repo `owner/name`
 * @throws UserError where the run cannot be exported, there is no token, or the hub refuses; the signal's reason
 * @example const { url, commit } = await pushModel('runs/x', 'acme/flowers', { licence: 'mit' });
 */
export async function pushModel(run: string, repo: string, options: PushOptions = {}): Promise<Pushed> {
  assertRepoName(repo);
  const { branch = 'main', visibility, dryRun = false, signal } = options;
  assertBranch(branch);
  const access = await hubAccess(options);
  const format = options.format ?? ((await kindOfRun(run, options.openStore)) === 'meta' ? 'run' : 'hf');
  const remote = dryRun ? null : await openRemote(access, repo, options);
  const folder = await mkdtemp(join(tmpdir(), 'graft-push-'));
  try {
    const title = options.message ?? `Push ${basename(resolve(run))} with Graft ${version}`;
    await writeAll(run, repo, folder, { ...options, format });
    const files = await filesIn(folder);
    signal?.throwIfAborted();
    const url = `${access.url}/${repo}`;
    if (remote === null) {
      const planned = files.map(({ path, bytes }) => ({ path, bytes, isUnchanged: false }));
      const isNew = false;
      return {
        repo,
        url,
        branch,
        visibility: visibility ?? 'private',
        isNew,
        files: planned,
        others: [],
        commit: null,
      };
    }
    return { repo, url, branch, ...(await remote.push(files, { branch, title })) };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function writeAll(
  run: string,
  repo: string,
  folder: string,
  { format, dtype, preprocessing, maxDrop, ...options }: PushOptions & { readonly format: PushFormat },
): Promise<void> {
  const { onProgress, dataset, evaluate, episodes, name, licence, device, onNote, ...others } = options;
  const { checkpoint, calibrated, cache, openStore, signal, data } = others;
  const opening = { checkpoint, calibrated, cache, openStore, signal, onProgress, data };
  const model = { format, dtype, preprocessing };
  // Who knows a published dataset may know which of its images a model has seen.
  const published = { ...opening, ...model, maxDrop, withSeen: dataset !== undefined };
  const comparison = await writeModelFiles(run, folder, published);
  const said = { comparison, dataset, evaluate, episodes, name, licence, device, onNote };
  await replaceFile(join(folder, 'README.md'), await modelCard(run, { ...opening, ...model, ...said, repo }));
}

interface LocalFile {
  readonly path: string;
  readonly place: string;
  readonly bytes: number;
}

async function filesIn(folder: string): Promise<LocalFile[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const places = entries.filter((entry) => entry.isFile()).map(({ parentPath, name }) => join(parentPath, name));
  const files = places.map(async (place) => {
    const { size } = await stat(place);
    return { place, path: relative(folder, place).split(sep).join('/'), bytes: size };
  });
  return (await Promise.all(files)).sort((a, b) => (a.path < b.path ? -1 : 1));
}

/** A branch of the hub's, which stands in addresses. */
function assertBranch(branch: string): void {
  if (/^[A-Za-z0-9][\w./-]{0,200}$/.test(branch) && !/\.\.|\/\/|\/$|\.lock$/.test(branch)) return;
  throw new UserError(`The branch ${JSON.stringify(branch)} is not a name that git takes.`);
}

interface Destination {
  readonly branch: string;
  readonly title: string;
}

interface Remote {
  push(files: readonly LocalFile[], to: Destination): Promise<Omit<Pushed, 'repo' | 'url' | 'branch'>>;
}

/** The most files of a repository that are compared with those of a model. */
const mostFiles = 10_000;

/**
 * A repository before anything is made: it may not be there yet. What would be refused at the end is refused here.
 *
 * @throws UserError where the hub cannot be reached, does not take the token, or the repository is not as visible as was
 * asked for
 */
async function openRemote(access: HubAccess, repo: string, options: PushOptions): Promise<Remote> {
  const { visibility, signal, onProgress } = options;
  const accessToken = needToken(access);
  const hub = await loadPeers(['@huggingface/hub'], 'Pushing to the hub', () => import('@huggingface/hub'));
  let [sent, total] = [0, 0];
  const onSent = (bytes: number) => {
    sent += bytes;
    onProgress?.({ stage: 'uploading', done: Math.min(sent, total), total });
  };
  const common = { hubUrl: access.url, accessToken, fetch: guardedFetch(access, { signal, onSent }) };
  const refusal = `${repo} cannot be pushed to`;

  async function attempt<T>(call: () => Promise<T>): Promise<T> {
    try {
      return await call();
    } catch (error) {
      if (signal?.aborted) throw signal.reason;
      throw hubError(error, access, refusal);
    }
  }

  /** What the hub says of a revision; null where there is none. */
  function look(revision?: string) {
    return attempt(() =>
      hub.modelInfo({ ...common, name: repo, additionalFields: ['sha'], ...(revision && { revision }) }).catch(orNull),
    );
  }

  const known = await look();
  assertVisible(repo, known?.private, visibility);
  const goal = visibility ?? 'private';

  async function create(): Promise<boolean> {
    if (known !== null) return false;
    await attempt(() => hub.createRepo({ ...common, repo, visibility: goal }));
    return true;
  }

  async function remoteFiles(branch: string) {
    const files = new Map<string, string>();
    await attempt(async () => {
      const listed = hub.listFiles({ ...common, repo, recursive: true, revision: encodeURIComponent(branch) });
      for await (const { type, path, oid, lfs } of listed) {
        if (type === 'file') files.set(path, lfs?.oid ?? oid ?? '');
        if (files.size >= mostFiles) throw new UserError(`${repo} has more than ${mostFiles} files.`);
      }
    });
    return files;
  }

  return {
    async push(files, { branch, title }) {
      const isNew = await create();
      let head = await look(branch);
      if (head === null && branch !== 'main') {
        await attempt(() => hub.createBranch({ ...common, repo, branch }));
        head = await look(branch);
      }
      const there = head === null ? new Map<string, string>() : await remoteFiles(branch);
      const compared = await compare(files, there);
      const changed = compared.filter(({ isUnchanged }) => !isUnchanged);
      total = changed.reduce((sum, { bytes }) => sum + bytes, 0);
      const done = {
        visibility: known === null ? goal : known.private ? ('private' as const) : ('public' as const),
        isNew,
        files: compared.map(({ path, bytes, isUnchanged }) => ({ path, bytes, isUnchanged })),
        others: [...there.keys()].filter(
          (path) => path !== '.gitattributes' && !files.some((file) => file.path === path),
        ),
      };
      if (changed.length === 0) return { ...done, commit: head?.sha ?? null };
      const operations = changed.map(({ path, place }) => ({
        operation: 'addOrUpdate' as const,
        path,
        content: pathToFileURL(place),
      }));
      const committed = await attempt(() =>
        hub.commit({
          ...common,
          ...{ repo, branch, title, operations, useXet: false },
          ...(head?.sha && { parentCommit: head.sha }),
          ...(signal && { abortSignal: signal }),
        }),
      );
      onProgress?.({ stage: 'uploading', done: total, total });
      return { ...done, commit: committed?.commit.oid ?? null };
    },
  };
}

/** Nothing where the hub says that there is none. */
function orNull(error: unknown): null {
  if (error instanceof Error && 'statusCode' in error && error.statusCode === 404) return null;
  throw error;
}

/** @throws UserError where a repository that is there is not as visible as was asked for */
function assertVisible(repo: string, isPrivate: boolean | undefined, wanted: Visibility | undefined): void {
  if (isPrivate === undefined || wanted === undefined || isPrivate === (wanted === 'private')) return;
  throw new UserError(
    `${repo} is there already and ${isPrivate ? 'private' : 'public: everyone could see the model'}. Pushing does not ` +
      'change that; its settings on the hub do. Or name another repository.',
  );
}

async function compare(files: readonly LocalFile[], there: ReadonlyMap<string, string>) {
  return Promise.all(
    files.map(async (file) => {
      const oid = there.get(file.path);
      // Large files are known to the hub by their SHA-256, the others by the SHA-1 of git.
      const own = oid?.length === 64 ? await sha256Of(file.place) : oid ? await gitSha1Of(file) : undefined;
      return { ...file, isUnchanged: own !== undefined && own === oid };
    }),
  );
}

async function gitSha1Of({ place, bytes }: LocalFile): Promise<string> {
  const hash = createHash('sha1').update(`blob ${bytes}\0`);
  for await (const chunk of createReadStream(place)) hash.update(chunk);
  return hash.digest('hex');
}
