import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { drawImages, ownCache, temporaryFolder } from '../../../../test/images.ts';
import { expectSameRun, runFolder, smallRun } from '../../../../test/runs.ts';
import { openDataset } from '../data/dataset.ts';
import { localExecutor } from '../jobs/local-executor.ts';
import { readRun } from '../runs/read-run.ts';
import { type CrossValidationEvent, holdsFolds, resumeFolds, trainFolds } from './cross-validation.ts';

ownCache();
const home = temporaryFolder();
const shapes = join(home, 'shapes');
const config = { ...smallRun, epochs: 2, seed: 3 };
const whole = join(home, 'whole');

async function collect(
  events: AsyncIterable<CrossValidationEvent>,
  onEvent: (event: CrossValidationEvent) => void = () => {},
) {
  const all: CrossValidationEvent[] = [];
  for await (const event of events) {
    onEvent(event);
    all.push(event);
  }
  return all;
}

beforeAll(async () => {
  await drawImages(shapes, { perClass: 10 });
});

describe('cross-validation', () => {
  test('each image validates once, and the summary is of the runs', async () => {
    const events = await collect(trainFolds(shapes, config, 3, { out: whole }));
    expect(events.filter(({ kind }) => kind === 'fold').map((event) => event.kind === 'fold' && event.out)).toEqual(
      [1, 2, 3].map((fold) => join(whole, `fold-${fold}`)),
    );
    const seen: string[] = [];
    for (const index of [1, 2, 3]) {
      const { validation, train } = await openDataset(shapes, { seed: 3, fold: { index, of: 3 } });
      const { dataset, config: own } = await readRun(join(whole, `fold-${index}`));
      expect([dataset.train, dataset.validation, own.fold]).toEqual([
        train.length,
        validation.length,
        { index, of: 3 },
      ]);
      expect(validation.length).toBe(10);
      seen.push(...validation.map(({ path }) => path));
    }
    expect(new Set(seen).size).toBe(30);

    const end = events.at(-1)!;
    const best = await Promise.all([1, 2, 3].map(async (fold) => (await readRun(join(whole, `fold-${fold}`))).best!));
    expect(end.kind).toBe('folds');
    if (end.kind !== 'folds') return;
    expect(end.folds.map(({ accuracy }) => accuracy)).toEqual(best.map(({ accuracy }) => accuracy));
    expect(end.accuracy.mean).toBeCloseTo(best.reduce((sum, { accuracy }) => sum + accuracy, 0) / 3, 12);
    const { folds, accuracy, of } = JSON.parse(readFileSync(join(whole, 'folds.json'), 'utf8'));
    expect({ folds, accuracy, of }).toEqual({ folds: end.folds, accuracy: end.accuracy, of: 3 });
    await expect(collect(resumeFolds(whole))).rejects.toThrow(/is complete: it has its 3 folds/);
    await expect(collect(trainFolds(shapes, config, 3, { out: whole }))).rejects.toThrow(/already holds a run/);
  });

  test('a fold is an ordinary run, and can be repeated alone', async () => {
    const alone = join(home, 'alone');
    await runFolder(shapes, alone, { ...config, fold: { index: 2, of: 3 } });
    expectSameRun(alone, join(whole, 'fold-2'));
  });

  test('interrupted in the second fold, it goes on there and comes to the same', async () => {
    const out = join(home, 'stopped');
    const controller = new AbortController();
    let [folds, steps] = [0, 0];
    const events = await collect(trainFolds(shapes, config, 3, { out, signal: controller.signal }), ({ kind }) => {
      if (kind === 'fold') folds++;
      if (kind === 'step' && folds === 2 && ++steps === 2) controller.abort();
    });
    expect(events.at(-1)!.kind).toBe('interrupted');
    expect(await holdsFolds(out)).toBe(true);
    expect(existsSync(join(out, 'fold-3'))).toBe(false);
    const rest = await collect(resumeFolds(out));
    expect(rest.filter(({ kind }) => kind === 'fold')).toHaveLength(2);
    expect(rest.at(-1)).toMatchObject({ kind: 'folds', accuracy: { mean: expect.any(Number) } });
    for (const fold of ['fold-1', 'fold-2', 'fold-3']) expectSameRun(join(out, fold), join(whole, fold));
    const results = (path: string) => JSON.parse(readFileSync(join(path, 'folds.json'), 'utf8')).folds;
    expect(results(out)).toEqual(results(whole));
  });

  test('its folds are trained at once by an executor, stopped and gone on with, and come to the same', async () => {
    const out = join(home, 'at-once');
    const controller = new AbortController();
    const open = () => localExecutor({ root: out, file: join(home, 'jobs.db'), jobs: 2 });
    const results = (path: string) => JSON.parse(readFileSync(join(path, 'folds.json'), 'utf8')).folds;
    {
      await using executor = open();
      const begun = trainFolds(shapes, config, 3, { out, executor, signal: controller.signal });
      const events = await collect(begun, ({ kind }) => kind === 'member-epoch' && controller.abort());
      expect(events.at(-1)).toEqual({ kind: 'stopped', out });
    }
    await using executor = open();
    const rest = await collect(resumeFolds(out, { executor }));
    expect(rest.at(-1)).toMatchObject({ kind: 'folds', accuracy: { mean: expect.any(Number) } });
    for (const fold of ['fold-1', 'fold-2', 'fold-3']) expectSameRun(join(out, fold), join(whole, fold));
    expect(results(out)).toEqual(results(whole));
  });

  test('of images that the executor’s processes cannot find there is no record', async () => {
    const out = join(home, 'nowhere-at-once');
    await using executor = localExecutor({ root: out, file: join(home, 'other.db'), jobs: 1 });
    const events = trainFolds(join(home, 'nowhere'), config, 3, { out, executor });
    await expect(collect(events)).rejects.toThrow(/fold-\d: .*does not exist/);
    expect(await holdsFolds(out)).toBe(false);
  });

  test('where the images cannot be used, nothing is written', async () => {
    const out = join(home, 'nothing');
    await expect(collect(trainFolds(join(home, 'nowhere'), config, 3, { out }))).rejects.toThrow(/does not exist/);
    await expect(collect(trainFolds(shapes, { ...config, fold: { index: 1, of: 3 } }, 3, { out }))).rejects.toThrow(
      /one of the folds/,
    );
    expect(existsSync(out)).toBe(false);
  });
});
