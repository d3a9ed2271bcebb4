import { mkdirSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { graft } from '../../../../test/graft.ts';
import { temporaryFolder } from '../../../../test/images.ts';
import { startStudio } from '../../../../test/studio.ts';
import { type StudioServer, serveStudio } from '../serve/studio-server.ts';

interface Answer {
  readonly status: number;
  readonly headers: NodeJS.Dict<string | string[]>;
  readonly body: string;
}

/** One request, as it is written: `fetch` would tidy up the path. */
function ask(port: number, path: string, options: { method?: string; host?: string } = {}): Promise<Answer> {
  const { method = 'GET', host = `127.0.0.1:${port}` } = options;
  return new Promise((resolve, reject) => {
    const asked = request({ port, path, method, host: '127.0.0.1', headers: { Host: host } }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (chunk: string) => {
        body += chunk;
      });
      response.on('end', () => resolve({ status: response.statusCode!, headers: response.headers, body }));
    });
    asked.on('error', reject).end();
  });
}

describe('the server of the studio', () => {
  const root = temporaryFolder();
  const folder = join(root, 'studio');
  const servers: StudioServer[] = [];
  const serve = async (port = 0, otherwiseAny = false) => {
    servers.push(await serveStudio(port, { folder, otherwiseAny }));
    return servers.at(-1)!;
  };
  mkdirSync(join(folder, 'assets'), { recursive: true });
  writeFileSync(join(folder, 'index.html'), 'the page');
  writeFileSync(join(folder, 'assets', 'code-abc.js'), '1');
  writeFileSync(join(folder, 'assets', 'ort-abc.wasm'), '2');
  writeFileSync(join(folder, 'service-worker.js'), '3');
  writeFileSync(join(root, 'secret'), 'not of the studio');

  afterEach(async () => {
    for (const server of servers.splice(0)) await server.close();
  });

  test('files come with their types, isolated, and with a policy that lets the page contact nobody else', async () => {
    const { port, address } = await serve();
    expect(address).toBe(`http://127.0.0.1:${port}/`);
    const page = await ask(port, '/');
    expect(page).toMatchObject({
      status: 200,
      body: 'the page',
      headers: {
        'content-type': 'text/html;charset=utf-8',
        'cache-control': 'no-cache',
        'cross-origin-opener-policy': 'same-origin',
        'cross-origin-embedder-policy': 'require-corp',
        'x-content-type-options': 'nosniff',
      },
    });
    const policy = page.headers['content-security-policy'];
    expect(policy).toMatch(/^default-src 'self'; script-src 'self' 'wasm-unsafe-eval';.*connect-src 'self';/);
    expect(policy).toContain("frame-ancestors 'none'");
    const wasm = await ask(port, '/assets/ort-abc.wasm');
    expect(wasm.headers).toMatchObject({ 'content-type': 'application/wasm' });
    expect(wasm.headers['cache-control']).toContain('immutable');
    expect((await ask(port, '/assets/code-abc.js')).headers['content-type']).toContain('text/javascript');
    expect((await ask(port, '/service-worker.js')).headers['cache-control']).toBe('no-cache');
  });

  test.each([
    '/../secret',
    '/assets/../../secret',
    '/%2e%2e/secret',
    '/..%2fsecret',
    '/nosuch',
    '//secret',
    '/%',
    '/%00',
  ])('%s: 404', async (path) => {
    const { port } = await serve();
    const { status, body } = await ask(port, path);
    expect([status, body]).toEqual([404, 'There is no such file.\n']);
  });

  test('it answers to the names of this machine, on any port, and to no other name', async () => {
    const { port } = await serve();
    for (const host of [`localhost:${port}`, '127.0.0.1:8000', 'LOCALHOST', '[::1]:1']) {
      expect((await ask(port, '/', { host })).status).toBe(200);
    }
    for (const host of ['example.com', 'localhost.example.com', '127.0.0.1.nip.io', '127.0.0.1@example.com']) {
      const { status, body } = await ask(port, '/', { host });
      expect([host, status]).toEqual([host, 403]);
      expect(body).not.toContain('page');
    }
    expect((await ask(port, '/', { method: 'POST' })).status).toBe(405);
    expect(await ask(port, '/', { method: 'HEAD' })).toMatchObject({ status: 200, body: '' });
  });

  test('a port in use is an error, or another one is taken', async () => {
    const { port } = await serve();
    await expect(serve(port)).rejects.toThrow(`Port ${port} is in use. Choose another \`port\``);
    const other = await serve(port, true);
    expect([other.isOtherPort, other.port === port]).toEqual([true, false]);
    expect((await ask(other.port, '/')).body).toBe('the page');
  });

  test('without a page, the error says how it is built', async () => {
    await expect(serveStudio(0, { folder: root })).rejects.toThrow('npm run studio');
  });
});

describe('graft studio', () => {
  test.each(['SIGINT', 'SIGTERM'] as const)('serves the built page until %s, and exits with 0', async (signal) => {
    const { address, port, end } = await startStudio();
    expect(address).toBe(`http://127.0.0.1:${port}/`);
    const { status, body } = await ask(port, '/');
    expect([status, body]).toEqual([200, expect.stringContaining('<title>Graft Studio</title>')]);
    expect(await end(signal)).toMatchObject({ status: 0, stderr: '' });
    await expect(ask(port, '/')).rejects.toThrow('ECONNREFUSED');
  });

  test('the page carries the policy that it is served with, for hosts that send none', async () => {
    const { port, end } = await startStudio();
    const { headers, body } = await ask(port, '/');
    const [, own] = /http-equiv="Content-Security-Policy" content="([^"]*)"/.exec(body) ?? [];
    expect(`${own?.replaceAll('&#39;', "'")}; frame-ancestors 'none'`).toBe(headers['content-security-policy']);
    await end('SIGINT');
  });

  test('a port that is given is not exchanged for another', async () => {
    const { port, end } = await startStudio();
    const second = await graft(['studio', '--no-open', '--port', String(port)]);
    expect([second.status, second.stdout]).toEqual([1, '']);
    expect(second.stderr).toContain(`Port ${port} is in use. Choose another --port`);
    await end('SIGINT');
    const wrong = await graft(['studio', '--no-open', '--port', '70000']);
    expect([wrong.status, wrong.stderr]).toEqual([2, expect.stringContaining('--port')]);
  });
});
