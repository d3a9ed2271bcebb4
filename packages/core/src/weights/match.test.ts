import { describe, expect, it } from 'vitest';
import { UserError } from '../base/errors.ts';
import { f32, i64, type Tensors, tensor } from '../base/tensor.ts';
import { type ExpectedTensor, matchWeights } from './match.ts';

const file: Tensors = {
  'conv1.weight': f32([2, 1], [1, 2]),
  'bn1.num_batches_tracked': i64([], [3]),
  'fc.weight': f32([3, 2], [1, 2, 3, 4, 5, 6]),
  'fc.bias': f32([3], [1, 2, 3]),
};
const model: ExpectedTensor[] = Object.entries(file).map(([name, { shape, dtype }]) => ({ name, shape, dtype }));
const without = (names: RegExp) => model.filter(({ name }) => !names.test(name));
const withShape = (changed: string, shape: number[]) =>
  model.map((entry) => (entry.name === changed ? { ...entry, shape } : entry));

function messageOf(expected: readonly ExpectedTensor[], tensors: Tensors, skip?: RegExp): string {
  try {
    matchWeights(expected, tensors, { skip, source: 'net.safetensors' });
  } catch (error) {
    expect(error).toBeInstanceOf(UserError);
    return (error as UserError).message;
  }
  throw new Error('nothing was thrown');
}

describe('matchWeights', () => {
  it('returns the tensors themselves', () => {
    const matched = matchWeights(model, file, { source: 'net.safetensors' });
    expect(Object.keys(matched).sort()).toEqual(Object.keys(file).sort());
    expect(matched['fc.bias']).toBe(file['fc.bias']);
  });

  it('shows both sides of a shape, and the way out', () => {
    expect(messageOf(withShape('fc.weight', [10, 2]), file)).toBe(
      [
        '1 of 4 parameters does not match net.safetensors.',
        '  - fc.weight f32[10,2] (model)',
        '  + fc.weight f32[3,2] (file)',
        "To keep the model's own, pass skip: /^fc\\./.",
      ].join('\n'),
    );
  });

  it('shows what is missing and what is unexpected', () => {
    const expected = [...without(/^fc\.bias/), { name: 'fc.scale', shape: [3], dtype: 'f32' as const }];
    expect(messageOf(expected, file)).toBe(
      [
        '2 of 5 parameters do not match net.safetensors.',
        '  - fc.scale f32[3] (model), not in the file',
        '  + fc.bias f32[3] (file), not in the model',
        "To keep the model's own, pass skip: /^fc\\./.",
      ].join('\n'),
    );
    expect(messageOf(without(/^fc/), file)).toContain('To leave these out, pass skip: /^fc\\./.');
  });

  it('compares dtypes', () => {
    const integers = { ...file, 'fc.bias': i64([3], [1, 2, 3]) };
    expect(messageOf(model, integers)).toContain('- fc.bias f32[3] (model)\n  + fc.bias i64[3] (file)');
  });

  it('rounds f64 where the model computes in f32, and nothing else', () => {
    const doubles = { ...file, 'fc.bias': tensor('f64', [3], Float64Array.of(1, Math.PI, 1e300)) };
    expect(matchWeights(model, doubles, { source: 'x' })['fc.bias']).toEqual(f32([3], [1, Math.PI, Infinity]));
    const wanted = model.map((entry) => (entry.name === 'fc.bias' ? { ...entry, dtype: 'f64' as const } : entry));
    expect(matchWeights(wanted, doubles, { source: 'x' })['fc.bias']).toBe(doubles['fc.bias']);
    expect(messageOf(wanted, file)).toContain('- fc.bias f64[3] (model)\n  + fc.bias f32[3] (file)');
    expect(messageOf(withShape('fc.bias', [2]), doubles)).toContain('+ fc.bias f64[3] (file)');
  });

  it('does what its own advice says', () => {
    const advised = /skip: \/(.*)\/\.$/.exec(messageOf(withShape('fc.weight', [10, 2]), file))![1]!;
    const matched = matchWeights(withShape('fc.weight', [10, 2]), file, { skip: new RegExp(advised), source: 'x' });
    expect(Object.keys(matched).sort()).toEqual(['bn1.num_batches_tracked', 'conv1.weight']);
  });

  it('skips on both sides, also with a global pattern', () => {
    const matched = matchWeights(without(/^fc\.bias/), file, { skip: /^fc\./g, source: 'x' });
    expect(Object.keys(matched).sort()).toEqual(['bn1.num_batches_tracked', 'conv1.weight']);
  });

  it('tolerates batch counters that only one side has, and nothing else', () => {
    const { 'bn1.num_batches_tracked': _, ...fewer } = file;
    expect(Object.keys(matchWeights(model, fewer, { source: 'x' }))).not.toContain('bn1.num_batches_tracked');
    expect(Object.keys(matchWeights(without(/tracked/), file, { source: 'x' }))).not.toContain(
      'bn1.num_batches_tracked',
    );
    expect(messageOf(withShape('bn1.num_batches_tracked', [2]), file)).toContain('i64[2] (model)');
  });

  it('does without the buffers of Swin that follow from its window', () => {
    const index: ExpectedTensor = { name: 'attn.relative_position_index', shape: [16], dtype: 'i64' };
    expect(Object.keys(matchWeights([...model, index], file, { source: 'x' }))).not.toContain(index.name);
  });

  it('shows twelve names and counts the rest', () => {
    const layers = Array.from({ length: 20 }, (_, i) => ({ name: `body.${i}.w`, shape: [1], dtype: 'f32' as const }));
    const lines = messageOf([...model, ...layers], file).split('\n');
    expect(lines[0]).toBe('20 of 24 parameters do not match net.safetensors.');
    expect(lines.slice(12)).toEqual([
      '  - body.11.w f32[1] (model), not in the file',
      '  and 8 more',
      "To keep the model's own, pass skip: /^body\\./.",
    ]);
  });

  it('gives no advice that would load nothing', () => {
    const other = { 'body.w': f32([1], [1]), 'head.w': f32([1], [1]) };
    expect(messageOf(model, other)).toMatch(
      /The file seems to belong to another model\. `listModels\(\)` .* export an ONNX file/,
    );
    expect(messageOf([{ name: 'w', shape: [2], dtype: 'f32' }], { w: f32([1], [1]) })).toMatch(
      /another model\. `listModels\(\)` .* export an ONNX file/,
    );
  });

  it('is not fooled by names of the object prototype', () => {
    const named: ExpectedTensor[] = ['toString', '__proto__'].map((name) => ({ name, shape: [1], dtype: 'f32' }));
    expect(messageOf([...model, ...named], file)).toContain('- toString f32[1] (model), not in the file');
  });
});

it('advises what the caller can do, where that is not skip', () => {
  const advice = 'Name the model that it was made for.';
  const mismatch = () => matchWeights(withShape('fc.weight', [10, 2]), file, { source: 'x', advice });
  expect(mismatch).toThrow(/fc\.weight f32\[3,2\] \(file\)\nName the model that it was made for\.$/);
});
