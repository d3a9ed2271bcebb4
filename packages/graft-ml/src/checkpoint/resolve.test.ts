import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { UserError } from '@graft-ml/core/internal/base/errors';
import { pretrainedConfig } from '@graft-ml/core/internal/weights/registry/lookup';
import { describe, expect, test } from 'vitest';
import { temporaryFolder } from '../../../../test/images.ts';
import { folderCache } from '../cache/folder-cache.ts';
import { cachePath } from './fetch-weights.ts';
import { resolveWeights } from './resolve.ts';

const root = temporaryFolder();
const offline = { cache: folderCache(join(root, 'cache')), mirror: null, offline: true };
const own = join(root, 'own.safetensors');
writeFileSync(own, '');

const refusal = (weights: string, options = {}) =>
  resolveWeights(weights, { ...offline, ...options }).then(
    () => 'nothing was thrown',
    (error: Error) => (error instanceof UserError ? error.message : `a bug: ${error.stack}`),
  );

describe('weights', () => {
  test('a file', async () => {
    expect(await resolveWeights(own, { model: 'resnet50' })).toEqual({ path: own, links: 'follow', entry: null });
  });

  test.each([
    ['torchvision/resnet50.imagenet1k_v2', undefined],
    ['torchvision/resnet50.imagenet1k_v2', 'resnet50'],
    ['resnet50.imagenet1k_v2', undefined],
    ['imagenet1k_v2', 'resnet50'],
    ['default', 'resnet50'],
    ['resnet50', 'resnet50'],
    ['resnet50', undefined],
  ])('%s of %s', async (weights, model) => {
    // Without the file the message says which was meant; its checksum cannot be forged for a test.
    const message = await refusal(weights, model && { model });
    expect(message).toContain('torchvision/resnet50.imagenet1k_v2 cannot be had: it is not in the cache');
    expect(message).toContain('https://download.pytorch.org/models/resnet50-11ad3fa6.pth');
    expect(message).toContain(cachePath(pretrainedConfig('resnet50'), offline.cache));
    expect(message).toContain('name it as `weights`');
  });

  test('of another model', async () => {
    expect(await refusal('torchvision/resnet50.imagenet1k_v2', { model: 'resnet18' })).toBe(
      'torchvision/resnet50.imagenet1k_v2 are weights of resnet50, not of resnet18. Pass `model: "resnet50"`.',
    );
    expect(await refusal('resnet50', { model: 'resnet18' })).toContain('of resnet50, not of resnet18');
  });

  test('neither a file nor a name', async () => {
    expect(await refusal('imagenet1k_v3', { model: 'squeezenet1_0' })).toBe(
      'weights "imagenet1k_v3" is neither a file nor the name of published weights. ' +
        'Did you mean "imagenet1k_v1"? Of squeezenet1_0 there are: imagenet1k_v1.',
    );
    expect(await refusal('default', { model: 'conv4' })).toContain('Nobody has published any for conv4');
    expect(await refusal('torchvision/resnet50.imagenet1k_v5')).toContain(
      'Did you mean "torchvision/resnet50.imagenet1k_v',
    );
    expect(await refusal(join(root, 'none.pth'))).toBe(`Cannot read ${join(root, 'none.pth')}: there is no such file.`);
    expect(await refusal('none.pth')).toBe('Cannot read none.pth: there is no such file.');
  });

  test('a file in the cache whose content is another is not taken', async () => {
    const path = cachePath(pretrainedConfig('resnet18'), offline.cache);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, 'no weights');
    expect(await refusal('default', { model: 'resnet18' })).toContain('not in the cache');
  });
});
