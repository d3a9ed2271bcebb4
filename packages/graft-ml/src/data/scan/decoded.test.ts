import { execFileSync } from 'node:child_process';
import { linkSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { flipBit } from '../../../../../test/damage.ts';
import { temporaryFolder } from '../../../../../test/images.ts';
import { folderCache } from '../../cache/folder-cache.ts';
import { readDecoded } from './decoded.ts';

const root = temporaryFolder();
let count = 0;
const contents = ['a', 'b', 'c'].map((digit) => digit.repeat(64));
const known = async (cache: string) => {
  const decoded = await readDecoded(folderCache(cache), { identity: 'toy-1' });
  return contents.filter((content) => decoded.has(content));
};

/** A cache that knows all three. */
async function filled(): Promise<{ cache: string; path: string }> {
  const cache = join(root, `cache-${++count}`);
  await (await readDecoded(folderCache(cache), { identity: 'toy-1' })).add(contents);
  const [name] = readdirSync(join(cache, 'images'));
  return { cache, path: join(cache, 'images', name!) };
}

describe('which images are known to decode', () => {
  test('is kept for the user alone, and a flipped bit costs one of them', async () => {
    const { cache, path } = await filled();
    expect([await known(cache), statSync(path).mode & 0o777]).toEqual([contents, 0o600]);
    flipBit(path, 40);
    expect(await known(cache)).toEqual([contents[0], contents[2]]);
  });

  test.each<[string, (path: string, precious: string) => void]>([
    ['a link', (path, precious) => symlinkSync(precious, path)],
    ['another name of a file', (path, precious) => linkSync(precious, path)],
    ['a FIFO', (path) => execFileSync('mkfifo', [path])],
    ['a folder', (path) => mkdirSync(path)],
  ])('is not written to %s in its place, nor waited for', async (_what, plant) => {
    const { cache, path } = await filled();
    const precious = join(root, `precious-${count}`);
    writeFileSync(precious, 'precious');
    rmSync(path);
    plant(path, precious);
    await (await readDecoded(folderCache(cache), { identity: 'toy-1' })).add(contents);
    expect(await known(cache)).toEqual([]);
    expect(readFileSync(precious, 'utf8')).toBe('precious');
  });
});
