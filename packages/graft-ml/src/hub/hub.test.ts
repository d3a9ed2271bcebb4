import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { readOnnxMetadata } from '@graft-ml/core/internal/graph/onnx-metadata';
import { beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { filesOf, hubToken, startHub } from '../../../../test/hub.ts';
import { drawImages, ownCache, temporaryFolder } from '../../../../test/images.ts';
import { runFolder } from '../../../../test/runs.ts';
import { openModel } from '../evaluate/classifier.ts';
import { openRun } from '../evaluate/open-run.ts';
import { pullModel } from './pull-model.ts';
import { type PushOptions, type PushProgress, pushModel } from './push-model.ts';

ownCache();
const hub = await startHub();
const root = temporaryFolder();
const run = join(root, 'private-project', 'run');
const shapes = join(root, 'private-images');
const patience = { attempts: 2, pause: 1, stall: 2000 };
let image = '';

const push = (repo: string, options: PushOptions = {}) =>
  pushModel(run, repo, { hubUrl: hub.address, token: hubToken, evaluate: false, format: 'onnx', ...options });
const pull = (repo: string, name: string, options: Parameters<typeof pullModel>[1] = {}) =>
  pullModel(repo, { hubUrl: hub.address, token: hubToken, out: join(root, 'pulled', name), patience, ...options });
const commits = (repo: string, branch = 'main') => hub.repositories.get(repo)!.branches.get(branch)!.length;
const files = (folder: string) =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => statSync(join(folder, name)).isFile())
    .sort();

beforeAll(async () => {
  await drawImages(shapes, { perClass: 8 });
  await runFolder(shapes, run, { epochs: 1 });
  image = join(shapes, 'disc', readdirSync(join(shapes, 'disc'))[0]!);
});

beforeEach(() => {
  hub.intercept(null);
  vi.stubEnv('HF_HOME', join(root, 'hf-home'));
  vi.stubEnv('HF_TOKEN', undefined);
});

async function probabilities(classifier: Awaited<ReturnType<typeof openRun>>): Promise<number[]> {
  const { classes } = await classifier.classify(image);
  await classifier.close();
  return classes.map(({ probability }) => probability);
}

