/* Who may ask, what is too much, and what requests notice of a stop, a reload and a process that is killed: nothing. */
import { cpSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { Agent, createServer, request } from 'node:http';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import sharp from 'sharp';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { startGraft, written } from '../../../../test/graft.ts';
import { drawImages, ownCache, temporaryFolder } from '../../../../test/images.ts';
import { runFolder } from '../../../../test/runs.ts';
import { type ModelServer, serveModels } from './model-server.ts';
import type { ServeOptions } from './serve-options.ts';

ownCache();
const root = temporaryFolder();
const run = join(root, 'run');
const other = join(root, 'other');
let image: Buffer;
const servers: ModelServer[] = [];

beforeAll(async () => {
  const shapes = await drawImages(join(root, 'shapes'), { perClass: 8 });
  await runFolder(shapes, run, { epochs: 1 });
  await runFolder(shapes, other, { epochs: 1, seed: 1 });
  const [name] = readdirSync(join(shapes, 'disc'));
  image = readFileSync(join(shapes, 'disc', name!));
});
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()));
});

async function serve(options: Partial<ServeOptions> = {}): Promise<ModelServer> {
  const models = [{ name: 'shapes', path: run }];
  const server = await serveModels({
    models,
    port: 0,
    workers: 1,
    threads: 1,
    decoders: 1,
    explains: false,
    ...options,
  });
  servers.push(server);
  return server;
}

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body: string;
}

function ask(
  server: Pick<ModelServer, 'port'>,
  path: string,
  options: { method?: string; headers?: Record<string, string>; body?: Buffer; agent?: Agent } = {},
): Promise<Answer> {
  const { body, method = body ? 'POST' : 'GET', headers = {}, agent } = options;
  return new Promise((resolve, reject) => {
    const asked = request(
      {
        host: '127.0.0.1',
        port: server.port,
        path,
        method,
        headers: { 'content-type': 'image/png', ...headers },
        agent,
      },
      (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
        response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body: text }));
      },
    );
    asked.on('error', reject).end(body);
  });
}

const predict = (server: Pick<ModelServer, 'port'>, agent?: Agent) =>
  ask(server, '/predict', { body: image, ...(agent && { agent }) });

/** Asks without a pause on several connections until `stop`, and gives every answer. */
function load(server: Pick<ModelServer, 'port'>, clients = 8) {
  const statuses: number[] = [];
  let isStopped = false;
  const client = async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    while (!isStopped) {
      const { status, headers } = await predict(server, agent);
      statuses.push(status);
      if (headers.connection === 'close') break;
    }
    agent.destroy();
  };
  const all = Promise.all(Array.from({ length: clients }, client));
  return {
    statuses,
    ended: all,
    async stop() {
      isStopped = true;
      await all;
    },
  };
}

const codeIn = ({ body }: Answer) => (JSON.parse(body) as { code: string }).code;

/** A process of the server, which runs in this one. */
async function childOf(program: 'inference-main' | 'decode-main'): Promise<number> {
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      const parent = / \((?:.*)\) \S (\d+) /s.exec(` ${readFileSync(`/proc/${pid}/stat`, 'utf8')}`)?.[1];
      if (parent !== String(process.pid)) continue;
      if (readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(program)) return Number(pid);
    } catch {
      // It has ended meanwhile.
    }
  }
  throw new Error(`no process of ${program}`);
}

