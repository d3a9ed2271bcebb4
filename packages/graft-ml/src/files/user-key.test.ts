import {
  chmodSync,
  existsSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { beforeEach, expect, test, vi } from 'vitest';
import { temporaryFolder } from '../../../../test/images.ts';
import { isSignedByUser, signAsUser } from './user-key.ts';

const root = temporaryFolder();
let count = 0;
let cache = '';
beforeEach(() => {
  cache = join(root, `cache${count++}`);
  vi.stubEnv('GRAFT_CACHE', cache);
});
const keyFile = () => join(cache, readdirSync(cache).find((name) => name.endsWith('.key'))!);

test('a text is known again by its user, and no other text, signature or user is', async () => {
  const signature = await signAsUser('/data/photos');
  expect(signature).toMatch(/^[0-9a-f]{64}$/);
  expect(await signAsUser('/data/photos')).toBe(signature);
  expect(await isSignedByUser('/data/photos', signature)).toBe(true);
  expect(await isSignedByUser('/data/photo', signature)).toBe(false);
  for (const other of ['', 'xyz', null, signature!.slice(2), `${signature}00`, '0'.repeat(64)]) {
    expect(await isSignedByUser('/data/photos', other)).toBe(false);
  }
  vi.stubEnv('GRAFT_CACHE', join(root, 'elsewhere'));
  expect(await isSignedByUser('/data/photos', signature)).toBe(false);
  expect(existsSync(join(root, 'elsewhere'))).toBe(false);
});

test('many at once make one key', async () => {
  const signatures = await Promise.all(Array.from({ length: 20 }, () => signAsUser('a')));
  expect(new Set(signatures).size).toBe(1);
  expect(readdirSync(cache)).toHaveLength(1);
});

test('a key that somebody else could have planted or read is none', async () => {
  const signature = await signAsUser('a');
  const key = readFileSync(keyFile());
  expect(statSync(keyFile()).mode & 0o777).toBe(0o600);
  if (process.getuid === undefined) return;
  chmodSync(keyFile(), 0o644);
  expect([await isSignedByUser('a', signature), await signAsUser('a')]).toEqual([false, null]);
  const place = keyFile();
  rmSync(place);
  writeFileSync(join(root, 'planted'), key, { mode: 0o600 });
  symlinkSync(join(root, 'planted'), place);
  expect([await isSignedByUser('a', signature), await signAsUser('a')]).toEqual([false, null]);
});
