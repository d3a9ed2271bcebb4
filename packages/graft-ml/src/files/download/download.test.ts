import { mkdirSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
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
} from '../../../../../test/downloads.ts';
import { type SendOptions, sendFile, startFileServer } from '../../../../../test/file-server.ts';
import { cachePath, fetchWeights } from '../../checkpoint/fetch-weights.ts';
import type { DownloadProgress, FetchOptions } from './fetch-file.ts';

const server = await startFileServer();
const fresh = downloadsFrom(server);

const send = (content: Uint8Array, options?: SendOptions) =>
  server.answer((request, response) => sendFile(request, response, content, options));

/** Progress after which the server hangs up: once at each of these points. */
function hangUpAt(...points: number[]): FetchOptions {
  const ahead = new Set(points);
  return { onProgress: ({ done }) => ahead.delete(done) && server.hangUp() };
}

describe('a download', () => {
  test('comes whole, says how far it is, leaves nothing beside it, and happens once', async () => {
    send(file);
    const seen: DownloadProgress[] = [];
    const options = fresh({ onProgress: (progress) => seen.push(progress) });
    const fetched = await fetchWeights(entry, options);
    expect(fetched).toEqual({ path: cachePath(entry, options.cache), sha256: sha256(file) });
    expect(fetched.path).toBe(join(options.cache.folder, 'weights/torchvision/toy.imagenet1k_v1/toy-0123abcd.pth'));
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
        'Put the file there by hand, or name it as `weights`. `mirror` takes another address or a folder.',
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