describe('who may ask', () => {
  const token = 'a-token-of-enough-length';

  test('with a token, everything but health needs it', async () => {
    const server = await serve({ token });
    const bearer = (text: string) => ({ headers: { authorization: `Bearer ${text}` } });
    for (const path of ['/models', '/metrics', '/openapi.json', '/v2', '/nowhere']) {
      const refused = await ask(server, path);
      expect([refused.status, refused.headers['www-authenticate']]).toEqual([401, 'Bearer']);
      expect((await ask(server, path, bearer('a-token-of-enough-lengtH'))).status).toBe(401);
    }
    for (const path of ['/health/live', '/health/ready', '/v2/health/live', '/v2/health/ready']) {
      expect((await ask(server, path)).status).toBe(200);
    }
    expect((await ask(server, '/models', bearer(token))).status).toBe(200);
    expect((await ask(server, '/predict', { body: image, ...bearer(token) })).status).toBe(200);
    const reloaded = await ask(server, '/models/shapes/reload', { method: 'POST', ...bearer(token) });
    expect(reloaded.status).toBe(200);
  });

  test('another address than this machine’s needs a token', async () => {
    await expect(serve({ host: '0.0.0.0' })).rejects.toThrow('a token is needed');
    await expect(serve({ token: 'short' })).rejects.toThrow('at least 16 characters');
    const server = await serve({ host: '0.0.0.0', token });
    const headers = { host: 'photos.example.com', authorization: `Bearer ${token}` };
    expect((await ask(server, '/models', { headers })).status).toBe(200);
  });

  test('on this machine only its own names, and only pages that are named', async () => {
    const server = await serve({ cors: ['https://app.example.com'] });
    const from = (headers: Record<string, string>, method = 'GET') => ask(server, '/models', { headers, method });
    expect(codeIn(await from({ host: 'evil.example' }))).toBe('wrong-host');
    expect(codeIn(await from({ origin: 'https://evil.example' }))).toBe('wrong-origin');
    expect(codeIn(await from({ origin: 'null' }))).toBe('wrong-origin');
    const allowed = await from({ origin: 'https://app.example.com' });
    expect([allowed.status, allowed.headers['access-control-allow-origin']]).toEqual([200, 'https://app.example.com']);
    const preflight = await from(
      { origin: 'https://app.example.com', 'access-control-request-method': 'POST' },
      'OPTIONS',
    );
    expect([preflight.status, preflight.headers['access-control-allow-headers']]).toEqual([
      204,
      'authorization, content-type, inference-header-content-length',
    ]);
    const own = await from({ origin: `http://127.0.0.1:${server.port}` });
    expect([own.status, own.headers['access-control-allow-origin']]).toEqual([200, undefined]);
  });
});

describe('too much', () => {
  test('more requests than a client may send are 429', async () => {
    const server = await serve({ limits: { rate: 3 } });
    const answers: Answer[] = [];
    for (let i = 0; i < 4; i++) answers.push(await predict(server));
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 429]);
    expect(codeIn(answers[3]!)).toBe('rate-limit');
    expect(Number(answers[3]!.headers['retry-after'])).toBeGreaterThan(0);
    expect((await ask(server, '/health/ready')).status).toBe(200);
  });

  test('more requests than may wait are 503, at once', async () => {
    const server = await serve({ limits: { concurrency: 1, queue: 1 } });
    const answers = await Promise.all(Array.from({ length: 30 }, () => predict(server)));
    const statuses = new Set(answers.map(({ status }) => status));
    expect(statuses).toEqual(new Set([200, 503]));
    const refused = answers.find(({ status }) => status === 503)!;
    expect([codeIn(refused), refused.headers['retry-after']]).toEqual(['busy', '1']);
    expect((await predict(server)).status).toBe(200);
  });

  test('bodies and images have a size, headers a length and a time', async () => {
    const server = await serve({
      limits: { bodyBytes: 3000, pixels: 500, headerSeconds: 0.5, receiveSeconds: 1 },
    });
    expect(codeIn(await ask(server, '/predict', { body: Buffer.alloc(3001) }))).toBe('too-many-bytes');
    expect(codeIn(await predict(server))).toBe('too-many-pixels');
    const headers = { 'x-large': 'x'.repeat(20_000) };
    expect(codeIn(await ask(server, '/models', { headers }))).toBe('headers-too-large');
    const slow = async (text: string) => {
      const socket = connect(server.port, '127.0.0.1');
      socket.write(text);
      let answer = '';
      for await (const chunk of socket) answer += String(chunk);
      return answer;
    };
    const begun = 'POST /predict HTTP/1.1\r\nHost: localhost\r\n';
    const [header, body, nonsense] = await Promise.all([
      slow(begun),
      slow(`${begun}Content-Type: image/png\r\nContent-Length: 1000\r\n\r\nx`),
      slow('nonsense\r\n\r\n'),
    ]);
    expect(header).toMatch(/^HTTP\/1\.1 408 .*"code":"timeout"/s);
    expect(body).toMatch(/^HTTP\/1\.1 408 .*"code":"timeout"/s);
    expect(nonsense).toMatch(/^HTTP\/1\.1 400 .*"code":"bad-request"/s);
  });

  test('bodies that are held share a room', async () => {
    const server = await serve({ limits: { heldBytes: 100 } });
    const refused = await predict(server);
    expect([refused.status, codeIn(refused)]).toEqual([503, 'busy']);
  });
});

test('an image from a host that is allowed', async () => {
  const images = createServer((_, response) => response.end(image)).listen(0, '127.0.0.1');
  await new Promise((resolve) => images.once('listening', resolve));
  const place = images.address();
  const host = `127.0.0.1:${typeof place === 'object' ? place?.port : ''}`;
  const server = await serve({ allowUrl: [host] });
  const from = (url: string) =>
    ask(server, '/predict', {
      body: Buffer.from(JSON.stringify({ url })),
      headers: { 'content-type': 'application/json' },
    });
  const answer = await from(`http://${host}/a.png`);
  images.close();
  expect([answer.status, answer.body]).toEqual([200, (await predict(server)).body]);
  expect(codeIn(await from('http://127.0.0.1:1/a.png'))).toBe('url-refused');
});

