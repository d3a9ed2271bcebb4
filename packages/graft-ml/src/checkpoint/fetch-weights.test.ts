import { execFile, execFileSync } from 'node:child_process';
import {
  chownSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { flipBit } from '../../../../test/damage.ts';
import {
  downloadsFrom,
  entry,
  expectFile,
  failure,
  file,
  hubEntry,
  left,
  other,
  sha256,
  zeroWeights,
} from '../../../../test/downloads.ts';
import { type SendOptions, sendFile, startFileServer } from '../../../../test/file-server.ts';
import { temporaryFolder } from '../../../../test/images.ts';
import { folderCache } from '../cache/folder-cache.ts';
import type { DownloadProgress } from '../files/download/fetch-file.ts';
import { cachePath, fetchWeights } from './fetch-weights.ts';
import { resolveWeights } from './resolve.ts';

const execute = promisify(execFile);
const root = temporaryFolder();
const server = await startFileServer();
const storage = await startFileServer();
const fresh = downloadsFrom(server);

const send = (content: Uint8Array, options?: SendOptions) =>
  server.answer((request, response) => sendFile(request, response, content, options));

afterEach(() => vi.unstubAllEnvs());

describe('the hub', () => {
  /** The server is the hub, and has its files on another host. */
  function hub(linked: string, token = 'hf_secret') {
    vi.stubEnv('HF_ENDPOINT', `${server.address}/`);
    vi.stubEnv('HF_TOKEN', token);
    server.answer((request, response) => {
      if (request.url !== '/moved') response.writeHead(307, { location: '/moved' }).end();
      else response.writeHead(302, { location: `${storage.address}/blob?x=1`, 'x-linked-etag': linked }).end();
    });
    storage.answer((request, response) => sendFile(request, response, file));
    return fresh({ mirror: null });
  }

  test('gets the token, its storage does not', async () => {
    const options = hub('"ignored: not from the first answer"', ' hf_secret\n');
    const { path } = await fetchWeights(hubEntry, options);
    expect(path).toBe(join(options.cache.folder, 'weights/timm/toy.a1_in1k/model.safetensors'));
    expect(server.requests.map(({ url, headers }) => [url, headers.authorization])).toEqual([
      ['/timm/toy.a1_in1k/resolve/main/model.safetensors', 'Bearer hf_secret'],
      ['/moved', 'Bearer hf_secret'],
    ]);
    expect(storage.requests.map(({ url, headers }) => [url, headers.authorization])).toEqual([
      ['/blob?x=1', undefined],
    ]);
  });

  test('torchvision’s host and mirrors never see the token', async () => {
    vi.stubEnv('HF_TOKEN', 'hf_secret');
    send(file);
    await fetchWeights(entry, fresh());
    await fetchWeights(hubEntry, fresh());
    expect(server.requests.map(({ headers }) => headers.authorization)).toEqual([undefined, undefined]);
  });

  test('tells the checksum of its first answer, which is held against the file', async () => {
    for (const [etag, fits] of [
      [`"${sha256(file)}"`, true],
      [`"${sha256(other)}"`, false],
    ] as const) {
      send(file, { headers: { 'x-linked-etag': etag } });
      const fetched = fetchWeights(hubEntry, fresh());
      if (fits) expect((await fetched).sha256).toBe(sha256(file));
      else await expect(fetched).rejects.toThrow(`expected ${sha256(other)}`);
    }
  });

  test('a token that cannot be one is not sent and not shown', async () => {
    const message = await failure(hub('', 'hf secret'), hubEntry);
    expect(message).toBe('HF_TOKEN holds characters that no token has.');
  });

  test.each([
    ['in a circle', '/again', /redirects more than 10 times/],
    ['to no address', 'http://[', /redirects to "http:\/\/\["/],
    ['to a file', 'file:///etc/passwd', /redirects to "file:/],
  ])('redirects %s', async (_where, location, message) => {
    server.answer((_, response) => response.writeHead(302, { location }).end());
    expect(await failure(fresh(), hubEntry)).toMatch(message);
  });

  test('401 says where the token goes', async () => {
    server.answer((_, response) => response.writeHead(401).end());
    expect(await failure(fresh(), hubEntry)).toContain('HF_TOKEN');
  });
});

describe('without the network', () => {
  test.each([
    ['offline', { offline: true }, {}],
    ['HF_HUB_OFFLINE', {}, { HF_HUB_OFFLINE: '1' }],
  ])('%s: the cache or nothing', async (_what, options, environment) => {
    const { cache } = fresh();
    send(file);
    for (const [name, value] of Object.entries(environment)) vi.stubEnv(name, value);
    const message = await failure(fresh({ cache, mirror: null, ...options }), hubEntry);
    expect(message).toContain('it is not in the cache, and the network is not to be used');
    expect(message).toContain(cachePath(hubEntry, cache));
    mkdirSync(dirname(cachePath(hubEntry, cache)), { recursive: true });
    writeFileSync(cachePath(hubEntry, cache), file);
    expect((await fetchWeights(hubEntry, fresh({ cache, mirror: null, ...options }))).sha256).toBe(sha256(file));
    expect(server.requests).toHaveLength(0);
  });

  test('a file put there by hand is checked once, and replaced where it is another', async () => {
    send(file);
    const options = fresh();
    const path = cachePath(entry, options.cache);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, file);
    await fetchWeights(entry, options);
    expect([server.requests.length, existsSync(`${path}.json`)]).toEqual([0, true]);
    writeFileSync(path, other);
    expect(await failure({ ...options, mirror: null, offline: true })).toContain('not in the cache');
    await fetchWeights(entry, options);
    expect(server.requests).toHaveLength(1);
    expectFile(path, file);
  });

  test('a mirror can be a folder', async () => {
    const mirror = join(root, 'mirror');
    mkdirSync(join(mirror, 'models'), { recursive: true });
    expect(await failure(fresh({ mirror }))).toContain(
      `the mirror has no file ${join(mirror, 'models/toy-0123abcd.pth')}`,
    );
    writeFileSync(join(mirror, 'models', 'toy-0123abcd.pth'), other);
    expect(await failure(fresh({ mirror }))).toContain(`expected ${entry.sha256}`);
    writeFileSync(join(mirror, 'models', 'toy-0123abcd.pth'), 'short');
    expect(await failure(fresh({ mirror }))).toContain('has 5 bytes, expected 149');
    writeFileSync(join(mirror, 'models', 'toy-0123abcd.pth'), file);
    vi.stubEnv('GRAFT_MIRROR', `file://${mirror}`);
    const { mirror: _, ...options } = fresh({ offline: true });
    expectFile((await fetchWeights(entry, options)).path, file);
  });

  test('a mirror that is none', async () => {
    expect(await failure(fresh({ mirror: 'ftp://example.org' }))).toContain('`mirror` "ftp://example.org" is neither');
    expect(await failure(fresh({ mirror: 'http://me:secret@example.org' }))).not.toContain('secret');
  });

  test('a cache that cannot be written', async () => {
    const cache = join(root, 'a-file');
    writeFileSync(cache, '');
    expect(await failure(fresh({ cache: folderCache(cache) }))).toContain('GRAFT_CACHE chooses another folder');
  });
});

describe('where no checksum is published', () => {
  test('the first download says what the next one must be, and expectSha256 what it may be', async () => {
    const options = fresh();
    const path = cachePath(hubEntry, options.cache);
    send(file);
    await fetchWeights(hubEntry, options);
    rmSync(path);
    send(other);
    const message = await failure(options, hubEntry);
    expect(message).toContain(`has the sha256 ${sha256(other)}, expected ${sha256(file)} (what it was when it was`);
    expect(message).toContain('say so with `expectSha256`');
    expect(left(options.cache, hubEntry)).toEqual(['model.safetensors.json']);
    const changed = { ...options, expectSha256: sha256(other).toUpperCase() };
    expect((await fetchWeights(hubEntry, changed)).sha256).toBe(sha256(other));
    expect((await fetchWeights(hubEntry, options)).sha256).toBe(sha256(other)); // it is the first one from now on
  });

  test('a flipped bit in the cache is noticed: the file is downloaded anew, with a note', async () => {
    const notes: string[] = [];
    const options = fresh({ onNote: (note) => notes.push(note) });
    send(file);
    for (const of of [entry, hubEntry]) {
      const { path } = await fetchWeights(of, options);
      flipBit(path, 100_000);
      expect((await fetchWeights(of, options)).sha256).toBe(sha256(file));
      expectFile(path, file);
      expect(notes.pop()).toMatch(/^.* is not used: the file has the sha256 .*, expected .* It is downloaded anew\.$/s);
    }
  });

  test.each([
    ['zeros', new Uint8Array(file.length), 'its format is not known'],
    ['weights that are all zero', zeroWeights, 'it has no number but 0'],
    ['a web page', Buffer.from('<!doctype html>'.padEnd(file.length)), 'It is a web page'],
  ])('%s are refused', async (_what, content, reason) => {
    send(content);
    const options = fresh();
    const message = await failure(options, hubEntry);
    expect(message.toLowerCase()).toContain(`what arrived is refused: `);
    expect(message.toLowerCase()).toContain(reason.toLowerCase());
    expect(left(options.cache, hubEntry)).toEqual([]);
    const path = cachePath(hubEntry, options.cache);
    writeFileSync(path, content);
    expect(await failure({ ...options, mirror: null, offline: true }, hubEntry)).toContain(
      'it is not in the cache (what is there is not used: ',
    );
  });

  test('expectSha256 holds for all that is fetched, and has 64 digits', async () => {
    send(file);
    const expectSha256 = sha256(other);
    for (const of of [entry, hubEntry]) {
      expect(await failure(fresh({ expectSha256 }), of)).toContain(`expected ${expectSha256} (\`expectSha256\`)`);
    }
    expect(await failure(fresh({ expectSha256: 'abc' }))).toBe(
      'expectSha256 "abc" is not a SHA-256, which has 64 hexadecimal digits.',
    );
    const path = join(root, 'own.safetensors');
    writeFileSync(path, file);
    expect((await resolveWeights(path, { expectSha256: sha256(file) })).path).toBe(path);
    await expect(resolveWeights(path, { expectSha256 })).rejects.toThrow(
      `${path} has the sha256 ${sha256(file)}, expected ${expectSha256} (\`expectSha256\`).`,
    );
  });
});

describe('what somebody planted in the cache', () => {
  const precious = () => {
    const path = join(temporaryFolder(), 'precious');
    writeFileSync(path, 'precious');
    return path;
  };
  const planted = () => {
    const options = fresh();
    const path = cachePath(hubEntry, options.cache);
    mkdirSync(dirname(path), { recursive: true });
    return { options, path };
  };

  test('links, also in place of parts and notes, are neither read nor written through', async () => {
    const { options, path } = planted();
    const target = precious();
    for (const ending of ['', '.json', '.part', '.part.json', '.lock']) symlinkSync(target, `${path}${ending}`);
    send(file);
    await fetchWeights(hubEntry, options);
    expectFile(path, file);
    expect(readFileSync(target, 'utf8')).toBe('precious');
    expect(left(options.cache, hubEntry)).toEqual(['model.safetensors', 'model.safetensors.json']);
    expect([path, `${path}.json`].map((one) => lstatSync(one).mode & 0o777)).toEqual([0o600, 0o600]);
    expect(lstatSync(dirname(path)).mode & 0o777).toBe(0o700);
  });

  test('a FIFO does not hang it', async () => {
    const { options, path } = planted();
    for (const ending of ['', '.json', '.part', '.part.json']) execFileSync('mkfifo', [`${path}${ending}`]);
    send(file);
    await fetchWeights(hubEntry, options);
    expectFile(path, file);
  });

  test('a folder that is a link is an error in words', async () => {
    const options = fresh();
    mkdirSync(options.cache.folder);
    symlinkSync(temporaryFolder(), join(options.cache.folder, 'weights'));
    send(file);
    expect(await failure(options)).toContain('it is a link, and links in the cache are not followed');
  });

  test('a part is not resumed where nothing says what the whole must be', async () => {
    const { options, path } = planted();
    const url = `${server.address}/timm/toy.a1_in1k/resolve/main/model.safetensors`;
    writeFileSync(`${path}.part`, other.subarray(0, 100_000));
    writeFileSync(`${path}.part.json`, JSON.stringify({ url, validator: '"1"', sha256: null }));
    send(file);
    await fetchWeights(hubEntry, options);
    expectFile(path, file);
    expect(server.requests.map(({ headers }) => headers.range)).toEqual([undefined]);
  });

  test('a part that also has a name elsewhere is not written to', async () => {
    const options = fresh();
    const path = cachePath(entry, options.cache);
    mkdirSync(dirname(path), { recursive: true });
    const target = precious();
    linkSync(target, `${path}.part`);
    const url = `${server.address}/models/toy-0123abcd.pth`;
    writeFileSync(`${path}.part.json`, JSON.stringify({ url, validator: '"1"', sha256: null }));
    send(file);
    await fetchWeights(entry, options);
    expect(readFileSync(target, 'utf8')).toBe('precious');
    expectFile(path, file);
  });

  test.runIf(process.getuid?.() === 0)('files of another user are not used', async () => {
    const { options, path } = planted();
    const stranger = 65_533;
    writeFileSync(path, other);
    writeFileSync(`${path}.json`, JSON.stringify({ sha256: sha256(other) }));
    for (const one of [path, `${path}.json`]) chownSync(one, stranger, stranger);
    send(file);
    expect((await fetchWeights(hubEntry, options)).sha256).toBe(sha256(file));
    expect(lstatSync(path).uid).toBe(0);
  });
});

describe('several processes', () => {
  test('a lock that a killed one left is broken, one that is held is waited for', async () => {
    const options = fresh();
    const path = cachePath(entry, options.cache);
    send(file);
    mkdirSync(`${path}.lock`, { recursive: true });
    const seen: string[] = [];
    const onProgress = ({ stage }: DownloadProgress) => {
      seen.push(stage);
      if (stage === 'waiting') utimesSync(`${path}.lock`, 0, 0);
    };
    await fetchWeights(entry, { ...options, onProgress });
    expect([...new Set(seen)]).toEqual(['waiting', 'downloading']);
    expect(left(options.cache)).toEqual(['toy-0123abcd.pth', 'toy-0123abcd.pth.json']);
  });

  test('at once: one downloads, the other waits and has it too', async () => {
    const { cache, mirror } = fresh();
    const script = `
      import { folderCache } from ${JSON.stringify(new URL('../../dist/cache/index.js', import.meta.url).href)};
      import { fetchWeights } from ${JSON.stringify(new URL('../../dist/checkpoint/index.js', import.meta.url).href)};
      const onProgress = ({ stage }) => console.error(stage);
      console.log((await fetchWeights(${JSON.stringify(entry)}, { ...${JSON.stringify({ mirror })}, cache: folderCache(${JSON.stringify(cache.folder)}), onProgress })).sha256);
    `;
    const run = () => execute(process.execPath, ['--input-type=module', '-e', script]);
    const second = new Promise<ReturnType<typeof run>>((resolve) => {
      server.answer((_, response) => {
        response.writeHead(200, { 'content-length': file.length }).write(file.subarray(0, 1000));
        const waiting = run();
        waiting.child.stderr!.once('data', () => response.end(file.subarray(1000)));
        resolve(waiting);
      });
    });
    const outcomes = await Promise.all([run(), second]);
    expect(outcomes.map(({ stdout }) => stdout)).toEqual([`${sha256(file)}\n`, `${sha256(file)}\n`]);
    expect(outcomes[1].stderr).toBe('waiting\n');
    expect(server.requests).toHaveLength(1);
    expectFile(cachePath(entry, cache), file);
    expect(left(cache)).toEqual(['toy-0123abcd.pth', 'toy-0123abcd.pth.json']);
  });
});
