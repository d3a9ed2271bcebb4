import { expect, test } from 'vitest';
import { dtypeLines, weightBitsLine } from './dtype-comparison.ts';

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
  [7, 'flags\t\t: avx2 avx512_vnni', 'This one has VNNI'],
  [7, 'flags\t\t: avx2 avx512f', /^$/],
  [8, 'flags : sse avx_vnni', 'for processors with VNNI, as this one'],
  [8, 'processor: 0\nflags\t: avx2\nbugs\t: none', 'no VNNI: sums are clipped here'],
  [8, 'Features\t: fp asimd', /^$/],
  [7, '', /^$/],
])('of weights of %i bits on "%s" it says "%s"', (bits, cpuinfo, expected) => {
  expect(weightBitsLine(bits, cpuinfo)).toMatch(expected);
});