describe('a process that is killed', () => {
  test('is a worker: it is replaced, and its requests are answered', async () => {
    const server = await serve();
    const busy = load(server);
    await delay(300);
    const first = await childOf('inference-main');
    process.kill(first, 'SIGKILL');
    await expect.poll(() => childOf('inference-main').catch(() => first), { timeout: 20_000 }).not.toBe(first);
    await expect.poll(async () => (await ask(server, '/health/ready')).status, { timeout: 20_000 }).toBe(200);
    const before = busy.statuses.length;
    await expect.poll(() => busy.statuses.length, { timeout: 20_000 }).toBeGreaterThan(before + 20);
    await busy.stop();
    expect(new Set(busy.statuses)).toEqual(new Set([200]));
    expect((await ask(server, '/metrics')).body).toContain('graft_processes_lost_total{kind="inference"} 1');
  });

  test('or a decoder', async () => {
    const server = await serve({ decoders: 2 });
    const busy = load(server);
    await delay(300);
    process.kill(await childOf('decode-main'), 'SIGKILL');
    await delay(500);
    await busy.stop();
    expect(new Set(busy.statuses)).toEqual(new Set([200]));
    expect((await ask(server, '/metrics')).body).toContain('graft_processes_lost_total{kind="decoder"} 1');
  });
});

test('ordinary requests are answered beside bad, slow and exploding ones and a worker that is killed', async () => {
  const flat = (side: number) =>
    sharp({ create: { width: side, height: side, channels: 3, background: '#888' } })
      .png()
      .toBuffer();
  const [large, bomb] = await Promise.all([flat(2100), flat(4000)]);
  const server = await serve({ limits: { pixels: 10e6, receiveSeconds: 1 } });
  const ordinary = load(server, 4);
  const slow = Array.from({ length: 50 }, () => connect(server.port, '127.0.0.1').on('error', () => {}));
  for (const socket of slow) {
    socket.write(
      'POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/png\r\nContent-Length: 9000\r\n\r\nx',
    );
  }
  const attacks = [Buffer.from('nonsense'), image.subarray(0, image.length / 2), bomb, large];
  const answers = await Promise.all(attacks.map((body) => ask(server, '/predict', { body })));
  expect(answers.map((answer) => (answer.status === 200 ? 'answered' : codeIn(answer)))).toEqual([
    'bad-image',
    'bad-image',
    'too-many-pixels',
    'answered', // by a decoder: it would hold up a worker's other requests
  ]);
  process.kill(await childOf('inference-main'), 'SIGKILL');
  const before = ordinary.statuses.length;
  await expect.poll(() => ordinary.statuses.length, { timeout: 20_000 }).toBeGreaterThan(before + 20);
  await ordinary.stop();
  for (const socket of slow) socket.destroy();
  expect(new Set(ordinary.statuses)).toEqual(new Set([200]));
});

describe('a reload', () => {
  const versionOf = async (server: ModelServer) =>
    (JSON.parse((await ask(server, '/models/shapes')).body) as { version: string }).version;

  test('under load changes the answers and drops none; a damaged run changes nothing', async () => {
    const path = join(root, 'reloaded');
    cpSync(run, path, { recursive: true });
    const lines: string[] = [];
    const log = { stream: { write: (line: string) => lines.push(line) } };
    const server = await serve({ models: [{ name: 'shapes', path }], log });
    const [version, { body }] = [await versionOf(server), await predict(server)];
    const busy = load(server);
    cpSync(join(other, 'best.safetensors'), join(path, 'best.safetensors'));
    await server.reload('shapes');
    const next = await versionOf(server);
    expect(next).not.toBe(version);
    const after = (await predict(server)).body;
    expect(after).not.toBe(body);

    truncateSync(join(path, 'best.safetensors'), 1000);
    await expect(server.reload()).rejects.toThrow(path);
    expect(await versionOf(server)).toBe(next);
    expect((await predict(server)).body).toBe(after);
    expect(lines.some((line) => line.includes('not reloaded'))).toBe(true);
    // A worker that takes the place of another has the numbers that were opened, not those that lie there now.
    process.kill(await childOf('inference-main'), 'SIGKILL');
    expect((await predict(server)).body).toBe(after);
    await busy.stop();
    expect(new Set(busy.statuses)).toEqual(new Set([200]));
  });

  test('comes by itself where files are watched', async () => {
    const path = join(root, 'watched');
    cpSync(run, path, { recursive: true });
    const server = await serve({ models: [{ name: 'shapes', path }], watch: true });
    const version = await versionOf(server);
    await delay(1100);
    cpSync(join(other, 'best.safetensors'), join(path, 'best.safetensors'));
    await expect.poll(() => versionOf(server), { timeout: 20_000 }).not.toBe(version);
  });
});

