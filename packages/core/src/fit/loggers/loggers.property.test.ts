import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { anyName, mutantOf, seeded } from '../../../../../test/arbitrary.ts';
import { logOf, scalarsIn } from '../../../../../test/logs.ts';
import type { EvaluationEvent, TrainEvent } from '../events.ts';
import { crc32c, maskedCrc32c } from './crc32c.ts';
import { csv, jsonLines, type LogFormat, tensorBoard } from './index.ts';

const formats: readonly LogFormat[] = [jsonLines, csv, tensorBoard('host', () => 1000)];
const number = fc.double({ noNaN: true, noDefaultInfinity: true });
const evaluation = fc.record({ loss: number, accuracy: fc.double({ min: 0, max: 1, noNaN: true }) });

/** Epochs of two steps, in stages of any name. */
const anyEpochs = fc.array(
  fc.record({
    measured: evaluation,
    training: evaluation,
    stage: anyName(),
    learningRate: number,
    isBest: fc.boolean(),
  }),
  { minLength: 1, maxLength: 4 },
);
type Epoch = typeof anyEpochs extends fc.Arbitrary<(infer T)[]> ? T : never;

function eventsOf(epochs: readonly Epoch[]): TrainEvent[] {
  return epochs.flatMap(({ measured, training, stage, learningRate, isBest }, i) => {
    const epoch = i + 1;
    const steps = [1, 2].map(
      (step): TrainEvent => ({ kind: 'step', epoch, step, steps: 2, loss: measured.loss, learningRate }),
    );
    const end: EvaluationEvent = {
      kind: 'evaluation',
      stage,
      epoch,
      step: 2 * epoch,
      ...measured,
      training,
      isBest,
      learningRate,
      seconds: 1,
    };
    return [...steps, end];
  });
}

describe.each(formats.map((format) => [format.name, format] as const))('%s', (_, format) => {
  it('cut at any place, keeps whole entries only, and no more than the checkpoint knows', () => {
    fc.assert(
      fc.property(anyEpochs, fc.nat(), fc.nat(), (epochs, place, last) => {
        const whole = logOf(format, eventsOf(epochs));
        const cut = whole.subarray(0, place % (whole.length + 1));
        const epoch = last % (epochs.length + 1);
        const length = format.lengthUntil(cut, { epoch, step: 0 });
        expect(length).toBeLessThanOrEqual(cut.length);
        // What is kept is what a run of so many epochs writes, as far as it was not cut.
        const expected = logOf(format, eventsOf(epochs.slice(0, epoch)));
        expect(expected.subarray(0, length).equals(cut.subarray(0, length))).toBe(true);
        if (cut.length === whole.length) expect(length).toBe(expected.length);
      }),
      seeded(120),
    );
  });

  it('damaged, keeps a beginning of itself', () => {
    const whole = logOf(
      format,
      eventsOf(
        [0.5, 0.25].map((loss) => ({
          measured: { loss, accuracy: 1 },
          training: { loss, accuracy: 1 },
          stage: 'all',
          learningRate: 1,
          isBest: true,
        })),
      ),
    );
    fc.assert(
      fc.property(mutantOf(whole), (mutant) => {
        const length = format.lengthUntil(mutant, { epoch: 1, step: 1 });
        expect(length >= 0 && length <= mutant.length).toBe(true);
      }),
      seeded(800),
    );
  });
});

it('TensorBoard reads the numbers that were given', () => {
  const board = tensorBoard('host', () => 1000);
  fc.assert(
    fc.property(anyEpochs, (epochs) => {
      const found = scalarsIn(logOf(board, eventsOf(epochs)));
      const losses = found.filter(({ tag }) => tag === 'loss/validation').map(({ value }) => value);
      expect(losses).toEqual(epochs.map(({ measured }) => Math.fround(measured.loss)));
    }),
    seeded(60),
  );
});

describe('CRC-32C', () => {
  /** Bit by bit, as RFC 3720 has it. */
  const slowly = (bytes: Uint8Array) => {
    let crc = 0xffffffff;
    for (const byte of bytes) {
      crc ^= byte;
      for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
    }
    return ~crc >>> 0;
  };

  it('is that of its polynomial, and every flipped bit shows, masked or not', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 64 }), fc.nat(), (bytes, place) => {
        expect(crc32c(bytes)).toBe(slowly(bytes));
        const other = Uint8Array.from(bytes);
        other[place % bytes.length]! ^= 1 << (place % 8);
        expect(crc32c(other)).not.toBe(crc32c(bytes));
        expect(maskedCrc32c(other)).not.toBe(maskedCrc32c(bytes));
      }),
      seeded(400),
    );
  });
});
