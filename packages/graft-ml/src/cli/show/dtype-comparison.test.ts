import { describe, expect, test } from 'vitest';
import { dtypeLines, quantisationLines, weightBitsLine } from './dtype-comparison.ts';

const fp32 = {
  dtype: 'fp32',
  bytes: 2 ** 21,
  correct: 96,
  accuracy: 0.8,
  interval: [0.72, 0.862],
  agreement: 1,
  milliseconds: 2.716,
} as const;

test('a table of dtypes says which images it is of', () => {
  const int8 = {
    ...fp32,
    dtype: 'int8',
    bytes: 2 ** 19,
    correct: 95,
    accuracy: 95 / 120,
    agreement: 119 / 120,
  } as const;
  const comparison = { images: 120, part: 'test', rows: [fp32, { ...int8, milliseconds: 1.5 }] } as const;
  expect(dtypeLines(comparison).join('\n')).toBe(`
On 120 test images, which the run never looked at:
dtype  accuracy  95 % interval  as fp32   MiB  ms an image
─────  ────────  ─────────────  ───────  ────  ───────────
fp32     80.0 %  72.0 to 86.2   100.0 %  2.00         2.72
int8     79.2 %  72.0 to 86.2    99.2 %  0.50         1.50`);
  const [, ofOne] = dtypeLines({ images: 1, part: 'validation', rows: [fp32] });
  expect(ofOne).toBe('On 1 validation image, by which the run chose its best epoch:');
});

test.each([
  ['auto', 'flags\t\t: avx2 avx512f', /^$/],
  [7, 'flags\t\t: avx2 avx512f', /^$/],
  [8, 'flags : sse avx_vnni', 'for processors with VNNI, as this one'],
  [8, 'processor: 0\nflags\t: avx2\nbugs\t: none', 'no VNNI: sums are clipped here'],
  [8, 'Features\t: fp asimd', /^$/],
  [7, '', /^$/],
] as const)('of weights of %s bits on "%s" it says "%s"', (bits, cpuinfo, expected) => {
  expect(weightBitsLine(bits, cpuinfo)).toMatch(expected);
});

describe('which layers stay in f32', () => {
  const facts = { weightBits: 'auto', calibration: { images: 100, method: 'mse' } } as const;
  const layers = ['conv1', 'conv2', 'fc'];

  test('none, with what became of held-out images', () => {
    const heldOut = { part: 'validation', images: 96, tries: [{ kept: 0, changed: 1, lost: 1 }] } as const;
    expect(quantisationLines({ ...facts, layers, kept: [], errors: null, heldOut })).toEqual([
      'All 3 layers with weights are in int8. 1 of 96 held-out validation images gets another class than in fp32.',
    ]);
  });

  test('some, with how sensitive they are', () => {
    const tries = [
      { kept: 0, changed: 6, lost: 5 },
      { kept: 1, changed: 2, lost: 1 },
    ];
    const errors = [
      { name: 'conv2', error: 0.047 },
      { name: 'fc', error: 0.01 },
    ];
    const heldOut = { part: 'training', images: 40, tries } as const;
    expect(quantisationLines({ ...facts, layers, kept: ['conv2'], errors, heldOut })).toEqual([
      '1 of 3 layers stays in f32: conv2 (4.7 %). 2 of 40 held-out training images get another class than in fp32.',
      'In brackets: how far quantising that layer alone moves the logits of training images.',
    ]);
  });

  test('those that were named', () => {
    expect(quantisationLines({ ...facts, layers, kept: ['conv1', 'fc'], errors: null, heldOut: null })).toEqual([
      '2 of 3 layers stay in f32: conv1, fc.',
    ]);
  });
});
