import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, renameSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { randomStream } from '@graft-ml/core/internal/base/random';
import type { FeatureTable } from '@graft-ml/core/internal/fit/cache';
import { describe, expect, test, vi } from 'vitest';
import { flipBit } from '../../../../test/damage.ts';
import { drawImages, temporaryFolder } from '../../../../test/images.ts';
import { expectSameRun, runFolder, smallRun } from '../../../../test/runs.ts';
import { openFeatures } from '../cache/features.ts';
import { trainFolder } from './train-folder.ts';

const root = temporaryFolder();
let count = 0;
const fresh = () => join(root, `cache-${++count}`);
const width = 6;
const keys = ['a', 'b', 'c', 'd'];
const rowOf = (key: string) => {
  const stream = randomStream(0, 'row', key);
  return Float32Array.from({ length: width }, () => stream.uniform());
};

function opened(cache: string, notes: string[] = []): Promise<FeatureTable> {
  return openFeatures(cache, 'backbone', [width], { limit: 2 ** 20, onNote: (note) => notes.push(note) });
}

/** Two files with two rows each. */
async function filled(): Promise<{ cache: string; files: string[] }> {
  const cache = fresh();
  const table = await opened(cache);
  for (const [i, key] of keys.entries()) {
    await table.add(key, rowOf(key));
    if (i % 2 === 1) await table.flush();
  }
  await table.close();
  const folder = join(cache, 'features', 'backbone');
  const names = readdirSync(folder).filter((name) => name.endsWith('.f32'));
  return { cache, files: names.map((name) => join(folder, name)) };
}

/** The keys whose rows are there; a row that is wrong fails. */
async function readable(table: FeatureTable): Promise<string[]> {
  const found: string[] = [];
  for (const key of keys) {
    const target = new Float32Array(width);
    if (!(await table.read(key, target))) continue;
    expect(target).toEqual(rowOf(key));
    found.push(key);
  }
  return found;
}

