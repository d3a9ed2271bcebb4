import type { Profile } from '@graft-ml/core/fit';
import { expect, test } from 'vitest';
import { profileResult } from './profile.ts';

const conv = { operator: 'Conv', calls: 2, milliseconds: 60 };
const profile: Profile = {
  version: 1,
  machine: 'cpu · a processor · 2 threads',
  stages: [
    {
      name: 'full',
      epoch: 1,
      step: 3,
      steps: 10,
      preparation: 2000,
      milliseconds: { mean: 200, median: 199, smallest: 190, largest: 1230 },
      parts: { batch: 40, kernels: 140, runtime: 2, transfer: 8, threads: 0, host: 4, outside: 6 },
      images: { views: 16, milliseconds: 90, threads: 2 },
      processor: 380,
      memory: 2 ** 30,
      kernels: 140,
      flops: 14e9,
      sessions: 1,
      rows: [
        {
          layer: 'conv1',
          pass: 'forward',
          primitive: 'Conv2d',
          calls: 2,
          milliseconds: 60,
          flops: 6e9,
          kernels: [conv],
        },
        {
          layer: 'conv1',
          pass: 'backward',
          primitive: 'Conv2dWeightGrad',
          calls: 9,
          milliseconds: 70,
          flops: 8e9,
          kernels: [
            { operator: 'FusedMatMul', calls: 1, milliseconds: 50 },
            { operator: 'Slice', calls: 8, milliseconds: 20 },
          ],
        },
        { layer: 'fc', pass: 'optimizer', primitive: 'Sub', calls: 1, milliseconds: 10, flops: 0, kernels: [] },
      ],
    },
  ],
};
const text = (width: number, rows = 2) => profileResult(profile, { rows, width }).lines.join('\n');

test('a wide terminal has the passes and the operators', () => {
  expect(text(110)).toBe(`measured on cpu · a processor · 2 threads

stage full, 10 steps from step 3 of epoch 1 on
  200 ms a step (190 to 1,230, median 199)
  waiting for the batch     40.0 ms   20.0 %
  kernels                    140 ms   70.0 %  100 GFLOP/s
  between kernels           2.00 ms    1.0 %
  into and out of ORT       8.00 ms    4.0 %
  JavaScript in the step    4.00 ms    2.0 %
  between steps             6.00 ms    3.0 %
  16 images decoded in 2 threads beside it, 90.0 ms · processor 380 ms a step · memory at most 1.00 GiB
  prepared in 0:02

  ms   share  forward  backward  update  GFLOP/s  primitive
────  ──────  ───────  ────────  ──────  ───────  ───────────────────────────────────────────────
70.0  50.0 %               70.0              114  Conv2dWeightGrad (FusedMatMul 50.0, Slice 20.0)
60.0  42.9 %     60.0                        100  Conv2d (Conv 60.0)
10.0   7.1 %                                      1 more

  ms   share  forward  backward  update  GFLOP/s  layer
────  ──────  ───────  ────────  ──────  ───────  ───────────────────────────────────────────────
 130  92.9 %     60.0      70.0              108  conv1 (Conv 60.0, FusedMatMul 50.0, Slice 20.0)
10.0   7.1 %                       10.0           fc`);
});

test.each([50, 60, 80])('a terminal of %i characters has nothing wider', (width) => {
  expect(
    Math.max(
      ...text(width)
        .split('\n')
        .map((line) => line.length),
    ),
  ).toBeLessThanOrEqual(width);
  expect(text(width)).toContain('Conv2dWeightGrad');
  expect(text(width).includes('backward')).toBe(width >= 72);
});

test('as JSON it is the profile', () => {
  expect(profileResult(profile, { rows: 1, width: 80 }).json).toBe(profile);
});
