import { mkdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { decide, type Evidence } from '@graft-ml/core/internal/recipe/auto';
import type { TrainConfigInput } from '@graft-ml/core/internal/recipe/config/index';
import { beforeAll, describe, expect, test, vi } from 'vitest';
import { drawImages, ownCache, temporaryFolder } from '../../../../test/images.ts';
import { expectSameRun, metricsOf, runFolder, smallRun } from '../../../../test/runs.ts';
import { differing } from '../../../../test/training.ts';
import { readSafetensorsFile } from '../checkpoint/safetensors-file.ts';
import { readRun } from '../runs/read-run.ts';
import { trainFolder } from './train-folder.ts';

ownCache();
const root = temporaryFolder();
const folder = join(root, 'pairs');
const weights = join(root, 'pretrained', 'best.safetensors');
let count = 0;
const fresh = () => join(root, `run${count++}`);

async function transfer(config: TrainConfigInput & { stopAfter?: number }, out = fresh()): Promise<string> {
  await runFolder(folder, out, { weights, ...config });
  return out;
}

const paths = (names: readonly string[]) => [...new Set(names.map((name) => name.split('.')[0]!))].sort();

beforeAll(async () => {
  const shapes = await drawImages(join(root, 'shapes'));
  await runFolder(shapes, join(root, 'pretrained'), { imageSize: 30, epochs: 2 });
  await drawImages(folder, { classes: ['bar', 'ring'], perClass: 20 });
});

describe('what is trained', () => {
  const changed = async (out: string) => {
    const [before, after] = await Promise.all(
      [weights, join(out, 'best.safetensors')].map((path) => readSafetensorsFile(path)),
    );
    return paths(differing(before!.tensors, after!.tensors));
  };

  test('partial leaves every bit up to its block, statistics included', async () => {
    const out = await transfer({ strategy: 'partial', freezeTo: 'layer2', epochs: 2 });
    expect(await changed(out)).toEqual(['fc', 'layer3', 'layer4']);
    expect((await readRun(out)).batchNorm).toBe('running');
  });

  test('a probe, then everything: the best of both is kept', async () => {
    const out = await transfer({ strategy: 'full', probe: 4, epochs: 2 });
    expect(metricsOf(out).map(({ stage }) => stage)).toEqual([...new Array<string>(4).fill('probe'), 'all', 'all']);
    const { best } = await readRun(out);
    expect(best!.accuracy).toBe(Math.max(...metricsOf(out).map(({ accuracy }) => Number(accuracy))));
  });
});

describe('interrupted across an unfreeze', () => {
  const gradual = {
    strategy: 'gradual',
    epochs: 4,
    unfreeze: [
      { epoch: 0, train: ['head'] },
      { epoch: 1, train: ['layer4'] },
      { epoch: 2, train: ['layer3'] },
      { epoch: 3, train: ['all'] },
    ],
  } as const;
  const whole = join(root, 'gradual');
  beforeAll(() => transfer(gradual, whole));

  test.each([1, 3, 4, 5, 8, 9, 12, 13])('after step %i, and resumed, it ends bit for bit the same', async (step) => {
    const stopped = await transfer({ ...gradual, stopAfter: step });
    expect((await readRun(stopped)).status).toBe('interrupted');
    await transfer(gradual, stopped);
    expectSameRun(whole, stopped);
  });
});

describe('auto', () => {
  const evidence: Evidence = { images: 480, classes: 6, validation: 120, probe: 0.7, domain: 'similar' };

  test('decides by the number of images, the domain, and what the probe left', () => {
    const chosen = (change: Partial<Evidence>) => decide({ ...evidence, ...change }).strategy;
    expect(chosen({ probe: 0.99 })).toBe('feature-extraction');
    expect(chosen({})).toBe('full');
    expect(chosen({ probe: 0.92, validation: 600 })).toBe('partial');
    expect(chosen({ probe: 0.92, validation: 600, images: 5_000 })).toBe('full');
    expect(chosen({ images: 50_000, probe: 0.6 })).toBe('full');
    expect(chosen({ probe: 0.92, validation: 600, domain: 'different' })).toBe('full');
    expect(chosen({ probe: 1, domain: 'very-different' })).toBe('full');
    expect(decide({ ...evidence, domain: 'very-different' }).alsoScratch).toBe(true);
    expect(decide(evidence).reasons.join(' ')).toMatch(/480 images.*70\.0 % of 120 images, ± 4\.2 %/);
  });

  test('a probe, a decision that is written down with its reasons, and what it chose', async () => {
    const out = await transfer({ probe: 3, epochs: 2, domain: 'different' });
    const { config, decision, best, parameters } = await readRun(out);
    expect(config.strategy).toBe('auto');
    expect(decision!.evidence).toMatchObject({ classes: 2, domain: 'different' });
    const after = { 'feature-extraction': [], partial: ['behind layer3', 'behind layer3'], full: ['all', 'all'] };
    expect(metricsOf(out).map(({ stage }) => stage)).toEqual([
      ...new Array<string>(3).fill('probe'),
      ...after[decision!.strategy],
    ]);
    expect(best!.accuracy).toBeGreaterThanOrEqual(decision!.evidence.probe);
    expect(parameters.trained === parameters.total).toBe(decision!.strategy === 'full');
  });

  test('interrupted before and after the decision, it ends bit for bit the same', async () => {
    // Nothing tells these four classes apart, so that no probe, with whichever kernels, comes near the limit of a
    // decision.
    const alike = join(root, 'alike');
    mkdirSync(alike);
    for (let i = 0; i < 4; i++) {
      const drawn = await drawImages(join(root, `drawn${i}`), { classes: ['ring'], perClass: 20, first: 20 * i });
      renameSync(join(drawn, 'ring'), join(alike, `class${i}`));
    }
    const auto = { weights, probe: 2, epochs: 2, domain: 'different' } as const;
    const whole = fresh();
    await runFolder(alike, whole, auto);
    const { decision } = await readRun(whole);
    expect(decision!.strategy).toBe('full');
    for (const stopAfter of [2, 16, 17]) {
      const stopped = fresh();
      await runFolder(alike, stopped, { ...auto, stopAfter });
      expect((await readRun(stopped)).status).toBe('interrupted');
      await runFolder(alike, stopped, auto);
      expectSameRun(whole, stopped);
      expect((await readRun(stopped)).decision).toEqual(decision);
    }
  });

  test('very different images: a run from random weights is made beside it', async () => {
    const out = await transfer({ probe: 2, epochs: 1, domain: 'very-different' });
    const scratch = await readRun(join(out, 'scratch'));
    expect(scratch).toMatchObject({ status: 'done', weightsSha256: null, config: { strategy: 'scratch' } });
    expect((await readRun(out)).decision!.strategy).toBe('full');
  });
});

describe('features at the freeze boundary', () => {
  test('are kept for the next run: it reads no image again', async () => {
    vi.stubEnv('GRAFT_CACHE', join(root, 'features'));
    const own = await drawImages(join(root, 'gone'), { classes: ['bar', 'ring'], perClass: 20 });
    const partial = { ...smallRun, weights, strategy: 'partial', freezeTo: 'layer3', augment: 'none' } as const;
    const [first, second] = [fresh(), fresh()];
    const extracted: number[] = [];
    for (const out of [first, second]) {
      let isReady = false;
      let all = 0;
      const events = trainFolder(own, partial, {
        out,
        onPreparation: ({ stage, done }) => {
          if (stage === 'extracting features' && isReady) all = Math.max(all, done);
        },
      });
      for await (const event of events) {
        if (event.kind === 'ready') {
          isReady = true;
          if (out === second) rmSync(own, { recursive: true });
        }
      }
      extracted.push(all);
    }
    expect(extracted).toEqual([40, 40]);
    expectSameRun(first, second);
    vi.unstubAllEnvs();
  });

  test('in memory, on disk or computed again: the same run to the bit', async () => {
    const partial = { strategy: 'partial', freezeTo: 'layer3', augment: 'none' } as const;
    const whole = await transfer(partial);
    expectSameRun(whole, await transfer({ ...partial, memory: 1e-6 }));
    expectSameRun(whole, await transfer({ ...partial, disk: 0 }));
    expectSameRun(whole, await transfer({ ...partial, memory: 1e-6, disk: 0 }));
  });

  test('several augmented views are taken in turn', async () => {
    const views = { strategy: 'feature-extraction', epochs: 4, augment: 'light' } as const;
    const [two, none] = [await transfer({ ...views, views: 2 }), await transfer(views)];
    const losses = (out: string) => metricsOf(out).map(({ training }) => training);
    expect(losses(two)).not.toEqual(losses(none));
    expectSameRun(two, await transfer({ ...views, views: 2 }));
    expectSameRun(two, await transfer({ ...views, views: 2, memory: 1e-6 }));
  });
});
