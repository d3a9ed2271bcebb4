import type { TrainEvent } from '@graft-ml/core/internal/fit/events';
import { maskedCrc32c } from '@graft-ml/core/internal/fit/loggers/crc32c';
import type { LogFormat, LoggedProgress } from '@graft-ml/core/internal/fit/loggers/index';
import { PartBudget, readMessage } from '@graft-ml/core/internal/graph/protobuf';

const steps = 5;

/** The events of a run with 5 steps an epoch, whose losses halve; what is left of it after `from`. */
export function runEvents(epochs: number, from: LoggedProgress = { epoch: 0, step: 0 }): TrainEvent[] {
  const events: TrainEvent[] = [
    { kind: 'start', epochs, stepsPerEpoch: steps, resumedAt: from.epoch * steps + from.step },
  ];
  for (let epoch = from.epoch + 1; epoch <= epochs; epoch++) {
    const learningRate = 0.001;
    for (let step = epoch === from.epoch + 1 ? from.step + 1 : 1; step <= steps; step++) {
      events.push({ kind: 'step', epoch, step, steps, loss: 1 / step, learningRate });
    }
    const loss = 2 ** (1 - epoch);
    const training = { loss: loss / 2, accuracy: 1 - loss / 4 };
    const validation = { loss, accuracy: 1 - loss / 2 };
    const rest = { training, isBest: true, learningRate, seconds: 2.5 };
    events.push({ kind: 'evaluation', stage: 'all', epoch, step: epoch * steps, ...validation, ...rest });
  }
  return events;
}

/** A log of the events from its beginning. */
export function logOf(format: LogFormat, events: readonly TrainEvent[]): Buffer {
  return Buffer.concat([format.header, ...events.map((event) => format.encode(event) ?? new Uint8Array())]);
}

export interface Scalar {
  readonly seconds: number;
  readonly step: number;
  readonly tag: string;
  readonly value: number;
}

/** The scalars of a TensorBoard file. Throws where a frame is not sound. */
export function scalarsIn(content: Buffer): Scalar[] {
  const scalars: Scalar[] = [];
  for (let at = 0; at < content.length; ) {
    const length = Number(content.readBigUInt64LE(at));
    const data = content.subarray(at + 12, at + 12 + length);
    if (content.readUInt32LE(at + 8) !== maskedCrc32c(content.subarray(at, at + 8))) throw new Error('length');
    if (content.readUInt32LE(at + 12 + length) !== maskedCrc32c(data)) throw new Error('data');
    at += length + 16;
    scalars.push(...scalarsOf(data));
  }
  return scalars;
}

function scalarsOf(event: Uint8Array): Scalar[] {
  let [seconds, step] = [0, 0];
  const values: { tag: string; value: number }[] = [];
  readMessage(event, new PartBudget(), {
    1: (field) => (seconds = field.doubles(() => {})[0]!),
    2: (field) => (step = field.integer()),
    5: (field) =>
      field.message({
        1: (value) => {
          const scalar = { tag: '', value: Number.NaN };
          value.message({ 1: (tag) => (scalar.tag = tag.text()), 2: (number) => (scalar.value = number.float()) });
          values.push(scalar);
        },
      }),
  });
  return values.map((value) => ({ seconds, step, ...value }));
}
