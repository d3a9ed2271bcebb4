import { describe, expect, test } from 'vitest';
import { type Tensors, zeros } from '../base/tensor.ts';
import { input } from '../graph/index.ts';
import { Scope } from '../nn/index.ts';
import { applyModel, fittedTo, getModel } from './index.ts';

describe('a vision transformer takes the position embedding of its weights', () => {
  const named = getModel('vit_b_32');
  const lengthWith = (embedding: number[] | null) => {
    const weights: Tensors = embedding ? { 'encoder.pos_embedding': zeros('f32', embedding) } : {};
    const { scope, trace } = Scope.root({ training: false });
    const x = input('x', 'f32', [1, 3, 224, 224]);
    expect(applyModel(fittedTo(named, weights), scope, x, { numClasses: 3 }).shape).toEqual([1, 3]);
    return trace.variables.get('encoder.pos_embedding')!.shape[1];
  };

  test.each([
    ['its own, for 224 px', [1, 50, 768], 50],
    ['one for 384 px', [1, 145, 768], 145],
    ['one for a single patch', [1, 2, 768], 2],
    ['none', null, 50],
    // Left to the comparison of all shapes, which says both sides.
    ['one for no square', [1, 60, 768], 50],
    ['one that is none', [], 50],
  ])('%s: %j', (_what, embedding, tokens) => {
    expect(lengthWith(embedding)).toBe(tokens);
  });

  test('a model of another kind stays as it is', () => {
    const model = getModel('resnet18');
    expect(fittedTo(model, { 'encoder.pos_embedding': zeros('f32', [1, 145, 768]) })).toBe(model);
  });
});
