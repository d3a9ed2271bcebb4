import { createServer, type RequestListener } from 'node:http';
import { afterEach, expect, test } from 'vitest';
import { fetchImage, isPublicAddress } from './fetch-image.ts';
import { listen } from './studio-server.ts';

const servers: { close(): void }[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  servers.push(server);
  await listen(server, 0);
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return `127.0.0.1:${address.port}`;
}

const options = { mostBytes: 1000, signal: new AbortController().signal, onBytes: () => {} };

test.each([
  ['93.184.216.34', true],
  ['2606:2800:220:1::1', true],
  ...[
    ...['127.0.0.1', '10.1.2.3', '172.16.0.1', '172.31.255.255', '192.168.1.1', '169.254.169.254', '100.64.0.1'],
    ...['0.0.0.0', '224.0.0.1', '255.255.255.255', '::1', '::', 'fe80::1', 'fc00::1', '::ffff:127.0.0.1'],
    ...['::ffff:93.184.216.34', '64:ff9b::a00:1', '2002:7f00:1::', '2001::1', 'nonsense'],
  ].map((address) => [address, false] as const),
] as const)('%s is a public address: %s', (address, expected) => {
  expect(isPublicAddress(address)).toBe(expected);
});

test('an image comes from a host that is allowed, its address included', async () => {
  const host = await serve((_, response) => response.end('an image'));
  let held = 0;
  const onBytes = (count: number) => (held += count);
  const bytes = await fetchImage(`http://${host}/a.jpg?b`, { ...options, hosts: [host], onBytes });
  expect([bytes.toString(), held]).toEqual(['an image', 8]);
});

test.each([
  ['another host', 'http://example.com/', 'url-refused'],
  ['another port', 'http://127.0.0.1:1/', 'url-refused'],
  ['a name that leads to this machine', 'http://localhost:8080/', 'url-refused'],
  ['a user', 'http://user@localhost:8080/', 'url-refused'],
  ['another protocol', 'ftp://localhost:8080/a.jpg', 'url-refused'],
])('%s is refused', async (_, url, code) => {
  await expect(fetchImage(url, { ...options, hosts: ['localhost:8080'] })).rejects.toMatchObject({ code });
});

test.each<[string, RequestListener, string]>([
  ['a redirect', (_, response) => response.writeHead(302, { location: 'http://127.0.0.1:1/' }).end(), 'url-failed'],
  ['an error', (_, response) => response.writeHead(500).end(), 'url-failed'],
  ['too many bytes', (_, response) => response.end(Buffer.alloc(1001)), 'too-many-bytes'],
  ['a connection that breaks', (_, response) => response.destroy(), 'url-failed'],
])('%s is no image', async (_, listener, code) => {
  const host = await serve(listener);
  await expect(fetchImage(`http://${host}/`, { ...options, hosts: [host] })).rejects.toMatchObject({ code });
});