describe('push, then pull', () => {
  test('gives the same bytes, which open and say what the run says', async () => {
    const progress: PushProgress[] = [];
    const pushed = await push('acme/shapes', { onProgress: (one) => progress.push(one), message: 'First' });
    expect(pushed).toMatchObject({ repo: 'acme/shapes', url: `${hub.address}/acme/shapes`, branch: 'main' });
    expect(pushed).toMatchObject({ visibility: 'private', isNew: true, others: [] });
    expect(pushed.files.map(({ path, isUnchanged }) => [path, isUnchanged])).toEqual([
      ['README.md', false],
      ['model.onnx', false],
    ]);
    expect(hub.repositories.get('acme/shapes')!.isPrivate).toBe(true);
    expect(hub.repositories.get('acme/shapes')!.branches.get('main')!.at(-1)!.title).toBe('First');
    expect(hub.toStorage).toEqual([undefined]);
    const total = pushed.files.reduce((sum, { bytes }) => sum + bytes, 0);
    expect(progress.at(-1)).toEqual({ stage: 'uploading', done: total, total });

    const pulled = await pull('acme/shapes', 'shapes');
    expect(pulled).toMatchObject({ commit: pushed.commit, revision: 'main', skipped: 1, isUnchanged: false });
    const remote = filesOf(hub, 'acme/shapes');
    for (const { path, bytes } of pulled.files) {
      expect(readFileSync(join(pulled.out, path)).equals(remote.get(path)!), path).toBe(true);
      expect(bytes).toBe(remote.get(path)!.length);
    }
    expect(files(pulled.out)).toEqual(['README.md', 'hub.json', 'model.onnx']);
    expect(JSON.parse(readFileSync(join(pulled.out, 'hub.json'), 'utf8'))).toMatchObject({ commit: pushed.commit });
    expect(readdirSync(join(root, 'pulled')).filter((name) => name.startsWith('.'))).toEqual([]);
    const mine = await probabilities(await openRun(run, { threads: 1 }));
    const theirs = await probabilities(await openModel({ name: pulled.model }, { threads: 1 }));
    theirs.forEach((p, i) => {
      expect(p).toBeCloseTo(mine[i]!, 5);
    });

    hub.intercept(null);
    expect(await pull('acme/shapes', 'shapes')).toMatchObject({ isUnchanged: true, files: pulled.files });
    expect(hub.requests).toEqual(['GET /api/models/acme/shapes/revision/main']);
  });

  test('the same model again makes no commit; another card makes one with that file alone', async () => {
    await push('acme/again');
    const before = commits('acme/again');
    const again = await push('acme/again');
    expect(again.files.every(({ isUnchanged }) => isUnchanged)).toBe(true);
    expect([commits('acme/again'), again.isNew]).toEqual([before, false]);
    const licensed = await push('acme/again', { licence: 'mit' });
    expect(licensed.files.filter(({ isUnchanged }) => !isUnchanged).map(({ path }) => path)).toEqual(['README.md']);
    expect(commits('acme/again')).toBe(before + 1);
    const old = await pull(`acme/again@${again.commit}`, 'old');
    expect(readFileSync(join(old.out, 'README.md'), 'utf8')).not.toContain('license: mit');
  });

  test('a branch that is missing is made, and main stays', async () => {
    await push('acme/branches');
    const pushed = await push('acme/branches', { branch: 'v2', licence: 'mit' });
    expect([commits('acme/branches'), commits('acme/branches', 'v2')]).toEqual([2, 3]);
    expect(await pull('acme/branches@v2', 'v2')).toMatchObject({ revision: 'v2', commit: pushed.commit });
  });

  test('a run goes without the places of this machine, and predicts the same', async () => {
    const { files: sent } = await push('acme/run', { format: 'run' });
    expect(sent.map(({ path }) => path)).toEqual(['README.md', 'best.safetensors', 'run.json']);
    const pulled = await pull('acme/run', 'run');
    expect(pulled.model).toBe(pulled.out);
    const mine = await probabilities(await openRun(run, { threads: 1 }));
    expect(await probabilities(await openRun(pulled.out, { threads: 1 }))).toEqual(mine);
  });

  test('nothing that is pushed holds a path or a name of this machine', () => {
    const secrets = [root, 'private-', homedir(), process.cwd(), hubToken];
    for (const repo of hub.repositories.keys()) {
      for (const [path, bytes] of filesOf(hub, repo)) {
        for (const secret of secrets) expect(bytes.includes(secret), `${secret} in ${repo}/${path}`).toBe(false);
      }
    }
  });

  test('the hashes of its images go with a run whose dataset is published, and only then', async () => {
    const seenIn = async (repo: string, options: PushOptions) => {
      await push(repo, { format: 'run', ...options });
      const checkpoint = filesOf(hub, repo).get('best.safetensors')!;
      return checkpoint.includes('"seen"') || checkpoint.includes('fitted');
    };
    expect(await seenIn('acme/unseen', {})).toBe(false);
    expect(await seenIn('acme/seen', { dataset: 'acme/shape-images' })).toBe(true);
    const inOnnx = async (repo: string, options: PushOptions) => {
      await push(repo, options);
      return 'seen' in readOnnxMetadata(filesOf(hub, repo).get('model.onnx')!);
    };
    expect(await inOnnx('acme/unseen-onnx', {})).toBe(false);
    expect(await inOnnx('acme/seen-onnx', { dataset: 'acme/shape-images' })).toBe(true);
  });
});

