import { execFileSync } from 'node:child_process';
import { readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { flipBit } from '../../../../../test/damage.ts';
import { ownCache, temporaryFolder } from '../../../../../test/images.ts';
import { defaultCache } from '../../cache/folder-cache.ts';
import { gunzip, gunzipped } from './unpack.ts';

ownCache();
const root = temporaryFolder();
const content = Buffer.from('images in a row '.repeat(5000));
const archive = join(root, 'archive.tar.gz');
writeFileSync(archive, gzipSync(content));

describe('what was unpacked', () => {
  test('is kept for the user alone', async () => {
    const first = await gunzipped(defaultCache(), archive);
    expect(first.notes).toEqual([]);
    expect([first.path, `${first.path}.json`].map((path) => statSync(path).mode & 0o777)).toEqual([0o600, 0o600]);
    expect(await gunzipped(defaultCache(), archive)).toEqual(first);
    expect(readFileSync(first.path)).toEqual(content);
  });

  test.each<[string, (path: string) => void]>([
    ['with a flipped bit', (path) => flipBit(path, 40_000)],
    ['cut short', (path) => writeFileSync(path, content.subarray(1))],
    ['with a damaged record', (path) => flipBit(`${path}.json`, 12)],
    ['without a record, as of version 0.1', (path) => rmSync(`${path}.json`)],
    [
      'in place of which is a FIFO',
      (path) => {
        rmSync(path);
        execFileSync('mkfifo', [path]);
      },
    ],
    [
      'in place of which is a link to the same',
      (path) => {
        writeFileSync(join(root, 'elsewhere'), content);
        rmSync(path);
        symlinkSync(join(root, 'elsewhere'), path);
      },
    ],
  ])('and is %s is unpacked again, with a note', async (_what, damage) => {
    const { path } = await gunzipped(defaultCache(), archive);
    damage(path);
    const again = await gunzipped(defaultCache(), archive);
    expect(again.notes).toEqual([`${path} was damaged, not ours, or of an older version: it was unpacked again.`]);
    expect(statSync(path).isFile()).toBe(true);
    expect(readFileSync(path)).toEqual(content);
    expect((await gunzipped(defaultCache(), archive)).notes).toEqual([]);
  });

  test('is not written through a link in place of its part', async () => {
    const { path } = await gunzipped(defaultCache(), archive);
    const precious = join(root, 'precious');
    writeFileSync(precious, 'precious');
    rmSync(path);
    symlinkSync(precious, `${path}.part`);
    expect(readFileSync((await gunzipped(defaultCache(), archive)).path)).toEqual(content);
    expect(readFileSync(precious, 'utf8')).toBe('precious');
  });

  test('is not waited for where it comes from a FIFO', async () => {
    execFileSync('mkfifo', [join(root, 'fifo.gz')]);
    await expect(gunzip(join(root, 'fifo.gz'), join(root, 'target'))).rejects.toThrow('it is a pipe');
  });
});
