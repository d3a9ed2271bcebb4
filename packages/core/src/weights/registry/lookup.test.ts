import { describe, expect, test } from 'vitest';
import { UserError } from '../../base/errors.ts';
import { listModels } from './list.ts';
import { entriesOf, entryTagged, pretrainedConfig } from './lookup.ts';

const defaults = {
  resnet18: 'torchvision/resnet18.imagenet1k_v1',
  resnet50: 'torchvision/resnet50.imagenet1k_v2',
  efficientnet_b0: 'torchvision/efficientnet_b0.imagenet1k_v1',
  efficientnet_b1: 'torchvision/efficientnet_b1.imagenet1k_v2',
  vit_b_16: 'torchvision/vit_b_16.imagenet1k_v1',
  mobilenet_v3_large: 'torchvision/mobilenet_v3_large.imagenet1k_v2',
};

describe('pretrainedConfig', () => {
  test.each(Object.entries(defaults))('%s means torchvision’s default', (architecture, name) => {
    expect(pretrainedConfig(architecture).name).toBe(name);
    expect(pretrainedConfig(name).architecture).toBe(architecture);
    expect(pretrainedConfig(name.slice('torchvision/'.length)).name).toBe(name);
  });

  test('knows what torchvision says', () => {
    expect(pretrainedConfig('torchvision/efficientnet_b1.imagenet1k_v1')).toEqual({
      name: 'torchvision/efficientnet_b1.imagenet1k_v1',
      architecture: 'efficientnet_b1',
      url: 'https://download.pytorch.org/models/efficientnet_b1_rwightman-bac287d4.pth',
      sha256: 'bac287d4',
      sizeMiB: 30.134,
      licence: 'BSD-3-Clause',
      source: 'https://github.com/pytorch/vision/tree/main/references/classification#efficientnet-v1',
      parameters: 7_794_184,
      top1: 78.642,
      top5: 94.186,
      preprocessing: {
        resize: 256,
        crop: 240,
        interpolation: 'bicubic',
        mean: [0.485, 0.456, 0.406],
        std: [0.229, 0.224, 0.225],
      },
      classes: 'imagenet1k',
    });
    const { licence, preprocessing } = pretrainedConfig('torchvision/vit_l_16.imagenet1k_swag_e2e_v1');
    expect([licence, preprocessing.crop]).toEqual(['CC-BY-NC-4.0', 512]);
    expect(pretrainedConfig('inception_v3').preprocessing).toMatchObject({
      resize: 342,
      crop: 299,
      mean: [0.5, 0.5, 0.5],
    });
  });

  test.each([
    ['torchvision/resnet50.imagenet1k_v3', 'Did you mean "torchvision/resnet50.imagenet1k_v2"?'],
    ['resnet51', 'Did you mean "resnet50"?'],
    ['resnet50.imagenet1k_v', 'Did you mean "resnet50.imagenet1k_v'],
    ['conv4', '`listModels("**", { pretrained: true })` lists all, `listModels()` the architectures.'],
  ])('%s is not known', (name, hint) => {
    expect(() => pretrainedConfig(name)).toThrow(UserError);
    expect(() => pretrainedConfig(name)).toThrow(hint);
  });
});

describe('entries of an architecture', () => {
  test('are found by their tag', () => {
    expect(entryTagged('resnet50', 'imagenet1k_v1')?.name).toBe('torchvision/resnet50.imagenet1k_v1');
    expect(entryTagged('resnet50', 'default')?.name).toBe(defaults.resnet50);
    expect(entryTagged('resnet50', 'imagenet1k_v7')).toBeUndefined();
    expect(entryTagged('conv4', 'default')).toBeUndefined();
  });

  test('stand last where their licence restricts their use', () => {
    const free = entriesOf('vit_b_16').map(({ licence }) => licence === 'Apache-2.0' || licence === 'BSD-3-Clause');
    expect(free.indexOf(false)).toBeGreaterThan(0);
    expect(free).toEqual([...free].sort((a, b) => Number(b) - Number(a)));
  });
});

describe('listModels', () => {
  test('filters architectures', () => {
    expect(listModels()).toContain('conv4');
    expect(listModels('squeezenet*')).toEqual(['squeezenet1_0', 'squeezenet1_1']);
    expect(listModels('{resnet18,conv4}')).toEqual(['resnet18', 'conv4']);
    expect(listModels('torchvision/*')).toEqual([]);
  });

  test('filters published weights by full name, by name and by architecture', () => {
    const v2 = ['torchvision/resnet50.imagenet1k_v2', 'torchvision/resnet50.imagenet1k_v1'];
    expect(listModels('resnet50', { pretrained: true })).toEqual(expect.arrayContaining(v2));
    expect(listModels('torchvision/resnet50*', { pretrained: true })).toEqual(v2);
    expect(listModels('resnet50.imagenet1k_v1', { pretrained: true })).toEqual([v2[1]]);
    expect(listModels('conv4', { pretrained: true })).toEqual([]);
  });
});