describe('who may see it', () => {
  test('public is said, and only a public repository is then pushed to', async () => {
    expect(await push('acme/open', { visibility: 'public' })).toMatchObject({ visibility: 'public', isNew: true });
    expect(await push('acme/open')).toMatchObject({ visibility: 'public', isNew: false });
    await expect(push('acme/open', { visibility: 'private' })).rejects.toThrow('public: everyone could see the model');
    await push('acme/closed');
    await expect(push('acme/closed', { visibility: 'public' })).rejects.toThrow('is there already and private');
  });

  test('a dry run asks nobody', async () => {
    const planned = await push('acme/planned', { dryRun: true, token: null });
    expect(planned).toMatchObject({ commit: null, visibility: 'private' });
    expect(planned.files.map(({ path }) => path)).toEqual(['README.md', 'model.onnx']);
    expect([hub.requests, hub.repositories.has('acme/planned')]).toEqual([[], false]);
  });
});

describe('tokens', () => {
  test('none: says how to get one, before anything is exported or asked', async () => {
    await expect(push('acme/x', { token: undefined })).rejects.toThrow(
      /needs an access token with write permission.*HF_TOKEN.*hf auth login/,
    );
    expect(hub.requests).toEqual([]);
  });

  test('from HF_TOKEN, or the file of Hugging Face’s tools', async () => {
    vi.stubEnv('HF_TOKEN', hubToken);
    await push('acme/by-environment', { token: undefined });
    vi.stubEnv('HF_TOKEN', undefined);
    mkdirSync(join(root, 'hf-home'), { recursive: true });
    writeFileSync(join(root, 'hf-home', 'token'), `${hubToken}\n`);
    await push('acme/by-file', { token: undefined });
    writeFileSync(join(root, 'hf-home', 'token'), '');
    expect([...hub.repositories.keys()]).toEqual(expect.arrayContaining(['acme/by-environment', 'acme/by-file']));
  });

  test.each([
    ['hf_wrong', /answers 401 \(Invalid credentials.*not valid/],
    ['no-hub-token', /one begins with hf_/],
    ['hf_two\nlines', /characters that no token has/],
  ])('%j is refused, and not repeated in the error', async (token, message) => {
    const error = await push('acme/x', { token }).catch((one: Error) => one);
    expect(error).toBeInstanceOf(Error);
    expect(String(error)).toMatch(message);
    expect(String(error)).not.toContain(token);
  });

  test('does not leave over a connection that others can read, nor go where an answer leads', async () => {
    await expect(push('acme/x', { hubUrl: 'http://hub.example' })).rejects.toThrow('without encryption');
    await push('acme/links');
    hub.intercept((request, response) => {
      if (!request.url!.includes('/tree/')) return false;
      const next = '<http://127.0.0.1:9/steal>; rel="next"';
      response.writeHead(200, { 'content-type': 'application/json', link: next }).end('[]');
      return true;
    });
    await expect(push('acme/links')).rejects.toThrow('sends its token on to 127.0.0.1:9, which does not get it');
  });
});

describe('a hub that breaks off', () => {
  test('in the middle of an upload: nothing is committed, and the next push is whole', async () => {
    hub.storage.clear();
    hub.intercept((request) => {
      if (request.method !== 'PUT') return false;
      hub.hangUp();
      return true;
    });
    await expect(push('acme/broken')).rejects.toThrow(/acme\/broken cannot be pushed to: .* cannot be reached/);
    expect(commits('acme/broken')).toBe(1);
    hub.intercept(null);
    await push('acme/broken');
    expect([...filesOf(hub, 'acme/broken').keys()]).toEqual(['.gitattributes', 'README.md', 'model.onnx']);
  });

  test('at the commit: what arrived is not sent again', async () => {
    hub.storage.clear();
    hub.intercept((request, response) => {
      if (!request.url!.includes('/commit/')) return false;
      response.writeHead(503, { 'content-type': 'application/json' }).end('{"error":"try later"}');
      return true;
    });
    await expect(push('acme/late')).rejects.toThrow('answers 503 (try later)');
    expect(hub.requests.filter((one) => one.startsWith('PUT'))).toHaveLength(1);
    hub.intercept(null);
    await push('acme/late');
    expect(hub.requests.filter((one) => one.startsWith('PUT'))).toHaveLength(0);
  });

  test('or is told to stop: the signal’s reason, and nothing is committed', async () => {
    const controller = new AbortController();
    const reason = new Error('enough');
    hub.storage.clear();
    hub.intercept((request) => {
      if (request.method !== 'PUT') return false;
      controller.abort(reason);
      return true;
    });
    await expect(push('acme/stopped', { signal: controller.signal })).rejects.toBe(reason);
    expect(commits('acme/stopped')).toBe(1);
    hub.hangUp();
  });

  test('changes behind one’s back: the commit is refused', async () => {
    await push('acme/race');
    hub.intercept((request) => {
      if (request.url!.includes('/preupload/')) {
        const branch = hub.repositories.get('acme/race')!.branches.get('main')!;
        branch.push({ ...branch.at(-1)!, sha: 'f'.repeat(40) });
      }
      return false;
    });
    await expect(push('acme/race', { licence: 'mit' })).rejects.toThrow('Someone else has changed it meanwhile');
  });

  test('in the middle of a pull: nothing appears, and the next pull goes on from there', async () => {
    await push('acme/part');
    const onnx = filesOf(hub, 'acme/part').get('model.onnx')!;
    let cut = true;
    hub.intercept((request, response) => {
      if (!cut || !request.url!.startsWith('/storage/')) return false;
      response.writeHead(200, { 'content-length': onnx.length, etag: '"1"' }).write(onnx.subarray(0, 20_000));
      return true;
    });
    const brief = { patience: { attempts: 1, pause: 1, stall: 300 } };
    await expect(pull('acme/part', 'part', brief)).rejects.toThrow(
      'model.onnx cannot be pulled: nothing came for 0.3 s',
    );
    expect(existsSync(join(root, 'pulled', 'part'))).toBe(false);
    cut = false;
    const done: number[] = [];
    await pull('acme/part', 'part', { onProgress: (one) => done.push(one.done) });
    expect(readFileSync(join(root, 'pulled', 'part', 'model.onnx')).equals(onnx)).toBe(true);
    expect(done.find((bytes) => bytes > done[0]!)).toBeGreaterThanOrEqual(20_000);
  });
});

describe('a hub that lies', () => {
  const sha = 'a'.repeat(40);
  const digest = 'b'.repeat(64);
  const onnx = { rfilename: 'model.onnx', size: 10, blobId: sha, lfs: { sha256: digest, size: 10, pointerSize: 134 } };
  const listing = (siblings: unknown, commit: unknown = sha) =>
    hub.intercept((request, response) => {
      if (!request.url!.startsWith('/api/models/')) return false;
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ sha: commit, siblings }));
      return true;
    });

  test.each<[string, unknown, RegExp]>([
    ['paths that lead out', [{ ...onnx, rfilename: '../model.onnx' }], /has no model that is pulled/],
    ['absolute paths', [{ ...onnx, rfilename: '/etc/cron.d/model.onnx' }], /has no model that is pulled/],
    ['folders of Windows', [{ ...onnx, rfilename: 'onnx\\model.onnx' }], /has no model that is pulled/],
    ['scripts', [{ ...onnx, rfilename: 'modeling.py' }], /has no model that is pulled/],
    ['a file twice', [onnx, onnx], /lists a file twice/],
    ['a huge file', [{ ...onnx, lfs: { ...onnx.lfs, size: 2 ** 40 } }], /at most 2147483647 are pulled/],
    ['a size below zero', [{ ...onnx, lfs: { ...onnx.lfs, size: -1 } }], /does not answer with a list of files/],
    ['thousands', Array.from({ length: 20_001 }, () => onnx), /does not answer with a list of files/],
    ['no checksum', [{ rfilename: 'model.onnx', size: 10 }], /has no model that is pulled/],
    ['no list', 'none', /does not answer with a list of files/],
  ])('%s: refused, and nothing is written', async (_what, siblings, message) => {
    listing(siblings);
    await expect(pull('acme/lies', 'lies')).rejects.toThrow(message);
    expect(existsSync(join(root, 'pulled', 'lies'))).toBe(false);
  });

  test('a commit that is a path, and an answer without end', async () => {
    listing([onnx], '../../x');
    await expect(pull('acme/lies', 'lies')).rejects.toThrow('does not answer with a list of files');
    hub.intercept((_request, response) => {
      const pour = () => {
        while (!response.destroyed && response.write(Buffer.alloc(2 ** 16, 32))) {}
      };
      response
        .writeHead(200)
        .on('drain', pour)
        .on('error', () => {});
      pour();
      return true;
    });
    await expect(pull('acme/lies', 'lies')).rejects.toThrow('lists more files than a model has');
  });

  test('other bytes than listed, large or small: not kept', async () => {
    await push('acme/changed');
    const real = filesOf(hub, 'acme/changed');
    for (const [path, size] of [...real].map(([name, { length }]) => [name, length] as const)) {
      if (path === '.gitattributes') continue;
      hub.intercept((request, response) => {
        const isIt = path === 'README.md' ? request.url!.endsWith(path) : request.url!.startsWith('/storage/');
        if (isIt) response.writeHead(200, { 'content-length': size, etag: '"2"' }).end(Buffer.alloc(size, 65));
        return isIt;
      });
      await expect(pull('acme/changed', 'changed')).rejects.toThrow(
        new RegExp(`${path} cannot be pulled: what arrived`),
      );
      expect(existsSync(join(root, 'pulled', 'changed'))).toBe(false);
    }
  });

  test('beside the model only what a model has is pulled', async () => {
    await push('acme/beside');
    const branch = hub.repositories.get('acme/beside')!.branches.get('main')!;
    const more = ['modeling.py', '.bashrc', 'onnx/../../evil', 'sub/model.onnx'].map(
      (path) => [path, { bytes: Buffer.from('x'), isLarge: false }] as const,
    );
    branch.push({ ...branch.at(-1)!, sha: 'c'.repeat(40), files: new Map([...branch.at(-1)!.files, ...more]) });
    const { skipped, out } = await pull('acme/beside', 'beside');
    expect([files(out), skipped]).toEqual([['README.md', 'hub.json', 'model.onnx'], 5]);
  });
});

