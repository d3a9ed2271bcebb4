import { execFileSync } from 'node:child_process';
import { symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { UserError } from '@graft-ml/core/internal/base/errors';
import { describe, expect, test } from 'vitest';
import { temporaryFolder } from '../../../../test/images.ts';
import { withFile } from './random-access.ts';
import { openPlainFile, readBytes, readJson, readText } from './read.ts';

const root = temporaryFolder();
const place = (name: string) => join(root, name);
const [file, link, fifo] = [place('file'), place('link'), place('fifo')];
writeFileSync(file, 'twelve bytes');
symlinkSync(file, link);
execFileSync('mkfifo', [fifo]);

describe('opening a file that someone else may have made', () => {
  test.each([
    ['a FIFO, which nobody writes to', fifo, 'it is a pipe. Write what comes out of it to a file'],
    ['a device', '/dev/zero', 'it is not an ordinary file'],
    ['a folder', root, 'it is a folder. Name the file in it'],
    ['nothing', place('nothing'), 'there is no such file'],
  ])('refuses %s, and does not wait', async (_, path, reason) => {
    const message = new UserError(`Cannot read ${path}: ${reason}.`);
    await expect(openPlainFile(path)).rejects.toThrow(message);
    await expect(readBytes(path, { most: 100 })).rejects.toThrow(message);
    await expect(withFile(path, async () => 0)).rejects.toThrow(message);
  });

  test('follows a link where a person named it, and not where the path is of a folder that was sent', async () => {
    expect(await readText(link, { most: 100 })).toBe('twelve bytes');
    await expect(readText(link, { most: 100, links: 'refuse' })).rejects.toThrow(
      `Cannot read ${link}: it is a link, and links are not followed here.`,
    );
  });
});

describe('reading', () => {
  test('takes a file of just the size it may have, and refuses one byte more', async () => {
    expect((await readBytes(file, { most: 12 })).toString()).toBe('twelve bytes');
    await expect(readBytes(file, { most: 11 })).rejects.toThrow('it has 12 bytes, at most 11 are read');
  });

  test('bounds a file that says it is empty', async () => {
    // Files of /proc have no size.
    await expect(readBytes('/proc/self/maps', { most: 10 })).rejects.toThrow('at most 10 are read');
    expect((await readText('/proc/self/comm', { most: 100 })).length).toBeGreaterThan(1);
  });

  test('bounds how deep JSON is nested before it is parsed', async () => {
    writeFileSync(place('deep.json'), `{"a":${'['.repeat(30)}${']'.repeat(30)}}`);
    expect(await readJson(place('deep.json'), { most: 100, depth: 31 })).toHaveProperty('a');
    await expect(readJson(place('deep.json'), { most: 100, depth: 30 })).rejects.toThrow('deep.json is not JSON');
  });
});
