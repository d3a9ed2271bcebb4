import { describe, expect, test } from 'vitest';
import { weightsEntrySchema } from './entry.ts';
import { timmWeights } from './timm.ts';
import { torchvisionWeights } from './torchvision.ts';

describe('the registry', () => {
  test('holds what its schema says', () => {
    for (const entry of [...torchvisionWeights, ...timmWeights]) expect(weightsEntrySchema.parse(entry)).toEqual(entry);
  });
});
