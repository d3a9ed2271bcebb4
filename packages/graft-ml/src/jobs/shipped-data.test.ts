import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { drawImages, ownCache, temporaryFolder } from '../../../../test/images.ts';
import { bucketServer } from '../../../../test/s3.ts';
import { fingerprint, openDataset } from '../data/dataset.ts';
import type { ObjectStore } from './object-store.ts';
import { bucketStore } from './s3-store.ts';
import { fetchData, shipData } from './shipped-data.ts';

ownCache();
const server = bucketServer();
let store: ObjectStore;
let images: string;

beforeAll(async () => {
  store = await bucketStore({ bucket: 'studies', prefix: 'shipped' }, { endpoint: server.endpoint() });
  images = await drawImages(join(temporaryFolder(), 'shapes'), { perClass: 6 });
  mkdirSync(join(images, 'star'));
  writeFileSync(join(images, 'disc', 'empty.png'), '');
  writeFileSync(join(images, '.hidden'), 'x');
  symlinkSync('/etc/hostname', join(images, 'disc', 'link.png'));
});

/** The keys of the packs and manifests that there are. */
async function shipped(): Promise<string[]> {
  const keys: string[] = [];
  for await (const key of store.list('data/')) keys.push(key);
  return keys;
}

describe('a dataset that is shipped', () => {
  it('is the same dataset in the cache of another machine, and is sent and fetched once', async () => {
    const reference = await shipData(store, images);
    const keys = await shipped();
    const cache = temporaryFolder();
    const there = await fetchData(store, reference.sha256!, cache);
    const [before, after] = [await openDataset(images), await openDataset(there)];
    expect(fingerprint(after)).toBe(fingerprint(before));
    expect(readdirSync(there).sort()).toEqual(['cross', 'disc', 'square', 'star']);
    expect(readdirSync(join(there, 'disc')).includes('link.png')).toBe(false);

    expect(await shipData(store, images)).toEqual(reference);
    expect(await shipped()).toEqual(keys);
    const counted = counting(store);
    expect(await fetchData(counted.store, reference.sha256!, cache)).toBe(there);
    expect(counted.gets).toEqual([keys.find((key) => key.startsWith('data/manifests/'))]);
  });

  it('is fetched file by file where a job needs a part of it', async () => {
    const { sha256 } = await shipData(store, images);
    const cache = temporaryFolder();
    const wanted = ['cross/001.png', 'disc/002.png'];
    const there = await fetchData(store, sha256!, cache, wanted);
    for (const name of wanted) expect(readFileSync(join(there, name))).toEqual(readFileSync(join(images, name)));
    expect(readdirSync(join(there, 'cross'))).toEqual(['001.png']);
    await fetchData(store, sha256!, cache);
    expect(readdirSync(join(there, 'cross'))).toHaveLength(6);
    await expect(fetchData(store, sha256!, temporaryFolder(), ['cross/none.png'])).rejects.toThrow(/is no file of/);
  });

  it('may be one file, longer than a pack', async () => {
    const file = join(temporaryFolder(), 'weights.safetensors');
    const content = new Uint8Array(2 ** 24 + 5).map((_, i) => (i * 7) % 251);
    writeFileSync(file, content);
    const { sha256, path } = await shipData(store, file);
    expect(path).toBe(file);
    const there = await fetchData(store, sha256!, temporaryFolder());
    expect(there.endsWith('/weights.safetensors')).toBe(true);
    expect(Buffer.compare(readFileSync(there), content)).toBe(0);
  });

  it('is fetched again where a file was cut off', async () => {
    const { sha256 } = await shipData(store, images);
    const cache = temporaryFolder();
    const there = await fetchData(store, sha256!, cache);
    writeFileSync(join(there, 'cross', '000.png'), 'x');
    rmSync(`${there}.complete`);
    await fetchData(store, sha256!, cache);
    expect(readFileSync(join(there, 'cross', '000.png'))).toEqual(readFileSync(join(images, 'cross', '000.png')));
  });
});

describe('what a store may not do', () => {
  const file = { path: 'a/x.png', bytes: 1, sha256: digestOf('x') };
  const sound = {
    graft: 'data-1',
    kind: 'folder',
    packBytes: 16,
    packs: [digestOf('x')],
    files: [file],
    emptyFolders: [],
  };

  it.each([
    ['leave the folder', { files: [{ ...file, path: '../x.png' }] }, /not a path below a folder/],
    ['name an absolute path', { files: [{ ...file, path: '/x.png' }] }, /not a path below a folder/],
    ['write a hidden file', { files: [{ ...file, path: 'a/.x' }] }, /not a path below a folder/],
    ['name a file twice', { files: [file, { ...file, path: 'A/X.png', bytes: 0 }] }, /upper and lower case/],
    ['make a file a folder', { files: [{ ...file, path: 'a', bytes: 0 }, file] }, /a file and a folder/],
    ['claim other lengths', { files: [{ ...file, bytes: 40 }] }, /disagree/],
    ['fill the disk', { files: [{ ...file, bytes: 2 ** 41 }] }, /at most 1099511627776/],
    ['be of another kind', { kind: 'file', files: [file, file] }, /same name|one file/],
    ['be no list', { files: 'x' }, /not a list of files/],
  ])('%s', async (_, change, message) => {
    const content = Buffer.from(JSON.stringify({ ...sound, ...change }));
    const sha256 = digestOf(content);
    await store.put(`data/manifests/${sha256}`, content);
    await expect(fetchData(store, sha256, temporaryFolder())).rejects.toThrow(message);
  });

  it('change a pack or a manifest', async () => {
    const content = Buffer.from(JSON.stringify(sound));
    const sha256 = digestOf(content);
    await store.put(`data/manifests/${sha256}`, content);
    const pack = `data/packs/${digestOf('x').slice(0, 2)}/${digestOf('x')}`;
    const cache = temporaryFolder();
    await expect(fetchData(store, sha256, cache)).rejects.toThrow(/lacks data\/packs/);
    await store.put(pack, Buffer.from('y'));
    await expect(fetchData(store, sha256, cache)).rejects.toThrow(/another content/);
    await store.put(pack, Buffer.from('x'));
    const there = await fetchData(store, sha256, cache);
    expect(readdirSync(join(there, 'a'))).toEqual(['x.png']);
    await store.put(`data/manifests/${sha256}`, Buffer.from(JSON.stringify({ ...sound, packs: [] })));
    await expect(fetchData(store, sha256, temporaryFolder())).rejects.toThrow(/it was changed/);
    await expect(fetchData(store, '../../etc', temporaryFolder())).rejects.toThrow(/no SHA-256/);
  });
});

it('is told what cannot be shipped', async () => {
  const list = join(temporaryFolder(), 'images.csv');
  writeFileSync(list, 'path,label\n');
  await expect(shipData(store, list)).rejects.toThrow(/is a list of files beside it/);
  await expect(shipData(store, join(images, 'none'))).rejects.toThrow(/ENOENT/);
});

function digestOf(content: string | Uint8Array): string {
  return createHash('sha256').update(content).digest('hex');
}

/** The same store, with the keys that were read. */
function counting(inner: ObjectStore): { readonly store: ObjectStore; readonly gets: string[] } {
  const gets: string[] = [];
  return {
    gets,
    store: {
      ...inner,
      get: (key, most) => {
        gets.push(key);
        return inner.get(key, most);
      },
    },
  };
}
