import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll } from 'vitest';
import { sendFile } from './file-server.ts';

/** A file in a repository: small ones as git has them, large ones by their SHA-256. */
interface Stored {
  readonly bytes: Buffer;
  readonly isLarge: boolean;
}

interface Commit {
  readonly sha: string;
  readonly title: string;
  readonly files: ReadonlyMap<string, Stored>;
}

export interface Repository {
  isPrivate: boolean;
  /** Commits, the newest last. */
  readonly branches: Map<string, Commit[]>;
}

/** Something that a test does in place of the hub. True: the request is answered. */
export type Intercept = (request: IncomingMessage, response: ServerResponse, body: Buffer) => boolean;

export interface Hub {
  /** `http://127.0.0.1:<port>` */
  readonly address: string;
  /** `POST /api/repos/create`, and so on, in order. */
  readonly requests: string[];
  /** The headers `authorization` of uploads to the storage, which none may have. */
  readonly toStorage: (string | undefined)[];
  readonly repositories: Map<string, Repository>;
  /** Large files that arrived, by SHA-256. */
  readonly storage: Map<string, Buffer>;
  intercept(next: Intercept | null): void;
  /** Breaks off every request that is under way. */
  hangUp(): void;
}

export const hubToken = 'hf_loopback_token';

const sha1 = (bytes: Uint8Array | string) => createHash('sha1').update(bytes).digest('hex');
const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');
const gitSha1 = (bytes: Buffer) => sha1(Buffer.concat([Buffer.from(`blob ${bytes.length}\0`), bytes]));

/** The files of a branch's newest commit. */
export function filesOf(hub: Hub, repo: string, branch = 'main'): Map<string, Buffer> {
  const files = hub.repositories.get(repo)!.branches.get(branch)!.at(-1)!.files;
  return new Map([...files].map(([path, { bytes }]) => [path, bytes]));
}

/** An answer: JSON, a file that can be asked for in parts, or a redirection. */
type Reply =
  | { readonly status: number; readonly json: unknown }
  | { readonly file: Buffer; readonly etag: string }
  | { readonly location: string; readonly headers: Record<string, string | number> };

const ok = (json: unknown): Reply => ({ status: 200, json });
const refuse = (status: number, error: string): Reply => ({ status, json: { error } });

function send(request: IncomingMessage, response: ServerResponse, reply: Reply): void {
  if ('file' in reply) sendFile(request, response, reply.file, { etag: `"${reply.etag}"` });
  else if ('location' in reply) response.writeHead(302, { location: reply.location, ...reply.headers }).end();
  else response.writeHead(reply.status, { 'content-type': 'application/json' }).end(JSON.stringify(reply.json));
}

/** What the hub lists of a file, in its two forms. */
const siblingOf = ([rfilename, { bytes, isLarge }]: [string, Stored]) => ({
  rfilename,
  size: bytes.length,
  blobId: gitSha1(bytes),
  ...(isLarge && { lfs: { sha256: sha256(bytes), size: bytes.length, pointerSize: 134 } }),
});
const entryOf = ([path, { bytes, isLarge }]: [string, Stored]) => ({
  type: 'file',
  path,
  size: bytes.length,
  oid: gitSha1(bytes),
  ...(isLarge && { lfs: { oid: sha256(bytes), size: bytes.length, pointerSize: 134 } }),
});

/**
 * A hub on this machine, with what Hugging Face's client and `pullModel` ask for: the repository, its files, branches,
 * the four requests of a commit and the files themselves. Like the real one it answers 401 to a wrong token, keeps what
 * is private from those without one, and redirects large files to a storage.
 */
