import { execFile } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { temporaryFolder } from '../../../../test/images.ts';
import { choiceStore } from './choices.ts';

const execute = promisify(execFile);
const root = temporaryFolder();
let count = 0;
const fresh = () => {
  const folder = join(root, `cache-${++count}`);
  mkdirSync(folder);
  return folder;
};
const built = new URL('../../dist/cache/choices.js', import.meta.url).href;

describe('the store of timings', () => {
  test('loses nothing while ten processes write to it', async () => {
    const folder = fresh();
    const [writers, each] = [10, 30];
    const script = (writer: number) => `
      import { choiceStore } from ${JSON.stringify(built)};
      const store = choiceStore(${JSON.stringify(folder)}, 'cpu');
      for (let i = 0; i < ${each}; i++) await store.save({ ['op ${writer}.' + i]: 'direct' });
    `;
    const run = (writer: number) => execute(process.execPath, ['--input-type=module', '-e', script(writer)]);
    await Promise.all(Array.from({ length: writers }, (_, writer) => run(writer)));
    expect(Object.keys(await choiceStore(folder, 'cpu').load())).toHaveLength(writers * each);
  }, 120_000);

  test('is private, whatever it was before', async () => {
    const folder = fresh();
    const path = join(folder, 'tuning.json');
    writeFileSync(path, '{}');
    chmodSync(path, 0o666);
    await choiceStore(folder, 'cpu').save({ op: 'direct' });
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(await choiceStore(folder, 'cpu').load()).toEqual({ op: 'direct' });
  });

  test('with a flipped bit is not used', async () => {
    const folder = fresh();
    const path = join(folder, 'tuning.json');
    await choiceStore(folder, 'cpu').save({ op: 'direct' });
    writeFileSync(path, readFileSync(path, 'utf8').replace('direct', 'dirgct'));
    expect(await choiceStore(folder, 'cpu').load()).toEqual({});
  });

  test('that is a link is neither read nor written through', async () => {
    const folder = fresh();
    const target = join(folder, 'elsewhere');
    const content = JSON.stringify({ cpu: { op: 'planted' } });
    writeFileSync(target, content);
    symlinkSync(target, join(folder, 'tuning.json'));
    mkdirSync(join(folder, 'locks'));
    symlinkSync(target, join(folder, 'locks', 'tuning.json.lock'));
    mkdirSync(join(folder, 'tuning.json.lock')); // what anyone could make in a shared cache: nobody waits for it
    const store = choiceStore(folder, 'cpu');
    expect(await store.load()).toEqual({});
    await store.save({ op: 'direct' });
    expect([readFileSync(target, 'utf8'), await store.load()]).toEqual([content, { op: 'direct' }]);
  });
});
