import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { temporaryFolder } from '../../../../test/images.ts';
import { bucketServer } from '../../../../test/s3.ts';
import { folderMirror, latestAttempt, pullFolder } from './mirrored-folder.ts';
import type { ObjectStore } from './object-store.ts';
import { bucketStore } from './s3-store.ts';

const server = bucketServer();
let store: ObjectStore;
let folder: string;
let prefix: string;
let count = 0;

beforeAll(async () => {
  store = await bucketStore({ bucket: 'studies', prefix: '' }, { endpoint: server.endpoint() });
});

beforeEach(() => {
  prefix = `jobs/study/trial-${count++}`;
  folder = temporaryFolder();
  write({ 'run.json': '{}', 'last.safetensors': 'epoch 1', 'best.safetensors': 'epoch 1', 'log/events': 'a' });
});

function write(files: Readonly<Record<string, string>>): void {
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(join(folder, name, '..'), { recursive: true });
    writeFileSync(join(folder, name), content);
  }
}

function contentOf(place: string): Record<string, string> {
  const files = readdirSync(place, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return Object.fromEntries(
    files.map(({ parentPath, name }) => [
      join(parentPath, name).slice(place.length + 1),
      readFileSync(join(parentPath, name), 'utf8'),
    ]),
  );
}

async function keys(): Promise<string[]> {
  const all: string[] = [];
  for await (const key of store.list(`${prefix}/`)) all.push(key);
  return all;
}

/** The store with the keys that were written, which fails at the given one. */
function watching(failAt: (key: string) => boolean = () => false): {
  readonly store: ObjectStore;
  readonly puts: string[];
} {
  const puts: string[] = [];
  const put = async (key: string, content: Uint8Array) => {
    if (failAt(key)) throw new Error('the process was killed');
    puts.push(key);
    await store.put(key, content);
  };
  return { puts, store: { ...store, put } };
}

describe('a folder in a store', () => {
  it('is restored exactly, with what was removed gone', async () => {
    const there = temporaryFolder();
    const mirror = folderMirror(store, prefix, '000001-a');
    await mirror.push(folder);
    await pullFolder(store, prefix, '000001-a', there);
    expect(contentOf(there)).toEqual(contentOf(folder));
    write({ 'last.safetensors': 'epoch 2' });
    rmSync(join(folder, 'log/events'));
    await mirror.push(folder);
    await pullFolder(store, prefix, '000001-a', there);
    expect(contentOf(there)).toEqual(contentOf(folder));
  });

  it('sends what has changed, and keeps no file that is not in it', async () => {
    const { store: watched, puts } = watching();
    const mirror = folderMirror(watched, prefix, '000001-a');
    await mirror.push(folder);
    // The two checkpoints have the same content.
    expect(puts).toHaveLength(4);
    puts.length = 0;
    write({ 'last.safetensors': 'epoch 2', 'best.safetensors': 'epoch 2' });
    await mirror.push(folder);
    expect(puts).toHaveLength(2);
    expect(await keys()).toHaveLength(4);
  });

  it('has no locks and temporary files in it', async () => {
    write({ 'run.lock/1.json': '{}', 'run.lock.12/1.json': '{}', 'run.json.12.tmp': '{}', '.x': '' });
    await folderMirror(store, prefix, '000001-a').push(folder);
    const there = temporaryFolder();
    await pullFolder(store, prefix, '000001-a', there);
    expect(Object.keys(contentOf(there)).sort()).toEqual([
      'best.safetensors',
      'last.safetensors',
      'log/events',
      'run.json',
    ]);
  });

  it('is the one before where a push was cut off', async () => {
    const before = contentOf(folder);
    await folderMirror(store, prefix, '000001-a').push(folder);
    write({ 'last.safetensors': 'epoch 2', 'best.safetensors': 'epoch 2' });
    const torn = watching((key) => key.endsWith('/folder.json'));
    await expect(folderMirror(torn.store, prefix, '000002-b').push(folder)).rejects.toThrow(/was killed/);
    expect(torn.puts).not.toEqual([]);
    expect(await latestAttempt(store, prefix)).toBe('000001-a');
    const there = temporaryFolder();
    await pullFolder(store, prefix, '000001-a', there);
    expect(contentOf(there)).toEqual(before);
  });

  it('is not changed by a process that was given up', async () => {
    const former = folderMirror(store, prefix, '000001-a');
    await former.push(folder);
    write({ 'last.safetensors': 'epoch 3' });
    await folderMirror(store, prefix, '000002-b').push(folder);
    const now = contentOf(folder);
    write({ 'last.safetensors': 'epoch 2' });
    await former.push(folder);
    const latest = await latestAttempt(store, prefix);
    expect(latest).toBe('000002-b');
    await pullFolder(store, prefix, latest!, folder);
    expect(contentOf(folder)).toEqual(now);
  });

  it('is not taken where the list leads elsewhere, or a file is another', async () => {
    const there = temporaryFolder();
    const key = `${prefix}/000001-a/folder.json`;
    const file = { path: 'run.json', bytes: 1, sha256: '0'.repeat(64) };
    for (const path of ['../run.json', '/run.json', 'a//b', '.ssh/x', 'run.lock/x']) {
      await store.put(key, Buffer.from(JSON.stringify({ graft: 'folder-1', files: [{ ...file, path }] })));
      await expect(pullFolder(store, prefix, '000001-a', there)).rejects.toThrow(/not a list of files/);
    }
    await store.put(key, Buffer.from(JSON.stringify({ graft: 'folder-1', files: [file] })));
    await expect(pullFolder(store, prefix, '000001-a', there)).rejects.toThrow(/run.json is missing/);
    await store.put(`${prefix}/000001-a/files/${file.sha256}`, Buffer.from('x'));
    await expect(pullFolder(store, prefix, '000001-a', there)).rejects.toThrow(/run.json is damaged/);
    expect(readdirSync(there)).toEqual([]);
  });
});
