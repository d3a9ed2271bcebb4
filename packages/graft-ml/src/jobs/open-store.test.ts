import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { temporaryFolder } from '../../../../test/images.ts';
import { bucketServer } from '../../../../test/s3.ts';
import type { ObjectStore } from './object-store.ts';
import { openStore } from './open-store.ts';

const server = bucketServer();
const root = join(temporaryFolder(), 'store');

describe.each([
  ['a folder', root],
  ['a bucket', 's3://studies/a/b'],
])('a store in %s', (_, place) => {
  let store: ObjectStore;
  beforeAll(async () => {
    store = await openStore(place, { endpoint: server.endpoint() });
    for (const key of ['x/10', 'x/1', 'y', 'x/2']) await store.put(key, Buffer.from(key));
  });

  const listed = async (prefix: string) => {
    const keys: string[] = [];
    for await (const key of store.list(prefix)) keys.push(key);
    return keys;
  };

  it('says where it is', () => expect(store.place).toBe(place));

  it('gives what was put last, in memory of its own', async () => {
    expect(await store.get('x/1')).toEqual(new Uint8Array(Buffer.from('x/1')));
    await store.put('z', Buffer.from('a'));
    await store.put('z', new Uint8Array());
    expect(await store.get('z')).toEqual(new Uint8Array());
    await store.remove('z');
  });

  it('lists keys in the order of their characters', async () => {
    expect(await listed('')).toEqual(['x/1', 'x/10', 'x/2', 'y']);
    expect(await listed('x/1')).toEqual(['x/1', 'x/10']);
    expect(await listed('none/')).toEqual([]);
  });

  it('has no more what was removed', async () => {
    await store.put('gone', Buffer.from('a'));
    expect(await store.has('gone')).toBe(true);
    await store.remove('gone');
    await store.remove('gone');
    expect([await store.has('gone'), await store.get('gone'), await store.has('x')]).toEqual([false, null, false]);
  });

  it('reads no more than it is asked to', async () => {
    expect(await store.get('y', 1)).toHaveLength(1);
    await expect(store.get('x/10', 3)).rejects.toThrow(/at most/);
  });

  it.each(['', '../y', '/y', 'x//1', 'x/.', 'ä', 'x\\1', 'a'.repeat(1000)])('takes no key %j', async (key) => {
    await expect(Promise.resolve().then(() => store.put(key, new Uint8Array()))).rejects.toThrow(/cannot be the key/);
    await expect(Promise.resolve().then(() => store.get(key))).rejects.toThrow(/cannot be the key/);
  });
});
