import { parseConfig, resolveConfig } from '@graft-ml/core/internal/recipe/index';
import { expect, test } from 'vitest';
import type { ImageClass } from '../collection/collection.ts';
import { type Backbone, configOf, isStrategy, shippedBackbone, suggestedWay, waysFor } from './ways.ts';

const photos: Backbone = { model: 'squeezenet1_1', weights: 'weights/squeezenet1_1.safetensors' };
const none: Backbone = { model: 'conv4', weights: null };

const classes = (...sizes: number[]): ImageClass[] =>
  sizes.map((size, i) => ({
    id: `${i}`,
    name: `${i}`,
    images: Array.from({ length: size }, (_, k) => ({ id: `${k}`, name: `${k}.png`, file: new Blob() })),
  }));

test.each([
  [shippedBackbone, [40, 5], 'adapt'],
  [shippedBackbone, [40, 21], 'full'],
  [photos, [40, 5], 'nearest-centroid'],
  [photos, [40, 10], 'feature-extraction'],
  [none, [5, 5], 'scratch'],
] as const)('%j with classes of %j images: %s is suggested, and can be chosen', (backbone, sizes, way) => {
  expect(suggestedWay(classes(...sizes), backbone)).toBe(way);
  expect(waysFor(backbone).map(({ id }) => id)).toContain(way);
});

test('every way that trains makes options that Graft takes, and what is given counts', () => {
  for (const backbone of [shippedBackbone, photos, none]) {
    for (const { id } of waysFor(backbone)) {
      if (!isStrategy(id)) continue;
      const config = resolveConfig(parseConfig(configOf(id, backbone, { epochs: 3, learningRate: 0.5 })));
      expect(config).toMatchObject({ strategy: id, epochs: 3, learningRate: 0.5, ...backbone });
    }
  }
});