test('what cannot be served is said', async () => {
  const of = (path: string) => serve({ models: [{ name: 'x', path }] });
  await expect(of(join(root, 'nothing'))).rejects.toThrow('does not exist');
  await expect(of(join(root, 'shapes'))).rejects.toThrow('no run.json');
  const file = join(root, 'broken.onnx');
  writeFileSync(file, 'nonsense');
  await expect(of(file)).rejects.toThrow('not an ONNX model');
  rmSync(file);
  await expect(serve({ models: [] })).rejects.toThrow('at least one');
  await expect(serve({ models: [{ name: '../x', path: run }] })).rejects.toThrow('letters, digits');
});

test('a stop waits for what has begun to arrive, and no longer than it may', async () => {
  const begin = (server: ModelServer, length: number) => {
    const socket = connect(server.port, '127.0.0.1');
    let answer = '';
    socket.on('data', (chunk) => (answer += String(chunk))).on('error', () => {});
    socket.write(
      `POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/png\r\nContent-Length: ${length}\r\n\r\n`,
    );
    return { socket, answer: () => answer };
  };
  const patient = await serve();
  const slow = begin(patient, image.length);
  slow.socket.write(image.subarray(0, 100));
  await delay(100);
  const closed = patient.close();
  await delay(1000);
  slow.socket.write(image.subarray(100));
  await closed;
  expect(slow.answer()).toMatch(/^HTTP\/1\.1 200 /);

  const hasty = await serve({ limits: { stopSeconds: 0.5 } });
  const never = begin(hasty, image.length);
  await delay(100);
  const start = performance.now();
  await hasty.close();
  expect(performance.now() - start).toBeLessThan(3000);
  never.socket.destroy();
});

describe('graft serve', () => {
  const flags = ['--port', '0', '--workers', '1', '--threads', '1', '--decoders', '1', '--no-explain'];

  test('serves until SIGTERM, answers everything that it has taken, and exits with 0', async () => {
    const { child, done } = startGraft(['serve', `shapes=${run}`, ...flags, '--json']);
    let out = '';
    child.stdout.on('data', (chunk) => (out += chunk));
    await expect.poll(() => out.endsWith('\n'), { timeout: 30_000 }).toBe(true);
    const server = JSON.parse(out) as { address: string; port: number; models: string[] };
    expect(out.trim().split('\n')).toHaveLength(1);
    expect(server).toMatchObject({ address: `http://127.0.0.1:${server.port}/`, models: ['shapes'] });
    const busy = load(server, 16);
    await expect.poll(() => busy.statuses.length, { timeout: 20_000 }).toBeGreaterThan(20);
    child.kill('SIGHUP');
    await delay(100);
    child.kill('SIGTERM');
    await busy.ended;
    const { status, stderr } = await done;
    expect(status).toBe(0);
    expect(new Set(busy.statuses)).toEqual(new Set([200]));
    const answered = stderr.split('\n').filter((line) => line.includes('"answered"'));
    expect(answered).toHaveLength(busy.statuses.length);
    await expect(predict(server)).rejects.toThrow('ECONNREFUSED');
  });

  test('says what it serves, and what is wrong', async () => {
    const { child, done } = startGraft(['serve', run, ...flags, '--log-level', 'silent']);
    await written(child, 'Opening run');
    let out = '';
    child.stdout.on('data', (chunk) => (out += chunk));
    await expect.poll(() => out, { timeout: 30_000 }).toContain('curl -F image=@photo.jpg');
    const port = /127\.0\.0\.1:(\d+)/.exec(out)![1]!;
    const second = await startGraft(['serve', run, ...flags.slice(2), '--port', port]).done;
    expect([second.status, second.stderr]).toEqual([1, expect.stringContaining(`Port ${port} is in use.`)]);
    child.kill('SIGINT');
    expect((await done).status).toBe(0);
    const open = await startGraft(['serve', run, '--host', '0.0.0.0']).done;
    expect([open.status, open.stderr]).toEqual([2, expect.stringContaining('--token')]);
    const absent = await startGraft(['serve', join(root, 'absent')]).done;
    expect([absent.status, absent.stderr]).toEqual([1, expect.stringContaining('does not exist')]);
  });
});
