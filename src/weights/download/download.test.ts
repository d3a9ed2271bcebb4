import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { type SendOptions, sendFile, startFileServer } from '../../../test/file-server.ts';
import { temporaryFolder } from '../../../test/pictures.ts';
import { UserError } from '../../base/errors.ts';
import { randomStream } from '../../base/random.ts';
import type { WeightsEntry } from '../registry/entry.ts';
import { cachePath, type DownloadProgress, type FetchOptions, fetchWeights } from './index.ts';

const execute = promisify(execFile);
const root = temporaryFolder();
const server = await startFileServer();
const storage = await startFileServer();

function bytes(name: string, length: number): Uint8Array {
  const stream = randomStream(0, 'file', name);
  return Uint8Array.from({ length }, () => stream.integer(256));
}

const sha256 = (content: Uint8Array) => createHash('sha256').update(content).digest('hex');
const file = bytes('published', 150_000);
const other = bytes('another', 150_000);

/** As torchvision publishes: a rounded size and eight digits of the checksum. */
const entry: WeightsEntry = {
  name: 'torchvision/toy.imagenet1k_v1',
  architecture: 'toy',
  url: 'https://download.pytorch.org/models/toy-0123abcd.pth',
  sha256: sha256(file).slice(0, 8),
  sizeMiB: Number((file.length / 2 ** 20).toFixed(3)),
  licence: 'BSD-3-Clause',
  source: 'https://example.org',
  parameters: 37_000,
  top1: 70,
  top5: 90,
  preprocessing: { resize: 256, crop: 224, interpolation: 'bilinear', mean: [0, 0, 0], std: [1, 1, 1] },
  classes: 'imagenet1k',
};

/** As timm publishes: neither size nor checksum, but the hub tells them. */
const hubEntry: WeightsEntry = {
  ...entry,
  name: 'timm/toy.a1_in1k',
  url: 'https://huggingface.co/timm/toy.a1_in1k/resolve/main/model.safetensors',
  sha256: null,
  sizeMiB: null,
};

const expectFile = (path: string, content: Uint8Array) => expect(readFileSync(path).equals(content)).toBe(true);

let caches = 0;
/** Options of a download into a cache of its own, through the server as a mirror. */
function fresh(options: FetchOptions = {}): FetchOptions & { readonly cache: string } {
  const patience = { attempts: 3, pause: 1, stall: 10_000 };
  return { cache: join(root, `cache-${++caches}`), mirror: server.address, patience, ...options };
}

/** Progress after which the server hangs up: once at each of these points. */
function hangUpAt(...points: number[]): FetchOptions {
  const left = new Set(points);
  return { onProgress: ({ done }) => left.delete(done) && server.hangUp() };
}

const send = (content: Uint8Array, options?: SendOptions) =>
  server.answer((request, response) => sendFile(request, response, content, options));

/** Names in the folder of an entry. */
const left = (cache: string, of = entry) => readdirSync(dirname(cachePath(of, cache))).sort();

async function failure(options: FetchOptions, of = entry): Promise<string> {
  const error = await fetchWeights(of, options).then(
    () => new Error('nothing was thrown'),
    (reason: Error) => reason,
  );
  expect(error).toBeInstanceOf(UserError);
  return error.message;
}

afterEach(() => vi.unstubAllEnvs());

describe('a download', () => {
  test('comes whole, says how far it is, leaves nothing beside it, and happens once', async () => {
    send(file);
    const seen: DownloadProgress[] = [];
    const options = fresh({ onProgress: (progress) => seen.push(progress) });
    const fetched = await fetchWeights(entry, options);
    expect(fetched).toEqual({ path: cachePath(entry, options.cache), sha256: sha256(file) });
    expect(fetched.path).toBe(join(options.cache, 'weights/torchvision/toy.imagenet1k_v1/toy-0123abcd.pth'));
    expectFile(fetched.path, file);
    expect(left(options.cache)).toEqual(['toy-0123abcd.pth', 'toy-0123abcd.pth.json']);
    const done = seen.map((progress) => progress.done);
    expect(done).toEqual([...done].sort((a, b) => a - b));
    expect(seen.at(-1)).toEqual({ stage: 'downloading', done: file.length, total: file.length });
    expect(await fetchWeights(entry, options)).toEqual(fetched);
    expect(server.requests.map(({ url }) => url)).toEqual(['/models/toy-0123abcd.pth']);
    expect(server.requests[0]!.headers['accept-encoding']).toBe('identity');
  });

  test('goes on where the connection broke', async () => {
    server.answer((request, response, count) =>
      sendFile(request, response, file, count < 3 ? { stallAfter: 50_000 } : {}),
    );
    const { path } = await fetchWeights(entry, fresh(hangUpAt(50_000, 100_000)));
    expectFile(path, file);
    const ranges = server.requests.map(({ headers }) => [headers.range, headers['if-range']]);
    expect(ranges).toEqual([
      [undefined, undefined],
      ['bytes=50000-', '"1"'],
      ['bytes=100000-', '"1"'],
    ]);
  });

  test('goes on where an earlier one gave up', async () => {
    send(file, { stallAfter: 60_000 });
    const options = fresh({ patience: { attempts: 1 } });
    expect(await failure({ ...options, ...hangUpAt(60_000) })).toContain('broke off');
    expect(left(options.cache)).toEqual(['toy-0123abcd.pth.part', 'toy-0123abcd.pth.part.json']);
    send(file);
    const seen: number[] = [];
    const { path } = await fetchWeights(entry, { ...options, onProgress: ({ done }) => seen.push(done) });
    expectFile(path, file);
    expect(seen[0]).toBe(60_000);
    expect(server.requests.map(({ headers }) => headers.range)).toEqual(['bytes=60000-']);
    expect(left(options.cache)).toEqual(['toy-0123abcd.pth', 'toy-0123abcd.pth.json']);
  });

  test('knows a part that was whole already', async () => {
    const options = fresh();
    const path = cachePath(entry, options.cache);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(`${path}.part`, file);
    const url = `${server.address}/models/toy-0123abcd.pth`;
    writeFileSync(`${path}.part.json`, JSON.stringify({ url, validator: '"1"', sha256: null }));
    send(file);
    await fetchWeights(entry, options);
    expect(server.requests.map(({ headers }) => headers.range)).toEqual([`bytes=${file.length}-`]);
  });

  test('stops when its signal says so, and keeps what it has', async () => {
    send(file, { stallAfter: 30_000 });
    const controller = new AbortController();
    const reason = new Error('enough');
    const onProgress = ({ done }: DownloadProgress) => done === 30_000 && controller.abort(reason);
    const options = fresh({ signal: controller.signal, onProgress });
    await expect(fetchWeights(entry, options)).rejects.toBe(reason);
    expect(statSync(`${cachePath(entry, options.cache)}.part`).size).toBe(30_000);
  });
});

