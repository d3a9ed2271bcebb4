import { describe, expect, it } from 'vitest';
import { UserError } from '../base/errors.ts';
import { f32 } from '../base/tensor.ts';
import { asMatrix, type NameRule, perChannel, renamed, renameTensors } from './name-rules.ts';

const rules: NameRule[] = [
  { from: /^blocks\.(\d+)\./, to: (_, index) => `features.${Number(index) + 1}.` },
  { from: /\.fc\./, to: '.linear.' },
  { from: /^head\.weight$/, to: 'classifier.weight', reshape: asMatrix },
  { from: /\.gamma$/, to: '.layer_scale', reshape: perChannel },
  { from: /\.mask$/, to: null },
];

describe('renamed', () => {
  it('applies every rule in turn', () => {
    expect(renamed(rules, { name: 'blocks.3.fc.weight', shape: [2] })).toEqual({
      name: 'features.4.linear.weight',
      shape: [2],
    });
    expect(renamed(rules, { name: 'blocks.0.gamma', shape: [5] })).toEqual({
      name: 'features.1.layer_scale',
      shape: [5, 1, 1],
    });
  });

  it('leaves alone what no rule knows, and out what a rule says so of', () => {
    expect(renamed(rules, { name: 'stem.weight', shape: [4, 3, 1, 1] })).toEqual({
      name: 'stem.weight',
      shape: [4, 3, 1, 1],
    });
    expect(renamed(rules, { name: 'blocks.1.mask', shape: [] })).toBeUndefined();
  });
});

describe('renameTensors', () => {
  it('keeps the numbers', () => {
    const weight = f32([2, 3, 1, 1], [1, 2, 3, 4, 5, 6]);
    const result = renameTensors(rules, { 'head.weight': weight, 'blocks.0.mask': f32([1], [1]) });
    expect(Object.keys(result)).toEqual(['classifier.weight']);
    expect(result['classifier.weight']).toEqual(f32([2, 3], [1, 2, 3, 4, 5, 6]));
    expect(result['classifier.weight']!.data).toBe(weight.data);
  });

  it('refuses a file with two tensors for one name', () => {
    const both = { 'features.1.weight': f32([1], [1]), 'blocks.0.weight': f32([1], [2]) };
    expect(() => renameTensors(rules, both)).toThrow(
      new UserError(
        'The names features.1.weight and blocks.0.weight of the file both mean features.1.weight: it holds two networks.',
      ),
    );
  });

  it('is not fooled by names of the object prototype', () => {
    const odd = Object.assign(Object.create(null), { toString: f32([1], [1]), ['__proto__']: f32([1], [2]) });
    expect(Object.keys(renameTensors(rules, odd)).sort()).toEqual(['__proto__', 'toString']);
  });
});