describe('where it goes', () => {
  test('a folder with something in it is not touched', async () => {
    await push('acme/shapes');
    const folder = join(root, 'pulled', 'taken');
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'mine.txt'), 'mine');
    await expect(pull('acme/shapes', 'taken')).rejects.toThrow('taken is not empty');
    expect(files(folder)).toEqual(['mine.txt']);
  });

  test('a link in the way of the growing folder is not followed', async () => {
    const { commit } = await pull('acme/shapes', 'once');
    const elsewhere = join(root, 'elsewhere');
    mkdirSync(elsewhere);
    symlinkSync(elsewhere, join(root, 'pulled', `.linked.${commit.slice(0, 12)}`));
    await expect(pull('acme/shapes', 'linked')).rejects.toThrow('links in the cache are not followed');
    expect(readdirSync(elsewhere)).toEqual([]);
  });

  test('a private model needs its token; a model that is not there is none', async () => {
    await expect(pull('acme/shapes', 'no', { token: null })).rejects.toThrow(/it is private and needs a token/);
    await expect(pull('acme/nothing', 'no')).rejects.toThrow('There is no model acme/nothing at "main"');
    await expect(pull('acme/shapes@v9', 'no')).rejects.toThrow('There is no model acme/shapes at "v9"');
  });

  test.each(['acme', 'acme/x/y', '../x/y', 'acme/x@..', 'acme/x@a@b', 'acme/..'])('%s names no model', async (name) => {
    await expect(pull(name, 'no')).rejects.toThrow(/does not name a repository of the hub|is no branch, tag or commit/);
    expect(hub.requests).toEqual([]);
  });
});
