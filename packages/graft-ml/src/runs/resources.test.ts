import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { ResourceMeter, readResources } from '@graft-ml/core/internal/runs/resources';
import { beforeAll, expect, test } from 'vitest';
import { drawImages, ownCache, temporaryFolder } from '../../../../test/images.ts';
import { runFolder } from '../../../../test/runs.ts';
import { processMemory } from './host.ts';
import { openRunStore } from './run-store.ts';

ownCache();
const root = temporaryFolder();
const shapes = join(root, 'shapes');

beforeAll(async () => {
  await drawImages(shapes, { perClass: 8 });
});

test('the time until an event is its phase’s, and what its reader does is nobody’s', async () => {
  const meter = new ResourceMeter(processMemory);
  const events = async function* () {
    for (const kind of ['start', 'stage', 'step', 'evaluation', 'step', 'evaluation', 'end'] as const) {
      await setTimeout(kind === 'evaluation' ? 40 : 10);
      yield { kind };
    }
  };
  const begun = performance.now();
  expect(await meter.during('images', () => setTimeout(30, 'done'))).toBe('done');
  for await (const _ of meter.watch(events())) await setTimeout(60);
  const wall = (performance.now() - begun) / 1000;
  const { images, features, training, validation, weights } = meter.session.phases;
  expect(weights).toBeUndefined();
  // Timers may be a millisecond early, and late by any time on a busy machine.
  expect(images!.seconds).toBeGreaterThan(0.028);
  expect(validation!.seconds).toBeGreaterThan(0.078);
  expect(features!.seconds).toBeGreaterThan(0.008);
  expect(training!.seconds).toBeGreaterThan(0.036);
  const total = [images, features, training, validation].reduce((sum, use) => sum + use!.seconds, 0);
  expect(total).toBeLessThan(wall - 7 * 0.055);
  const { peakMemory } = meter.session;
  for (const { memory } of [images!, training!])
    expect([memory > 1e6, memory <= 1.01 * peakMemory]).toEqual([true, true]);
});

test('a run keeps what it took, and a resumed run adds to it; a damaged file is as none', async () => {
  const run = join(root, 'run');
  await runFolder(shapes, run, { epochs: 2, stopAfter: 3 });
  const store = openRunStore(run);
  const [first, ...others] = await readResources(store);
  expect(others).toEqual([]);
  expect(Object.keys(first!.phases).sort()).toEqual(['features', 'images', 'training', 'validation', 'weights']);
  await runFolder(shapes, run);
  const both = await readResources(store);
  expect([both.length, both[0]]).toEqual([2, first]);
  expect(both[1]!.phases.validation!.seconds).toBeGreaterThan(0);
  const file = join(run, 'resources.json');
  writeFileSync(file, readFileSync(file, 'utf8').replace('"seconds": ', '"seconds": 1'));
  expect(await readResources(store)).toEqual([]);
  const again = join(root, 'again');
  expect([existsSync(file), await readResources(openRunStore(again))]).toEqual([true, []]);
});
