import { describe, expect, test } from 'vitest';
import { logOf, runEvents, scalarsIn } from '../../../../../test/logs.ts';
import { csv, jsonLines, tensorBoard } from './index.ts';

const time = 1_700_000_000_250;
const board = tensorBoard('host', () => time);
const hex = (bytes: Uint8Array | null) => Buffer.from(bytes!).toString('hex');
const text = (bytes: Uint8Array) => Buffer.from(bytes).toString();

describe.each([
  ['metrics.jsonl', jsonLines],
  ['metrics.csv', csv],
  ['TensorBoard', board],
] as const)('%s', (_, format) => {
  const epochs = 3;
  const whole = logOf(format, runEvents(epochs));

  test('cut at any byte, and resumed from any checkpoint before it, it is what it would have been', () => {
    for (let cut = 0; cut <= whole.length; cut += 7) {
      for (let epoch = 0; epoch < epochs; epoch++) {
        for (const step of [0, 1, 4]) {
          const events = runEvents(epochs, { epoch, step });
          // No checkpoint is ahead of its log.
          if (whole.length - logOf(format, events).length + format.header.length > cut) continue;
          const kept = whole.subarray(0, format.lengthUntil(whole.subarray(0, cut), { epoch, step }));
          const again = Buffer.concat([
            ...(kept.length === 0 ? [format.header] : [kept]),
            ...events.map((event) => format.encode(event) ?? new Uint8Array()),
          ]);
          expect(again.equals(whole), `cut at ${cut}, resumed after ${epoch} epochs and ${step} steps`).toBe(true);
        }
      }
    }
  });

  test('of what is damaged or another file, the sound beginning is kept', () => {
    expect(format.lengthUntil(new Uint8Array(0), { epoch: 1, step: 0 })).toBe(0);
    expect(format.lengthUntil(Buffer.from('something else\n'.repeat(5)), { epoch: 1, step: 0 })).toBe(0);
    const all = { epoch: epochs, step: 0 };
    expect(format.lengthUntil(Buffer.concat([whole, Buffer.from('noise\nmore noise, and more\n')]), all)).toBe(
      whole.length,
    );
  });

  test('knows its file', () => {
    expect(format.isLog(format.name)).toBe(true);
    expect(format.isLog('last.safetensors')).toBe(false);
  });
});

test('metrics.jsonl has an object for each epoch', () => {
  const lines = text(logOf(jsonLines, runEvents(2)))
    .trimEnd()
    .split('\n');
  expect(lines.map((line) => JSON.parse(line))).toEqual(
    runEvents(2).flatMap((event) => {
      const { kind, ...metrics } = event;
      return kind === 'evaluation' ? [metrics] : [];
    }),
  );
});

test('metrics.csv has a row of names, and a row for each epoch', () => {
  expect(text(logOf(csv, runEvents(2)))).toBe(
    'epoch,stage,step,learningRate,trainingLoss,trainingAccuracy,validationLoss,validationAccuracy,isBest,seconds\n' +
      '1,all,5,0.001,0.5,0.75,1,0.5,true,2.5\n' +
      '2,all,10,0.001,0.25,0.875,0.5,0.75,true,2.5\n',
  );
});

test('a cell that is more than a word is quoted', () => {
  const evaluation = runEvents(1).at(-1)!;
  if (evaluation.kind !== 'evaluation') throw new Error();
  expect(text(csv.encode({ ...evaluation, stage: 'a "b", c\n' })!)).toMatch(/^1,"a ""b"", c ",5,/);
});

describe('a TensorBoard file', () => {
  test('is the bytes that tensorboard 2.21 writes for the same events', () => {
    expect(hex(board.header)).toBe('1800000000000000a37f4b220900001040fc54d9411a0d627261696e2e4576656e743a32338d2fe9');
    const step = { kind: 'step', epoch: 3, step: 100, steps: 100, loss: 0.75, learningRate: 0.001 } as const;
    expect(hex(board.encode(step))).toBe(
      '36000000000000004f578cef0900001040fc54d94110ac022a280a100a096c6f73732f73746570150000403f' +
        '0a140a0d6c6561726e696e675f72617465156f12833a53cccac7',
    );
  });

  test('has loss and learning rate of every step, loss and accuracy of every epoch', () => {
    const scalars = scalarsIn(logOf(board, runEvents(2)));
    const points = (tag: string) =>
      scalars.filter((scalar) => scalar.tag === tag).map(({ step, value }) => [step, value]);
    expect(points('loss/step').map(([step]) => step)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    expect(points('learning_rate').map(([, value]) => value)).toEqual(Array(10).fill(Math.fround(0.001)));
    expect(points('loss/train')).toEqual([
      [5, 0.5],
      [10, 0.25],
    ]);
    expect(points('loss/validation')).toEqual([
      [5, 1],
      [10, 0.5],
    ]);
    expect(points('accuracy/train')).toEqual([
      [5, 0.75],
      [10, 0.875],
    ]);
    expect(points('accuracy/validation')).toEqual([
      [5, 0.5],
      [10, 0.75],
    ]);
    expect(new Set(scalars.map(({ seconds }) => seconds))).toEqual(new Set([time / 1000]));
  });

  test('is called as TensorBoard looks for it', () => {
    expect(board.name).toBe('events.out.tfevents.1700000000.host');
    expect(tensorBoard('a b/c', () => 0).name).toBe('events.out.tfevents.0.a-b-c');
  });

  test('a length that no file has ends it', () => {
    const content = Buffer.from(logOf(board, runEvents(1)));
    content.writeBigUInt64LE(2n ** 64n - 1n, 0);
    expect(board.lengthUntil(content, { epoch: 1, step: 0 })).toBe(0);
  });
});
