import { folderCache } from 'graft-ml/internal/cache/folder-cache';
import { cachePath } from 'graft-ml/internal/checkpoint/fetch-weights';
import { describe, expect, test } from 'vitest';
import * as z from 'zod';
import { sizeOf } from '../../base/tensor.ts';
import { input } from '../../graph/index.ts';
import { applyModel, getModel, listArchitectures } from '../../models/index.ts';
import { Scope } from '../../nn/index.ts';
import type { Licence, WeightsEntry } from './entry.ts';
import { weightsEntries } from './lookup.ts';
import { torchvisionWeights } from './torchvision.ts';

const zoo = new Set(listArchitectures());

const triple = z.tuple([z.number(), z.number(), z.number()]).readonly();

const licences = [
  'Apache-2.0',
  'BSD-3-Clause',
  'CC-BY-NC-4.0',
  'MIT',
  'LicenseRef-DINOv3',
  'LicenseRef-FAIR-Noncommercial-Research',
] as const satisfies readonly Licence[];

const weightsEntrySchema: z.ZodType<WeightsEntry> = z.strictObject({
  name: z.string().regex(/^(torchvision|timm)\/[a-z0-9_-]+\.[a-z0-9_-]+$/),
  architecture: z.string(),
  url: z.url({ protocol: /^https$/ }),
  sha256: z
    .string()
    .regex(/^([0-9a-f]{8}|[0-9a-f]{64})$/)
    .nullable(),
  sizeMiB: z.number().positive().nullable(),
  licence: z.enum(licences).nullable(),
  source: z.url(),
  parameters: z.int().positive(),
  top1: z.number().min(0).max(100).nullable(),
  top5: z.number().min(0).max(100).nullable(),
  preprocessing: z.strictObject({
    resize: z.int().min(1),
    squash: z.boolean().optional(),
    crop: z.int().min(1),
    interpolation: z.enum(['bilinear', 'bicubic']),
    mean: triple,
    std: triple,
  }),
  classes: z.enum(['imagenet1k']).nullable(),
  outputs: z.int().nonnegative().optional(),
});

/** The numbers that a model of the zoo learns, with a head for ImageNet-1k. */
function countParameters(architecture: string): number {
  const model = getModel(architecture);
  const { crop } = model.preprocessing;
  const { scope, trace } = Scope.root({ training: false });
  applyModel(model, scope, input('x', 'f32', [1, 3, crop, crop]), { numClasses: 1000 });
  const parameters = [...trace.variables.values()].filter(({ kind }) => kind === 'parameter');
  return parameters.reduce((sum, { shape }) => sum + sizeOf(shape), 0);
}

describe('the registry', () => {
  test('holds what its schema says, each name once', () => {
    for (const entry of weightsEntries) expect(weightsEntrySchema.parse(entry)).toEqual(entry);
    expect(new Set(weightsEntries.map(({ name }) => name)).size).toBe(weightsEntries.length);
  });

  test('knows outputs by their names or by their number', () => {
    for (const { name, classes, outputs } of weightsEntries)
      expect([name, outputs !== undefined]).toEqual([name, !classes]);
  });

  test('has a place in the cache for each file, and none outside it', () => {
    const paths = weightsEntries.map((entry) => cachePath(entry, folderCache('/cache')));
    expect(new Set(paths).size).toBe(paths.length);
    for (const path of paths)
      expect(path).toMatch(/^\/cache\/weights\/(torchvision|timm)\/[^/]+\/[\w.-]+\.(pth|safetensors)$/);
  });

  test.each(['torchvision/../x.y', 'torchvision/..', '/etc/x.y', 'timm/a/b.c', 'timm/.x'])('has no %s', (name) => {
    expect(weightsEntrySchema.safeParse({ ...weightsEntries[0], name }).success).toBe(false);
  });

  test('is of models that the zoo has', () => {
    const architectures = new Set(weightsEntries.map(({ architecture }) => architecture));
    expect([...architectures].filter((name) => !zoo.has(name))).toEqual([]);
  });

  test.each(torchvisionWeights.map((entry) => [entry.name, entry] as const))(
    '%s has as many parameters as the zoo’s model',
    (_name, { architecture, parameters }) => expect(countParameters(architecture)).toBe(parameters),
  );
});
