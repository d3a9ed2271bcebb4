import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { memoryRuns } from '@graft-ml/core/internal/fit/run-store';
import { beforeAll, expect, test } from 'vitest';
import { drawImages, ownCache, temporaryFolder } from '../../../../test/images.ts';
import { runFolder, smallRun } from '../../../../test/runs.ts';
import { collect } from '../../../../test/training.ts';
import { evaluateFolder } from '../evaluate/evaluate-folder.ts';
import { openRun } from '../evaluate/open-run.ts';
import { resumeFolds, trainFolds } from '../experiment/cross-validation.ts';
import { exportClassifier } from '../export/export-classifier.ts';
import { adaptMeta } from '../meta/adapt-meta.ts';
import { readMetaRun } from '../meta/read-meta-run.ts';
import { testMeta } from '../meta/test-meta.ts';
import { resumeMeta, trainMeta } from '../meta/train-meta.ts';
import { resumeTraining, trainFolder } from '../transfer/train-folder.ts';
import { readRun } from './read-run.ts';

ownCache();
const root = temporaryFolder();
const shapes = join(root, 'shapes');
const openStore = memoryRuns();
/** Where the runs would be if they were on disk. */
const at = (name: string) => join(root, 'nowhere', name);

beforeAll(async () => {
  await drawImages(shapes, { classes: ['disc', 'square', 'cross', 'ring', 'bar'], perClass: 8, side: 16 });
});

/** Ends after so many steps. */
async function until<E extends { readonly kind: string }>(
  steps: number,
  start: (signal: AbortSignal) => AsyncIterable<E>,
): Promise<E[]> {
  const controller = new AbortController();
  const events: E[] = [];
  let taken = 0;
  for await (const event of start(controller.signal)) {
    events.push(event);
    if (event.kind === 'step' && ++taken >= steps) controller.abort();
  }
  return events;
}

const bytesIn = async (path: string, name: string) => Buffer.from(await openStore(path).read(name));

test('a run in memory is trained, interrupted, resumed, evaluated and exported as one on disk, to the bit', async () => {
  const [disk, out] = [join(root, 'disk'), at('run')];
  const config = { ...smallRun, epochs: 2, log: ['csv'] as const };
  await runFolder(shapes, disk, config);
  const { choices } = await readRun(disk);
  const options = { out, openStore, choices };
  const begun = await until(3, (signal) => trainFolder(shapes, config, { ...options, signal }));
  expect(begun.at(-1)!.kind).toBe('interrupted');
  expect((await readRun(out, openStore)).status).toBe('interrupted');
  await expect(collect(trainFolder(shapes, config, options))).rejects.toThrow(`${out} already holds a run`);
  expect((await collect(resumeTraining(out, { openStore }))).at(-1)!.kind).toBe('end');
  expect((await openStore(out).names()).sort()).toEqual(readdirSync(disk).sort());
  for (const name of ['best.safetensors', 'last.safetensors']) {
    expect((await bytesIn(out, name)).equals(readFileSync(join(disk, name)))).toBe(true);
  }
  const evaluation = await evaluateFolder(out, shapes, { threads: 1, openStore });
  expect(evaluation).toEqual(await evaluateFolder(disk, shapes, { threads: 1 }));
  for (const checkpoint of ['best', 'last'] as const) {
    await using classifier = await openRun(out, { threads: 1, openStore, checkpoint });
    const { difference } = await exportClassifier(classifier, join(root, `${checkpoint}.onnx`));
    expect(difference).toBeLessThan(1e-5);
  }
  await expect(openRun(at('another'), { openStore })).rejects.toThrow(`${at('another')} is not a run`);
  expect(existsSync(join(root, 'nowhere'))).toBe(false);
}, 120_000);

test('a meta-learned run in memory is tested and adapted, and so is a cross-validation resumed', async () => {
  const meta = at('meta');
  const config = { model: 'conv4_32', way: 2, shots: 1, queries: 1, metaBatch: 1, metaSteps: 4, validateEvery: 2 };
  const rest = {
    ...config,
    imageSize: 16,
    episodes: 2,
    split: { classes: { train: 2, validation: 2, test: 1 } },
    rotations: 'all',
    threads: 1,
  } as const;
  await until(3, (signal) => trainMeta(shapes, rest, { out: meta, openStore, signal }));
  expect((await readMetaRun(meta, openStore)).status).toBe('interrupted');
  await collect(resumeMeta(meta, { openStore }));
  expect((await readMetaRun(meta, openStore)).status).toBe('done');
  expect((await testMeta(meta, { episodes: 2, threads: 1, openStore })).episodes).toBe(2);
  const adapted = await adaptMeta(meta, shapes, { out: at('adapted'), openStore });
  expect(adapted.run.adaptedFrom).toBe(meta);
  expect((await evaluateFolder(at('adapted'), shapes, { threads: 1, part: 'all', openStore })).images).toBe(40);

  const folds = at('folds');
  const small = { ...smallRun, epochs: 1 };
  await until(1, (signal) => trainFolds(shapes, small, 2, { out: folds, openStore, signal }));
  const events = await collect(resumeFolds(folds, { openStore }));
  expect(events.at(-1)).toMatchObject({ kind: 'folds', out: folds });
  expect(await openStore(folds).names()).toEqual(expect.arrayContaining(['folds.json', 'fold-1', 'fold-2']));
  expect(existsSync(join(root, 'nowhere'))).toBe(false);
}, 120_000);
