import { renameSync } from 'node:fs';
import { basename, join } from 'node:path';
import { OptionError } from '@graft-ml/core';
import sharp from 'sharp';
import { expect, test } from 'vitest';
import { graft } from '../../../../test/graft.ts';
import { drawImages, ownCache, temporaryFolder } from '../../../../test/images.ts';
import { folderCache } from '../cache/folder-cache.ts';
import { type LabelProgress, labelIssues } from './label-issues.ts';

ownCache();
const root = temporaryFolder();
const cache = folderCache(join(root, 'cache'));

/** 90 shapes of three classes, of which three stand in a wrong one: by their file, the class that they show. */
async function shapesWithWrongLabels(name: string): Promise<{ folder: string; wrong: Record<string, string> }> {
  const folder = await drawImages(join(root, name), { perClass: 30 });
  renameSync(join(folder, 'disc/003.png'), join(folder, 'cross/disc-003.png'));
  renameSync(join(folder, 'square/011.png'), join(folder, 'disc/square-011.png'));
  renameSync(join(folder, 'cross/020.png'), join(folder, 'square/cross-020.png'));
  return { folder, wrong: { 'disc-003.png': 'disc', 'square-011.png': 'square', 'cross-020.png': 'cross' } };
}

test('wrong labels are suspected, with their true class; the same with cached features, by the seed', async () => {
  const { folder, wrong } = await shapesWithWrongLabels('shapes');
  const progress: LabelProgress[] = [];
  const filter = 'predicted-neq-given' as const;
  // Features of a network with random weights are enough for shapes of three colours.
  const options = { model: 'conv4', cache, seed: 3, filter, onProgress: (one: LabelProgress) => progress.push(one) };
  const found = await labelIssues(folder, options);
  const likely = found.issues.map(({ path, likelyClass }) => [basename(path), likelyClass]);
  expect(Object.fromEntries(likely)).toMatchObject(wrong);
  expect(found.issues.length).toBeLessThan(7);
  expect(found.images).toHaveLength(90);
  expect(found.classes).toEqual(['cross', 'disc', 'square']);
  expect(found.agreement).toBeGreaterThan(0.9);
  expect(found.noise.joint.flat().reduce((a, b) => a + b)).toBe(90);
  for (const { probabilities } of found.images) {
    expect(probabilities.reduce((a, b) => a + b)).toBeCloseTo(1, 9);
  }
  const done = new Set(progress.filter((one) => one.done === one.total).map(({ stage }) => stage));
  expect([...done]).toEqual(['checking images', 'extracting features', 'training probes']);

  progress.length = 0;
  expect(await labelIssues(folder, options)).toEqual(found);
  expect(progress.filter(({ stage }) => stage === 'extracting features').map((one) => one.done)).toEqual([90]);
  const others = await labelIssues(folder, { ...options, seed: 4 });
  expect(others.images[0]!.probabilities).not.toEqual(found.images[0]!.probabilities);
});

test('a signal ends it; two folds are the fewest', async () => {
  const folder = await drawImages(join(root, 'few'), { perClass: 6 });
  const reason = new Error('enough');
  const controller = new AbortController();
  const stopped = labelIssues(folder, {
    ...{ model: 'conv4', cache: null, signal: controller.signal },
    onProgress: ({ stage }) => stage === 'training probes' && controller.abort(reason),
  });
  await expect(stopped).rejects.toBe(reason);
  await expect(labelIssues(folder, { model: 'conv4', folds: 1 })).rejects.toThrow(OptionError);
});

test('graft doctor --labels: a table, JSON and a contact sheet', async () => {
  const { folder } = await shapesWithWrongLabels('for-doctor');
  const sheet = join(root, 'suspects.png');
  const command = ['doctor', folder, '--labels', '--model', 'conv4', '--seed', '3'];
  const { status, stdout } = await graft([...command, '--sheet', sheet, '--examples', '2']);
  expect(status).toBe(0);
  expect(stdout).toMatch(/90 images of 3 classes/);
  expect(stdout).toMatch(/labels are probably wrong, the worst first; nothing was changed\./);
  expect(stdout).toMatch(/and \d+ more: --examples \d+, or --json/);
  const { width, height } = await sharp(sheet).metadata();
  const suspects = Number(/(\d+) labels are/.exec(stdout)![1]);
  expect(width).toBe(4 + Math.min(6, suspects) * 164);
  expect(height).toBeGreaterThan(160 + 2 * 15);

  const json = await graft([...command, '--json', '--strict']);
  expect(json.status).toBe(1);
  const { issues, images, joint } = JSON.parse(json.stdout);
  expect(images).toBe(90);
  expect(joint).toHaveLength(3);
  expect(issues[0]).toMatchObject({ label: expect.any(String), likely: expect.any(String) });
  expect(issues[0].selfConfidence).toBeLessThan(issues[0].confidence);
  for (const wrong of [['--folds', '3'], ['--labels', '--fix-to', join(root, 'clean')]]) {
    expect((await graft(['doctor', folder, ...wrong])).status).toBe(2);
  }
}); // biome-ignore format: flags
