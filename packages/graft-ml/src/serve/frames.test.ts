import { connect, createServer, type Socket } from 'node:net';
import { expect, test } from 'vitest';
import { receiveFrames, sendFrame } from './frames.ts';

/** Both ends of a connection. */
async function pair(): Promise<[Socket, Socket, () => void]> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const address = server.address();
  const accepted = new Promise<Socket>((resolve) => server.once('connection', resolve));
  const one = connect(typeof address === 'object' ? (address?.port ?? 0) : 0, '127.0.0.1');
  const other = await accepted;
  const close = () => {
    one.destroy();
    other.destroy();
    server.close();
  };
  return [one, other, close];
}

test('messages arrive as they were, large and empty arrays included', async () => {
  const [one, other, close] = await pair();
  const messages = [
    { id: 0, task: { kind: 'a', names: ['x', 'y'], none: null, text: '\u0000array' } },
    { id: 1, bytes: new Uint8Array(300_000).map((_, i) => i % 251), floats: Float32Array.of(0.5, -1, Number.NaN) },
    { id: 2, inner: { deep: { empty: new Uint8Array(0), bytes: Buffer.from('abc').subarray(1) } } },
    { id: 3, list: [{ offset: 5 }, { bytes: Uint8Array.of(1, 2) }, { bytes: Uint8Array.of(3) }], rows: [0, null] },
  ];
  const received: unknown[] = [];
  receiveFrames(other, (message) => received.push(message));
  for (const message of [...messages, ...messages]) sendFrame(one, message);
  await expect.poll(() => received.length).toBe(8);
  close();
  const [a, b, c, d] = messages;
  const plain = [a, b, { ...c, inner: { deep: { empty: new Uint8Array(0), bytes: Uint8Array.of(98, 99) } } }, d];
  expect(received).toEqual([...plain, ...plain]);
});
