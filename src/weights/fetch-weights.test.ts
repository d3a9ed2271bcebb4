import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, describe, expect, test, vi } from 'vitest';
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
} from '../../test/downloads.ts';
import { type SendOptions, sendFile, startFileServer } from '../../test/file-server.ts';
import { temporaryFolder } from '../../test/pictures.ts';
import type { DownloadProgress } from '../files/download/fetch-file.ts';
import { cachePath, fetchWeights } from './fetch-weights.ts';

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
    expect(path).toBe(join(options.cache, 'weights/timm/toy.a1_in1k/model.safetensors'));
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
    expect(await failure(fresh({ mirror: 'ftp://example.org' }))).toContain('--mirror "ftp://example.org" is neither');
    expect(await failure(fresh({ mirror: 'http://me:secret@example.org' }))).not.toContain('secret');
  });

  test('a cache that cannot be written', async () => {
    const cache = join(root, 'a-file');
    writeFileSync(cache, '');
    expect(await failure(fresh({ cache }))).toContain('GRAFT_CACHE chooses another folder');
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
      import { fetchWeights } from ${JSON.stringify(new URL('../../dist/src/weights/index.js', import.meta.url).href)};
      const onProgress = ({ stage }) => console.error(stage);
      console.log((await fetchWeights(${JSON.stringify(entry)}, { ...${JSON.stringify({ cache, mirror })}, onProgress })).sha256);
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