describe('features that were kept', () => {
  test('are found again, in files of the user alone', async () => {
    const { cache, files } = await filled();
    const table = await opened(cache);
    expect(await readable(table)).toEqual(keys);
    await table.close();
    expect(files.flatMap((file) => [file, `${file}.json`]).map((path) => statSync(path).mode & 0o777)).toEqual(
      new Array(4).fill(0o600),
    );
  });

  test.each([0, 7, 23, 24, 47])('with a flipped bit in byte %i are not used, and the file is removed', async (byte) => {
    const { cache, files } = await filled();
    flipBit(files[0]!, byte);
    const notes: string[] = [];
    const table = await opened(cache, notes);
    const before = await readable(table);
    const rest = await readable(table);
    expect([before.length, rest.length]).toEqual([byte < 4 * width ? 2 : 3, 2]);
    expect(notes).toEqual([`${files[0]} is damaged, or of an older version: the features are computed again.`]);
    for (const key of keys) await table.add(key, rowOf(key));
    await table.close();
    const mended = await opened(cache);
    expect(await readable(mended)).toEqual(keys);
    await mended.close();
  });

  test('with a damaged index, cut short, or of version 0.1 are not used', async () => {
    for (const damage of [
      (file: string) => flipBit(`${file}.json`, 30),
      (file: string) => flipBit(`${file}.json`, -20),
      (file: string) => writeFileSync(file, readFileSync(file).subarray(0, -4)),
      (file: string) => writeFileSync(`${file}.json`, JSON.stringify({ width, keys: ['a', 'b'] })),
      (file: string) => writeFileSync(`${file}.json`, '['.repeat(1_000_000)),
    ]) {
      const { cache, files } = await filled();
      damage(files[0]!);
      const notes: string[] = [];
      const table = await opened(cache, notes);
      expect([(await readable(table)).length, notes.length]).toEqual([2, 1]);
      await table.close();
      expect(readdirSync(join(cache, 'features', 'backbone'))).toHaveLength(2);
    }
  });

  test('are not read through links and FIFOs, and none is written through', async () => {
    const { cache, files } = await filled();
    const elsewhere = join(cache, 'elsewhere');
    renameSync(files[0]!, elsewhere);
    symlinkSync(elsewhere, files[0]!);
    renameSync(`${files[1]}.json`, join(cache, 'elsewhere.json'));
    execFileSync('mkfifo', [`${files[1]}.json`]);
    const content = readFileSync(elsewhere);
    const table = await opened(cache);
    expect(await readable(table)).toEqual([]);
    for (const key of keys) await table.add(key, rowOf(key));
    await table.close();
    expect(readFileSync(elsewhere)).toEqual(content);

    const [planted, target] = [fresh(), fresh()];
    for (const folder of [planted, target]) mkdirSync(folder);
    symlinkSync(target, join(planted, 'features'));
    const notes: string[] = [];
    const refused = await opened(planted, notes);
    await refused.add('a', rowOf('a'));
    await refused.close();
    expect(readdirSync(target)).toEqual([]);
    expect(notes.join()).toContain('it is a link, and links in the cache are not followed');
  });

  test('are computed once by trainings that want them at the same time', async () => {
    vi.stubEnv('GRAFT_CACHE', fresh());
    const shapes = await drawImages(join(root, 'few-shapes'), { perClass: 8 });
    await runFolder(shapes, join(root, 'begun'), { imageSize: 30, epochs: 1 });
    const config = {
      weights: join(root, 'begun', 'best.safetensors'),
      strategy: 'partial',
      augment: 'none',
      epochs: 1,
    } as const;
    const outs = ['first', 'second', 'third'].map((name) => join(root, name));
    await Promise.all(outs.map((out) => runFolder(shapes, out, { ...config, freezeTo: 'layer2' })));
    for (const out of outs) expectSameRun(outs[0]!, out);
    const features = join(process.env.GRAFT_CACHE!, 'features');
    const indexes = readdirSync(features, { recursive: true, encoding: 'utf8' }).filter((name) =>
      name.endsWith('.json'),
    );
    const kept = indexes.flatMap((name): string[] => JSON.parse(readFileSync(join(features, name), 'utf8')).keys);
    expect(kept.length).toBeGreaterThanOrEqual(24);
    expect(new Set(kept).size).toBe(kept.length);
  });

  test('are there for the next run where one is stopped before it has all', async () => {
    vi.stubEnv('GRAFT_CACHE', fresh());
    const shapes = await drawImages(join(root, 'many-shapes'), { perClass: 40 });
    await runFolder(shapes, join(root, 'start'), { imageSize: 30, epochs: 1 });
    const weights = join(root, 'start', 'best.safetensors');
    const config = { ...smallRun, weights, strategy: 'partial', freezeTo: 'layer2', augment: 'none' } as const;
    const stop = new AbortController();
    const onPreparation = ({ stage, done }: { stage: string; done: number }) => {
      if (stage === 'extracting features' && done > 0) stop.abort();
    };
    const options = { out: join(root, 'stopped'), signal: stop.signal, onPreparation };
    for await (const _ of trainFolder(shapes, config, options));
    const features = join(process.env.GRAFT_CACHE!, 'features');
    const files = readdirSync(features, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.json'));
    const kept = files.flatMap((name): string[] => JSON.parse(readFileSync(join(features, name), 'utf8')).keys);
    expect(kept.length).toBeGreaterThanOrEqual(16);
    expect(kept.length).toBeLessThan(120);
    await runFolder(shapes, join(root, 'continued'), config);
    vi.stubEnv('GRAFT_CACHE', fresh());
    await runFolder(shapes, join(root, 'at-once'), config);
    expectSameRun(join(root, 'at-once'), join(root, 'continued'));
  });

  test('and are damaged change nothing in a run, which says so', async () => {
    vi.stubEnv('GRAFT_CACHE', fresh());
    const shapes = await drawImages(join(root, 'shapes'));
    await runFolder(shapes, join(root, 'pretrained'), { imageSize: 30, epochs: 1 });
    const config = { ...smallRun, weights: join(root, 'pretrained', 'best.safetensors'), strategy: 'partial' } as const;
    const [whole, memory, disk] = ['whole', 'memory', 'disk'].map((name) => join(root, name));
    await runFolder(shapes, whole!, { ...config, freezeTo: 'layer2' });
    const features = join(process.env.GRAFT_CACHE!, 'features');
    for (const [out, mebibytes] of [
      [memory, 1024],
      [disk, 0.001],
    ] as const) {
      for (const name of readdirSync(features, { recursive: true, encoding: 'utf8' })) {
        if (name.endsWith('.f32')) flipBit(join(features, name), 70_000);
      }
      const notes: string[] = [];
      const onNote = (note: string) => notes.push(note);
      const options = { out: out!, onNote };
      for await (const _ of trainFolder(shapes, { ...config, freezeTo: 'layer2', memory: mebibytes }, options));
      expect(notes.length).toBeGreaterThan(0);
      expectSameRun(whole!, out!);
    }
  });
});
