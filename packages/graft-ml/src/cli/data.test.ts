import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { zipOf } from '../../../../test/archives.ts';
import { graft } from '../../../../test/graft.ts';
import { ownCache, temporaryFolder } from '../../../../test/images.ts';

ownCache();
const root = temporaryFolder();

test('data list and data get, from a mirror that is a folder', async () => {
  const { status, stdout } = await graft(['data', 'list', '--json']);
  expect([status, JSON.parse(stdout).map(({ name }: { name: string }) => name)]).toEqual([
    0,
    ['omniglot', 'flowers102', 'pets', 'food101', 'cifar10', 'caltech101', 'hymenoptera'],
  ]);
  const mirror = join(root, 'mirror');
  mkdirSync(join(mirror, 'tutorial'), { recursive: true });
  const names = ['train/ants/0.jpg', 'val/bees/1.jpg'];
  const archive = zipOf(names.map((name) => ({ name: `hymenoptera_data/${name}`, bytes: Buffer.from(name) })));
  writeFileSync(join(mirror, 'tutorial/hymenoptera_data.zip'), archive);
  const folder = join(root, 'bees');
  const got = await graft(['data', 'get', 'hymenoptera', folder, '--mirror', mirror]);
  expect([got.status, got.stdout]).toEqual([
    0,
    expect.stringMatching(/bees: 2 images, \{train,val\}\/<class>\. The archives stay in /),
  ]);
  expect(got.stderr).toContain('Its publisher states no checksum');
  expect(readdirSync(join(folder, 'val/bees'))).toEqual(['1.jpg']);
  const offline = await graft(['data', 'get', 'pets', join(root, 'pets'), '--offline']);
  expect([offline.status, offline.stderr]).toEqual([
    1,
    expect.stringContaining('pets cannot be had: it is not in the cache'),
  ]);
  const unknown = await graft(['data', 'get', 'petz']);
  expect([unknown.status, unknown.stderr]).toEqual([2, expect.stringContaining('Did you mean "pets"?')]);
});
