import { join } from 'node:path';
import { f32 } from '@graft-ml/core/internal/base/tensor';
import type { TrainConfigInput } from '@graft-ml/core/internal/recipe/config/index';
import { beforeAll, describe, expect, test } from 'vitest';
import { drawImages, ownCache, temporaryFolder } from '../../../../test/images.ts';
import { expectSameRun, runFolder } from '../../../../test/runs.ts';
import { differing } from '../../../../test/training.ts';
import { readSafetensorsFile, writeSafetensorsFile } from '../checkpoint/safetensors-file.ts';
import { readRun } from '../runs/read-run.ts';

ownCache();
const root = temporaryFolder();
const start = join(root, 'start');
let [shapes, pairs] = ['', ''];
let count = 0;

async function transfer(folder: string, config: TrainConfigInput & { stopAfter?: number }, out?: string) {
  const path = out ?? join(root, `run${count++}`);
  const events = await runFolder(folder, path, { weights: start, epochs: 2, ...config });
  return { path, notes: events.flatMap((event) => (event.kind === 'ready' ? event.notes : [])) };
}

/** The layers of which a number differs from what the run started from. */
async function changed(out: string): Promise<string[]> {
  const [before, after] = await Promise.all(
    [start, out].map((run) => readSafetensorsFile(join(run, 'best.safetensors'))),
  );
  const layers = differing(before!.tensors, after!.tensors).map((name) => name.replace(/\.[^.]+$/, ''));
  return [...new Set(layers)].sort();
}

const layers = (...numbers: number[]) => numbers.flatMap((i) => [`layer${i}.bn`, `layer${i}.conv`]);

beforeAll(async () => {
  shapes = await drawImages(join(root, 'shapes'));
  pairs = await drawImages(join(root, 'pairs'), { classes: ['bar', 'ring'], perClass: 20 });
  await runFolder(shapes, start, { imageSize: 30, epochs: 2 });
});

describe('the classes of the weights', () => {
  test.each([
    [0.2, 'upper', layers(1)],
    [0.5, 'upper', layers(1, 2, 3)],
    [1, 'upper', ['fc', ...layers(1, 2, 3, 4)]],
    [0.2, 'lower', ['fc']],
    [0.5, 'lower', ['fc', ...layers(3, 4)]],
  ] as const)(
    '%d, %s frozen: the rest stays to the bit, statistics and head included',
    async (ratio, side, expected) => {
      const { path } = await transfer(shapes, { transferRatio: ratio, transferFrozen: side });
      expect(await changed(path)).toEqual(expected);
      const { config } = await readRun(path);
      expect([config.strategy, config.transferHead]).toEqual(['partial-transfer', 'kept']);
    },
  );

  test('the cut is said, and a run that is resumed ends as it would have', async () => {
    const config = { transferRatio: 0.4 };
    const whole = await transfer(shapes, config);
    expect(whole.notes).toEqual([
      expect.stringContaining('The weights know 57 of these images'),
      expect.stringContaining('The weights were chosen by'),
      'partial transfer: trained 2 of 5 blocks (layer1, layer2); frozen 3 of 5 blocks (layer3, layer4, head).',
    ]);
    const stopped = await transfer(shapes, { ...config, stopAfter: 4 });
    await transfer(shapes, {}, stopped.path);
    expectSameRun(whole.path, stopped.path);
  });

  test('a new head on request, which is trained', async () => {
    const { path, notes } = await transfer(shapes, { transferRatio: 0.2, transferHead: 'new' });
    expect(await changed(path)).toEqual(['fc', ...layers(1)]);
    expect(notes.at(-1)).toContain('; the head is new and trained all the same.');
  });
});

test('other classes have a new head', async () => {
  const { path } = await transfer(pairs, { transferRatio: 0.2 });
  expect(await changed(path)).toEqual(['fc', ...layers(1)]);
  expect((await readRun(path)).config.transferHead).toBe('new');
  await expect(transfer(pairs, { transferRatio: 0.2, transferHead: 'kept' })).rejects.toThrow(
    /transferHead kept: the head of .* is for .*, the images are of bar, ring\. Leave it out for a new one\./,
  );
});

test('weights are a run’s folder, or no run is refused', async () => {
  await expect(transfer(shapes, { transferRatio: 1, weights: root })).rejects.toThrow(
    `weights ${root} is a folder without best.safetensors`,
  );
});

test('what was meta-learned and not adapted can be trained whole, but not frozen: its batch norms know no statistics', async () => {
  const { tensors, metadata } = await readSafetensorsFile(join(start, 'best.safetensors'));
  const rates = { 'inner-rate/fc.bias': f32([3], [0.1, 0.2, 0.3]) };
  const unknown = Object.entries(tensors).map(([name, value]) => [
    name,
    name.endsWith('running_var') ? f32(value.shape, new Array(value.data.length).fill(1)) : value,
  ]);
  const weights = join(root, 'meta.safetensors');
  const learned = { ...Object.fromEntries(unknown), ...rates };
  await writeSafetensorsFile(weights, learned, { ...metadata, learner: 'maml', classes: '[]' });
  const { path } = await transfer(shapes, { weights, strategy: 'full', epochs: 1 });
  expect((await readRun(path)).best!.accuracy).toBeGreaterThan(0);
  await expect(transfer(shapes, { weights, transferRatio: 0.5 })).rejects.toThrow(
    '`adaptMeta(run, folder)` makes a run',
  );
});
