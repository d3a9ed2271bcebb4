import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { tensor } from '@graft-ml/core/internal/base/tensor';
import type { WeightsEntry } from '@graft-ml/core/internal/weights/registry/entry';
import { pretrainedConfig } from '@graft-ml/core/internal/weights/registry/lookup';
import { writeSafetensors } from '@graft-ml/core/internal/weights/safetensors';
import { describe, expect, test } from 'vitest';
import { graft } from '../../../../test/graft.ts';
import { ownCache, temporaryFolder } from '../../../../test/images.ts';
import { defaultCache } from '../cache/folder-cache.ts';
import { cachePath } from '../checkpoint/fetch-weights.ts';

ownCache();

async function json<T>(...args: string[]): Promise<T> {
  const { status, stdout, stderr } = await graft(['models', ...args, '--json']);
  expect([status, stderr]).toEqual([0, '']);
  return JSON.parse(stdout);
}

describe('graft models', () => {
  test('lists every architecture with its size and what is published for it', async () => {
    const list = await json<{ name: string; parameters: number; weights: string[] }[]>();
    const sizes = Object.fromEntries(list.map(({ name, parameters }) => [name, parameters]));
    expect(sizes).toMatchObject({
      resnet18: 11_689_512,
      resnet50: 25_557_032,
      squeezenet1_1: 1_235_496,
      conv4: 178_088,
    });
    const weights = Object.fromEntries(list.map((model) => [model.name, model.weights]));
    expect(weights.resnet50!.slice(0, 2)).toEqual([
      'torchvision/resnet50.imagenet1k_v2',
      'torchvision/resnet50.imagenet1k_v1',
    ]);
    expect(weights.conv4).toEqual([]);
    const { stdout } = await graft(['models', 'resnet5*']);
    expect(stdout.split('\n').slice(2)).toEqual([
      expect.stringMatching(/^resnet50 +25,557,032 +80\.9 % +224 +BSD-3-Clause +torchvision\/resnet50\.imagenet1k_v2$/),
      '',
    ]);
  });

  test('--pretrained lists weights, by pattern', async () => {
    const list = await json<WeightsEntry[]>('torchvision/resnet{18,50}*', '--pretrained');
    expect(list.map(({ name, top1 }) => [name, top1])).toEqual([
      ['torchvision/resnet18.imagenet1k_v1', 69.758],
      ['torchvision/resnet50.imagenet1k_v2', 80.858],
      ['torchvision/resnet50.imagenet1k_v1', 76.13],
    ]);
    const { stdout } = await graft(['models', 'torchvision/squeezenet1_0*', '--pretrained']);
    expect(stdout).toMatch(/^torchvision\/squeezenet1_0\.imagenet1k_v1 +1,248,424 +58\.1 % +224 +BSD-3-Clause$/m);
  });

  test('shows one entry whole, by its name or its architecture', async () => {
    const entry = pretrainedConfig('resnet50');
    expect(await json(entry.name)).toEqual({ ...entry, cached: null });
    expect((await json<{ weights: WeightsEntry[] }>('resnet50')).weights[0]).toEqual(entry);
    const [one, all] = await Promise.all([graft(['models', entry.name]), graft(['models', 'resnet50'])]);
    for (const fact of [
      entry.url,
      entry.source,
      '11ad3fa6',
      '97.79 MiB',
      'top-1 80.9 %',
      'resize 232, crop 224, bilinear',
    ]) {
      expect(one.stdout).toContain(fact);
    }
    expect(all.stdout).toContain(one.stdout);
    expect(all.stdout).toContain('timm/resnet50.a1_in1k');
  });

  test('--download brings weights into the cache; what is there is not fetched again', async () => {
    // Weights of the hub, because a test cannot forge the checksum of torchvision's.
    const entry = pretrainedConfig('timm/resnet18.a1_in1k');
    const mirror = temporaryFolder();
    const ones = { weight: tensor('f32', [entry.parameters], new Float32Array(entry.parameters).fill(1)) };
    const file = Buffer.from(writeSafetensors(ones));
    const source = join(mirror, new URL(entry.url).pathname);
    mkdirSync(dirname(source), { recursive: true });
    writeFileSync(source, file);
    const args = ['models', entry.name, '--download'];
    const first = await graft([...args, '--mirror', mirror]);
    const path = cachePath(entry, defaultCache());
    expect([first.status, first.stdout, first.stderr]).toEqual([0, `${path}\n`, 'downloading, MiB (44.6)\n']);
    const again = await graft([...args, '--offline', '--json']);
    const sha256 = createHash('sha256').update(file).digest('hex');
    expect(JSON.parse(again.stdout)).toEqual({ ...entry, path, sha256 });
    expect((await json<{ cached: string }>(entry.name)).cached).toBe(path);

    const other = await graft([...args, '--offline', '--expect-sha256', '0'.repeat(64)]);
    expect([other.status, other.stdout]).toEqual([1, '']);
    expect(other.stderr).toContain(
      `it is not in the cache (what is there is not used: the file has the sha256 ${sha256}, expected ${'0'.repeat(64)} (--expect-sha256))`,
    );
  });

  test('what a mirror has in place of weights is refused', async () => {
    const entry = pretrainedConfig('timm/resnet18.a2_in1k');
    const mirror = temporaryFolder();
    const source = join(mirror, new URL(entry.url).pathname);
    mkdirSync(dirname(source), { recursive: true });
    writeFileSync(source, Buffer.alloc(46_000_000));
    const outcome = await graft(['models', entry.name, '--download', '--mirror', mirror]);
    expect(outcome.status).toBe(1);
    expect(outcome.stderr).toContain('what arrived is refused: Its format is not known.');
  });

  test.each([
    [['resnet51'], 1, 'Did you mean "resnet50"?'],
    [['nothing*'], 1, 'nothing matches "nothing*"'],
    [['resnet18', '--download', '--offline'], 1, 'https://download.pytorch.org/models/resnet18-f37072fd.pth'],
    [['', '--pretrained'], 1, '"" is no pattern: it has 0 characters, expected 1 to 1000.'],
    [['*'.repeat(70_000), '--pretrained'], 1, 'it has 70000 characters, expected 1 to 1000.'],
    [['conv4', '--download'], 1, 'The weights "conv4" are not known.'],
    [['resnet*', '--download'], 2, '--download takes the name of one'],
    [['--download'], 2, '--download takes the name of one'],
  ])('%j: exit %i', async (args, code, message) => {
    const { status, stdout, stderr } = await graft(['models', ...args]);
    expect([status, stdout]).toEqual([code, '']);
    expect(stderr).toContain(message);
    expect(stderr).not.toContain('    at ');
  });
});

test('a name that is neither an architecture nor weights: the nearest ones, and a pattern', async () => {
  const near = await graft(['models', 'resnet81']);
  expect(near).toMatchObject({ status: 1, stdout: '' });
  expect(near.stderr).toContain('is neither an architecture nor published weights. Did you mean');
  expect((await graft(['models', 'squeez'])).stderr).toContain("`graft models 'squeez*'` lists those");
});