export async function startHub(): Promise<Hub> {
  const repositories = new Map<string, Repository>();
  const storage = new Map<string, Buffer>();
  const requests: string[] = [];
  const toStorage: (string | undefined)[] = [];
  let intercept: Intercept | null = null;

  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const body = Buffer.concat(chunks);
      requests.push(`${request.method} ${request.url!.split('?')[0]}`);
      if (!intercept?.(request, response, body)) send(request, response, replyTo(request, body));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  afterAll(() => {
    server.closeAllConnections();
    server.close();
  });

  function replyTo({ method, url, headers: { authorization } }: IncomingMessage, body: Buffer): Reply {
    const parts = url!.split('?')[0]!.split('/').slice(1).map(decodeURIComponent);
    if (parts[0] === 'storage') return stored(parts[1]!, method === 'PUT' ? body : null, authorization);
    if (authorization !== undefined && authorization !== `Bearer ${hubToken}`) {
      return refuse(401, 'Invalid credentials in Authorization header');
    }
    if (parts.join('/') === 'api/repos/create') return authorization ? create(JSON.parse(`${body}`)) : refuse(401, '');
    const [owner, name, action = 'revision', ...rest] = parts[0] === 'api' ? parts.slice(2) : parts;
    const id = `${owner}/${name!.replace(/\.git$/, '')}`;
    const repository = repositories.get(id);
    if (!repository || (repository.isPrivate && authorization === undefined)) {
      return refuse(authorization === undefined ? 401 : 404, 'Repository not found');
    }
    const [revision = 'HEAD', ...file] = rest;
    if (action === 'info') return batch(JSON.parse(`${body}`));
    if (action === 'preupload') return preupload(JSON.parse(`${body}`));
    if (action === 'commit') return commit(id, repository.branches.get(revision)!, `${body}`);
    if (action === 'branch') {
      repository.branches.set(revision, [...repository.branches.get('main')!]);
      return ok({});
    }
    const found = commitAt(repository, revision);
    if (!found) return refuse(404, 'Invalid rev id');
    if (action === 'tree') return ok([...found.files].map(entryOf));
    return action === 'resolve' ? resolve(found, file.join('/')) : ok(infoOf(id, repository, found));
  }

  function stored(oid: string, uploaded: Buffer | null, authorization: string | undefined): Reply {
    toStorage.push(authorization);
    if (uploaded === null) return { file: storage.get(oid)!, etag: oid };
    if (sha256(uploaded) !== oid) return refuse(400, 'BadDigest');
    storage.set(oid, uploaded);
    return ok({});
  }

  function create({ organization, name, visibility }: Record<'organization' | 'name' | 'visibility', string>): Reply {
    const id = `${organization}/${name}`;
    if (repositories.has(id)) return refuse(409, 'You already created this model repo');
    const files = new Map([['.gitattributes', { bytes: Buffer.from('*.onnx filter=lfs\n'), isLarge: false }]]);
    const first = { sha: sha1(id), title: 'initial commit', files };
    repositories.set(id, { isPrivate: visibility === 'private', branches: new Map([['main', [first]]]) });
    return ok({ url: `${address}/${id}`, id });
  }

  function commitAt({ branches }: Repository, revision: string): Commit | undefined {
    const branch = branches.get(revision === 'HEAD' ? 'main' : revision);
    return branch?.at(-1) ?? [...branches.values()].flat().find(({ sha }) => sha === revision);
  }

  function infoOf(id: string, { isPrivate }: Repository, { sha, files }: Commit) {
    const facts = { downloads: 0, likes: 0, gated: false, lastModified: '2026-01-01T00:00:00.000Z' };
    return { _id: '1', id, private: isPrivate, sha, ...facts, siblings: [...files].map(siblingOf) };
  }

  function resolve({ files }: Commit, path: string): Reply {
    const file = files.get(path);
    if (!file) return refuse(404, 'Entry not found');
    const { bytes, isLarge } = file;
    if (!isLarge) return { file: bytes, etag: gitSha1(bytes) };
    const digest = sha256(bytes);
    return {
      location: `/storage/${digest}`,
      headers: { 'x-linked-etag': `"${digest}"`, 'x-linked-size': bytes.length },
    };
  }

  function batch({ objects }: { objects: { oid: string; size: number }[] }): Reply {
    const upload = (oid: string) => ({ href: `${address}/storage/${oid}?signature=secret` });
    const answered = objects.map(({ oid, size }) => ({
      ...{ oid, size },
      ...(!storage.has(oid) && { actions: { upload: upload(oid) } }),
    }));
    return ok({ transfer: 'basic', objects: answered });
  }

  function preupload({ files }: { files: { path: string; size: number }[] }): Reply {
    const isLarge = (path: string, size: number) => /\.(onnx|safetensors)$/.test(path) || size > 5e6;
    return ok({
      files: files.map(({ path, size }) => ({ path, uploadMode: isLarge(path, size) ? 'lfs' : 'regular' })),
    });
  }

  function commit(id: string, commits: Commit[], lines: string): Reply {
    const [header, ...operations] = lines.split('\n').map((line) => JSON.parse(line));
    const { summary, parentCommit } = header.value;
    const { sha, files: before } = commits.at(-1)!;
    if (parentCommit !== undefined && parentCommit !== sha) return refuse(412, 'A commit has happened since');
    const files = new Map(before);
    for (const { key, value } of operations) {
      const bytes = key === 'file' ? Buffer.from(value.content, 'base64') : storage.get(value.oid);
      if (bytes === undefined) return refuse(400, `LFS object ${value.oid} was not uploaded`);
      files.set(value.path, { bytes, isLarge: key === 'lfsFile' });
    }
    const made = { sha: sha1(`${sha} ${summary} ${commits.length}`), title: summary, files };
    commits.push(made);
    return ok({ commitOid: made.sha, commitUrl: `${address}/${id}/commit/${made.sha}`, hookOutput: '' });
  }

  return {
    address,
    requests,
    toStorage,
    repositories,
    storage,
    intercept: (next) => {
      requests.length = 0;
      intercept = next;
    },
    hangUp: () => server.closeAllConnections(),
  };
}
