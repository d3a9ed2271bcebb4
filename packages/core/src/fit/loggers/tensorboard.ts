import { BinaryReader, BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import type { TrainEvent } from '../events.ts';
import { maskedCrc32c } from './crc32c.ts';
import type { LogFormat } from './logger.ts';
import { hparamsFile, tensorBoardPrefix } from './names.ts';

/** The scalar that is in every entry about an epoch, and only there; and the one about a step. */
const [epochTag, stepTag] = ['loss/validation', 'loss/step'];

/**
 * A file of events for TensorBoard: TFRecord frames around `Event` messages (tensorboard/compat/proto/event.proto),
 * with a scalar for each number of a step (`loss/step`, `learning_rate`) or epoch (loss and accuracy of training and
 * validation).
 *
 * A run that is resumed writes on in the same file. As it repeats the cut steps to the bit, and so the entries to the
 * byte but for their times, a TensorBoard that was looking on meanwhile finds its place again.
 *
 * @param host a name in the file's name, as is usual
 * @param now milliseconds since 1970
 */
export function tensorBoard(host: string, now: () => number = Date.now): LogFormat {
  const event = (write: (message: BinaryWriter) => void) => eventRecord(now() / 1000, write);
  return {
    name: `${tensorBoardPrefix}${Math.floor(now() / 1000)}.${host.replace(/[^\w.-]+/g, '-')}`,
    isLog: (name) => name.startsWith(tensorBoardPrefix) && name !== hparamsFile,
    header: event(writeVersion),
    encode: (source) => {
      const scalars = scalarsOf(source);
      if (!scalars) return null;
      return event((message) => {
        message.uint32(tag(2, WireType.Varint)).int64(scalars.step);
        message.uint32(tag(5, WireType.LengthDelimited)).bytes(encodeSummary(scalars.values));
      });
    },
    lengthUntil: (content, { epoch, step }) => {
      let [length, epochs, steps] = [0, 0, 0];
      for (const { end, data } of recordsOf(content)) {
        const tags = tagsOf(data);
        if (tags.includes(epochTag)) [epochs, steps] = [epochs + 1, 0];
        else if (tags.includes(stepTag)) steps++;
        if (epochs > epoch || (epochs === epoch && steps > step)) break;
        length = end;
      }
      return length;
    },
  };
}

/** The scalars of an event, at the number of steps since the start of the run. */
function scalarsOf(event: TrainEvent): { step: number; values: Readonly<Record<string, number>> } | null {
  if (event.kind === 'step') {
    const step = (event.epoch - 1) * event.steps + event.step;
    return { step, values: { [stepTag]: event.loss, learning_rate: event.learningRate } };
  }
  if (event.kind !== 'evaluation') return null;
  const { step, loss, accuracy, training } = event;
  const values = {
    'loss/train': training.loss,
    [epochTag]: loss,
    'accuracy/train': training.accuracy,
    'accuracy/validation': accuracy,
  };
  return { step, values };
}

/** An event in its frame, at a time in seconds since 1970. */
export function eventRecord(seconds: number, write: (message: BinaryWriter) => void): Uint8Array {
  return record(encodeEvent(seconds, write));
}

/** The first event of a file. */
export function writeVersion(message: BinaryWriter): void {
  message.uint32(tag(3, WireType.LengthDelimited)).string('brain.Event:2');
}

/** `Event { double wall_time = 1; int64 step = 2; oneof { string file_version = 3; Summary summary = 5; } }` */
function encodeEvent(seconds: number, write: (message: BinaryWriter) => void): Uint8Array {
  const message = new BinaryWriter();
  message.uint32(tag(1, WireType.Bit64)).double(seconds);
  write(message);
  return message.finish();
}

/** `Summary { repeated Value value = 1; }`, `Value { string tag = 1; float simple_value = 2; }` */
function encodeSummary(values: Readonly<Record<string, number>>): Uint8Array {
  const summary = new BinaryWriter();
  for (const [name, value] of Object.entries(values)) {
    summary.uint32(tag(1, WireType.LengthDelimited)).fork();
    summary.uint32(tag(1, WireType.LengthDelimited)).string(name);
    summary.uint32(tag(2, WireType.Bit32)).float(Math.fround(value)); // beyond f32 it is infinite
    summary.join();
  }
  return summary.finish();
}

export function tag(field: number, wire: WireType): number {
  return (field << 3) | wire;
}

/** A frame: length (8 bytes), its checksum (4), the data, its checksum (4), all with the lowest byte first. */
function record(data: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(12 + data.length + 4);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, BigInt(data.length), true);
  view.setUint32(8, maskedCrc32c(bytes.subarray(0, 8)), true);
  bytes.set(data, 12);
  view.setUint32(12 + data.length, maskedCrc32c(data), true);
  return bytes;
}

/** The frames of a file, until its end or the first that is not sound. */
function* recordsOf(content: Uint8Array): Generator<{ end: number; data: Uint8Array }> {
  const view = new DataView(content.buffer, content.byteOffset, content.byteLength);
  let start = 0;
  while (start + 16 <= content.length) {
    const length = Number(view.getBigUint64(start, true));
    const end = start + 12 + length + 4;
    if (end > content.length) return;
    const data = content.subarray(start + 12, start + 12 + length);
    if (view.getUint32(start + 8, true) !== maskedCrc32c(content.subarray(start, start + 8))) return;
    if (view.getUint32(end - 4, true) !== maskedCrc32c(data)) return;
    yield { end, data };
    start = end;
  }
}

/** The names of an event's scalars. */
function tagsOf(event: Uint8Array): string[] {
  const values = messagesIn(event, 5).flatMap((summary) => messagesIn(summary, 1));
  return values.flatMap((value) => messagesIn(value, 1)).map((text) => new TextDecoder().decode(text));
}

/** The contents of a field of a message, where its wire type is that of messages and strings. */
function messagesIn(message: Uint8Array, field: number): Uint8Array[] {
  const reader = new BinaryReader(message);
  const found: Uint8Array[] = [];
  while (reader.pos < reader.len) {
    const [number, wire] = reader.tag();
    if (number === field && wire === WireType.LengthDelimited) found.push(reader.bytes());
    else reader.skip(wire, number);
  }
  return found;
}
