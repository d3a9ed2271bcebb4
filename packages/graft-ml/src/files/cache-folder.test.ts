import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { temporaryFolder } from '../../../../test/images.ts';
import { cached, createPrivateFile, privateFolder, privateMode } from './cache-folder.ts';
import { readBytes } from './read.ts';
import { replaceFile } from './write.ts';

const root = temporaryFolder();
let count = 0;
const fresh = () => join(root, `cache-${++count}`);
const modeOf = (path: string) => statSync(path).mode & 0o777;
/** A user that we are not. */
const stranger = 65_533;

describe('the cache is the user’s alone', () => {
  test.each([0o000, 0o022, 0o277])('under umask %s', async (umask) => {
    const cache = fresh();
    const before = process.umask(umask);
    try {
      const folder = await privateFolder(cache, 'a', 'b');
      const handle = await createPrivateFile(join(folder, 'new'));
      await handle.close();
      await replaceFile(join(folder, 'replaced'), 'x', { mode: privateMode.file });
      const folders = [join(cache, 'a'), folder].map(modeOf);
      const files = ['new', 'replaced'].map((name) => modeOf(join(folder, name)));
      expect([folders, files]).toEqual([
        [0o700, 0o700],
        [0o600, 0o600],
      ]);
    } finally {
      process.umask(before);
    }
  });

  test('a folder that others could write to is closed to them, but not the cache itself, which the user chose', async () => {
    const cache = fresh();
    mkdirSync(join(cache, 'weights'), { recursive: true });
    for (const folder of [cache, join(cache, 'weights')]) chmodSync(folder, 0o777);
    await privateFolder(cache, 'weights');
    expect([modeOf(cache), modeOf(join(cache, 'weights'))]).toEqual([0o777, 0o700]);
  });

  test('a link in it is not followed, a link to it is', async () => {
    const [cache, elsewhere, link] = [fresh(), fresh(), fresh()];
    mkdirSync(elsewhere);
    await privateFolder(cache);
    symlinkSync(elsewhere, join(cache, 'weights'));
    await expect(privateFolder(cache, 'weights', 'toy')).rejects.toThrow(
      `${join(cache, 'weights')} is not used: it is a link, and links in the cache are not followed. Remove it, or name another`,
    );
    expect(readdirSync(elsewhere)).toEqual([]);
    symlinkSync(cache, link);
    expect(await privateFolder(link, 'features')).toBe(join(link, 'features'));
    writeFileSync(join(cache, 'file'), '');
    await expect(privateFolder(cache, 'file')).rejects.toThrow('it is not a folder');
  });

  test('a file is made anew where something stands: a link, a FIFO, a name of another file', async () => {
    const folder = await privateFolder(fresh(), 'a');
    const target = join(folder, 'target');
    writeFileSync(target, 'precious');
    symlinkSync(target, join(folder, 'link'));
    execFileSync('mkfifo', [join(folder, 'fifo')]);
    execFileSync('ln', [target, join(folder, 'hard')]);
    for (const name of ['link', 'fifo', 'hard']) {
      const handle = await createPrivateFile(join(folder, name));
      await handle.writeFile('ours');
      await handle.close();
      expect(await readFile(join(folder, name), 'utf8')).toBe('ours');
    }
    expect(readFileSync(target, 'utf8')).toBe('precious');
  });

  test.runIf(process.getuid?.() === 0)('what belongs to another user is not used', async () => {
    const folder = await privateFolder(fresh(), 'a');
    const file = join(folder, 'file');
    writeFileSync(file, 'theirs');
    expect((await readBytes(file, { ...cached, most: 10 })).toString()).toBe('theirs');
    chownSync(file, stranger, stranger);
    await expect(readBytes(file, { ...cached, most: 10 })).rejects.toThrow(
      `Cannot read ${file}: it belongs to another user.`,
    );
    chownSync(folder, stranger, stranger);
    await expect(privateFolder(join(folder, '..'), 'a')).rejects.toThrow('it belongs to another user');
  });
});
