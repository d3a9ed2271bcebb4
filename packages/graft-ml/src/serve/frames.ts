import type { Socket } from 'node:net';

/*
 * Messages with large arrays in them over a pipe: the message as JSON, then the arrays as they are. Node's own channel
 * between processes copies each of them several times, which took more of the server's time than HTTP.
 */

type NumberArray = Uint8Array | Float32Array;

/** Stands in the JSON for an array that follows it. */
interface ArrayPlace {
  readonly array: 'u8' | 'f32';
  readonly length: number;
}

const arrayKey = '\u0000array';

/** Sends a message: plain objects and lists, and arrays of numbers anywhere in them. */
export function sendFrame(socket: Socket, message: unknown): void {
  const arrays: NumberArray[] = [];
  const header = Buffer.from(JSON.stringify(withoutArrays(message, arrays)));
  const places = Buffer.from(
    JSON.stringify(
      arrays.map((each): ArrayPlace => ({ array: each instanceof Uint8Array ? 'u8' : 'f32', length: each.length })),
    ),
  );
  const lengths = Buffer.alloc(8);
  lengths.writeUInt32LE(header.length, 0);
  lengths.writeUInt32LE(places.length, 4);
  socket.cork();
  socket.write(Buffer.concat([lengths, header, places]));
  for (const { buffer, byteOffset, byteLength } of arrays) socket.write(new Uint8Array(buffer, byteOffset, byteLength));
  socket.uncork();
}

function withoutArrays(value: unknown, arrays: NumberArray[]): unknown {
  if (value instanceof Uint8Array || value instanceof Float32Array) return { [arrayKey]: arrays.push(value) - 1 };
  if (Array.isArray(value)) return isPlain(value) ? value : value.map((inner) => withoutArrays(inner, arrays));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, withoutArrays(inner, arrays)]));
}

/** Whether a list is one of texts and numbers, which needs no look: names of classes, sizes. */
function isPlain(list: readonly unknown[]): boolean {
  return typeof list[0] !== 'object';
}

function withArrays(value: unknown, arrays: readonly NumberArray[]): unknown {
  if (Array.isArray(value)) return isPlain(value) ? value : value.map((inner) => withArrays(inner, arrays));
  if (typeof value !== 'object' || value === null) return value;
  if (arrayKey in value) return arrays[Number(value[arrayKey])];
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, withArrays(inner, arrays)]));
}

/** Calls `use` with every message that comes. The other end is a process of ours, so that it is taken as it is. */
export function receiveFrames<Message>(socket: Socket, use: (message: Message) => void): void {
  const frames = readFrames<Message>(use);
  let place = frames.next().value;
  let filled = 0;
  socket.on('data', (chunk: Buffer) => {
    for (let at = 0; at < chunk.length; ) {
      const count = chunk.copy(place, filled, at);
      at += count;
      filled += count;
      if (filled < place.length) return;
      place = frames.next().value;
      filled = 0;
    }
  });
}

/** Gives the bytes that are to be filled next, and goes on when they are. None of them is empty. */
function* readFrames<Message>(use: (message: Message) => void): Generator<Uint8Array, never, undefined> {
  while (true) {
    const lengths = Buffer.alloc(8);
    yield lengths;
    const header = Buffer.alloc(lengths.readUInt32LE(0));
    yield header;
    const texts = Buffer.alloc(lengths.readUInt32LE(4));
    yield texts;
    const arrays: NumberArray[] = [];
    for (const { array, length } of JSON.parse(texts.toString()) as readonly ArrayPlace[]) {
      const values = array === 'u8' ? new Uint8Array(length) : new Float32Array(length);
      if (length > 0) yield new Uint8Array(values.buffer);
      arrays.push(values);
    }
    use(withArrays(JSON.parse(header.toString()), arrays) as Message);
  }
}