describe('a server that does not play along', () => {
  /** Half the file in a first answer, and then what the test wants. */
  const afterHalf = (handler: Parameters<typeof server.answer>[0]) =>
    server.answer((request, response, count) => {
      if (count === 1) sendFile(request, response, file, { stallAfter: 75_000 });
      else handler(request, response, count);
    });

  test.each<[string, Parameters<typeof server.answer>[0]]>([
    ['ignores Range', (_, response) => response.writeHead(200, { 'content-length': file.length }).end(file)],
    [
      'continues from somewhere else',
      (request, response, count) => {
        if (count > 2) return sendFile(request, response, file);
        const span = `bytes 70000-${file.length - 1}/${file.length}`;
        response.writeHead(206, { 'content-range': span, etag: '"1"' }).end(file.subarray(70_000));
      },
    ],
    [
      'says 206 and not of what',
      (request, response, count) =>
        count > 2 ? sendFile(request, response, file) : response.writeHead(206).end(file.subarray(75_000)),
    ],
    [
      'says that there is no more',
      (request, response, count) =>
        count > 2 ? sendFile(request, response, file) : response.writeHead(416, { 'content-range': 'bytes */9' }).end(),
    ],
  ])('%s: the file is right nevertheless', async (_what, handler) => {
    afterHalf(handler);
    const { path } = await fetchWeights(entry, fresh(hangUpAt(75_000)));
    expectFile(path, file);
  });

  test.each([
    ['and says so', '"2"', false],
    ['and ignores If-Range', '"2"', true],
    ['and gives no sign of it', '"1"', false],
  ] as const)('changes the file between the parts %s: the new one, whole', async (_how, etag, ignoreIfRange) => {
    const changed = { ...entry, sha256: sha256(other) };
    server.answer((request, response, count) => {
      if (count === 1) return sendFile(request, response, file, { stallAfter: 75_000 });
      if (ignoreIfRange) delete request.headers['if-range'];
      sendFile(request, response, other, { etag });
    });
    const { path } = await fetchWeights(changed, fresh(hangUpAt(75_000)));
    expectFile(path, other);
  });

  test('without a validator there is no going on: it begins anew', async () => {
    server.answer((request, response, count) =>
      sendFile(request, response, file, { etag: 'W/"1"', ...(count === 1 && { stallAfter: 75_000 }) }),
    );
    await fetchWeights(entry, fresh(hangUpAt(75_000)));
    expect(server.requests.map(({ headers }) => headers.range)).toEqual([undefined, undefined]);
  });

  test('announces another length than is published: nothing is written', async () => {
    for (const length of [file.length + 5000, file.length - 5000, 10 ** 12]) {
      server.answer((_, response) => response.writeHead(200, { 'content-length': length }).write(file));
      const options = fresh();
      expect(await failure(options)).toContain(`announces ${length} bytes, but the file has 149`);
      expect(left(options.cache)).toEqual([]);
    }
  });

  test('announces more than it sends: what it sent stays, the error says so', async () => {
    server.answer((_, response) => {
      response.writeHead(200, { 'content-length': file.length }).write(file.subarray(0, 100_000));
    });
    const options = fresh({ patience: { attempts: 1 }, ...hangUpAt(100_000) });
    expect(await failure(options)).toMatch(/had: 127\.0\.0\.1:\d+ broke off \(/);
    expect(statSync(`${cachePath(entry, options.cache)}.part`).size).toBe(100_000);
  });

  test('announces less than it sends: the checksum tells', async () => {
    server.answer((_, response) => {
      response.strictContentLength = false;
      const headers = { 'content-length': 100_000, 'x-linked-etag': `"${sha256(file)}"`, connection: 'close' };
      response.writeHead(200, headers).end(file);
    });
    const options = fresh();
    expect(await failure(options, hubEntry)).toContain(`has the sha256 ${sha256(file.subarray(0, 100_000))}`);
    expect(left(options.cache, hubEntry)).toEqual([]);
  });

  test.each([
    ['a published size', entry],
    ['none', hubEntry],
  ])('announces nothing and never ends: no more than the file can have, with %s', async (_size, of) => {
    let open = true;
    server.answer((_, response) => {
      response.on('close', () => (open = false));
      const pour = () => {
        while (open && response.write(file)) {}
      };
      response.on('drain', pour);
      pour();
    });
    const options = fresh();
    expect(await failure(options, of)).toMatch(/sends more than it may: the file has \d+ to \d+ bytes/);
    expect(statSync(`${cachePath(of, options.cache)}.part`).size).toBeLessThanOrEqual(8 * entry.parameters + 2 ** 20);
    await expect.poll(() => open).toBe(false);
  });

  test('announces nothing and ends too early', async () => {
    server.answer((_, response, count) => {
      response.write(file.subarray(0, 10)); // without a length it comes in chunks, and any end is a proper one
      response.end(count === 1 ? undefined : file.subarray(10));
    });
    const { path } = await fetchWeights(entry, fresh());
    expectFile(path, file);
  });

  test('serves another file: both checksums, and nothing of it stays', async () => {
    send(other);
    const options = fresh();
    const [actual, expected] = [sha256(other).slice(0, 8), entry.sha256];
    expect(await failure(options)).toContain(`has the sha256 ${actual}, expected ${expected}`);
    expect([server.requests.length, left(options.cache)]).toEqual([1, []]);
  });

  test('compresses what it was asked not to', async () => {
    send(file, { headers: { 'content-encoding': 'gzip' } });
    expect(await failure(fresh())).toContain('compresses the file (gzip)');
  });

  test('is slow, but sends: no matter', async () => {
    server.answer((_, response) => {
      response.writeHead(200, { 'content-length': file.length });
      const drip = (from: number) => {
        if (from >= file.length) response.end();
        else response.write(file.subarray(from, from + 10_000), () => setTimeout(drip, 20, from + 10_000));
      };
      drip(0);
    });
    const { path } = await fetchWeights(entry, fresh({ patience: { attempts: 1, stall: 5000 } }));
    expectFile(path, file);
  });

  test('stalls in the middle: given up, and gone on from there', async () => {
    server.answer((request, response, count) =>
      sendFile(request, response, file, count === 1 ? { stallAfter: 40_000 } : {}),
    );
    await fetchWeights(entry, fresh({ patience: { stall: 300, pause: 1 } }));
    expect(server.requests.map(({ headers }) => headers.range)).toEqual([undefined, 'bytes=40000-']);
  });

  test('never answers: the error says how long that was', async () => {
    server.answer(() => {});
    expect(await failure(fresh({ patience: { attempts: 2, stall: 100, pause: 1 } }))).toContain(
      'nothing came for 0.1 s',
    );
    expect(server.requests).toHaveLength(2);
  });
});

describe('statuses', () => {
  test('404 is final, and the error shows every way out', async () => {
    server.answer((_, response) => response.writeHead(404).end());
    const options = fresh();
    expect(await failure(options)).toBe(
      [
        `torchvision/toy.imagenet1k_v1 cannot be had: ${new URL(server.address).host} answers 404 Not Found.`,
        '  published at  https://download.pytorch.org/models/toy-0123abcd.pth',
        `  looked for    ${server.address}/models/toy-0123abcd.pth`,
        `  belongs at    ${cachePath(entry, options.cache)}`,
        'Put the file there by hand, or pass it with --weights FILE. --mirror takes another address or a folder.',
      ].join('\n'),
    );
    expect(server.requests).toHaveLength(1);
  });

  test.each([429, 500, 502, 503, 504])('%i is tried again, and then given up', async (status) => {
    const busy = (response: Parameters<Parameters<typeof server.answer>[0]>[1]) =>
      response.writeHead(status, { 'retry-after': '0' }).end('busy');
    server.answer((request, response, count) => (count < 3 ? busy(response) : sendFile(request, response, file)));
    await fetchWeights(entry, fresh());
    server.answer((_, response) => busy(response));
    expect(await failure(fresh())).toContain(`answers ${status}`);
    expect(server.requests).toHaveLength(3);
  });

  test('a host that is not there', async () => {
    expect(await failure(fresh({ mirror: 'http://127.0.0.1:1' }))).toContain('127.0.0.1:1');
    expect(await failure(fresh({ mirror: 'http://graft.invalid' }))).toContain('graft.invalid');
  });
});

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
      import { fetchWeights } from ${JSON.stringify(new URL('../../../dist/src/weights/index.js', import.meta.url).href)};
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
