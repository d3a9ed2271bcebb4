import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';
import { UserError } from '../base/errors.ts';

/** One function per field number reads a message; fields without one are skipped. */
export type FieldReaders = Readonly<Record<number, (field: Field) => void>>;

/**
 * A limit on the parts of a file that take more memory decoded than encoded; charged before they are decoded. A part
 * (node, name, integer of an attribute) of two bytes becomes an object of a hundred, so without a limit a small file
 * could fill the memory; the largest classifiers have some ten thousand. A tensor's integer that is one byte in the
 * file becomes eight: shapes and index tables have some thousands.
 */
export class PartBudget {
  #parts: number;
  #integers: number;

  constructor(parts = 1_000_000, integers = 2 ** 24) {
    this.#parts = parts;
    this.#integers = integers;
  }

  take(parts = 1): void {
    this.#parts -= parts;
    if (this.#parts < 0) throw new UserError('ONNX: the file has more parts than any network. It is damaged.');
  }

  takeIntegers(count: number): void {
    this.#integers -= count;
    if (this.#integers >= 0) return;
    throw new UserError(
      'ONNX: the tensors of the file have more integers, one by one, than any network. It is damaged.',
    );
  }
}

/** A message counts for more than a number: it becomes an object with lists of its own. */
const messageParts = 4;

/**
 * Reads a message field by field. Every length is checked against what is left of this message, nothing is copied.
 * @throws Error where the bytes are no message.
 */
export function readMessage(bytes: Uint8Array, budget: PartBudget, readers: FieldReaders): void {
  budget.take(messageParts);
  const reader = new BinaryReader(bytes);
  while (reader.pos < reader.len) {
    const [number, wire] = reader.tag();
    const read = readers[number];
    if (read) read(new Field(reader, wire, budget));
    else reader.skip(wire, number, 8);
  }
}

/** Called with the number of elements of a list before it is read. @throws UserError where there are too many */
export type Charge = (count: number) => void;

/** The value of one field. Ask for it once, in the form that the field has. */
export class Field {
  readonly budget: PartBudget;
  readonly #reader: BinaryReader;
  readonly #wire: WireType;

  constructor(reader: BinaryReader, wire: WireType, budget: PartBudget) {
    budget.take();
    this.#reader = reader;
    this.#wire = wire;
    this.budget = budget;
  }

  bytes(): Uint8Array {
    this.#expect(WireType.LengthDelimited);
    return this.#reader.bytes();
  }

  text(): string {
    this.#expect(WireType.LengthDelimited);
    return this.#reader.string();
  }

  message(readers: FieldReaders): void {
    readMessage(this.bytes(), this.budget, readers);
  }

  /** A 64-bit integer, rounded where it is beyond 2⁵³. */
  integer(): number {
    this.#expect(WireType.Varint);
    return Number(this.#reader.int64());
  }

  float(): number {
    this.#expect(WireType.Bit32);
    return this.#reader.float();
  }

  /**
   * The integers of a repeated field: all of them where it is packed, else one. `charge` is told how many before they
   * are read.
   */
  integers(charge: Charge): number[] {
    return Array.from(this.bigIntegers(charge), Number);
  }

  /** Like `integers`, exact to the last bit. */
  bigIntegers(charge: Charge): BigInt64Array {
    if (this.#wire === WireType.Varint) {
      charge(1);
      return BigInt64Array.of(BigInt(this.#reader.int64()));
    }
    const packed = this.bytes();
    const count = countVarints(packed);
    charge(count);
    return readVarints(packed, count);
  }

  /** Like `integers`, for 4-byte floats. */
  floats(charge: Charge): Float32Array {
    if (this.#wire !== WireType.Bit32) return new Float32Array(this.#packed(4, charge));
    charge(1);
    return Float32Array.of(this.#reader.float());
  }

  /** Like `integers`, for 8-byte floats. */
  doubles(charge: Charge): Float64Array {
    if (this.#wire !== WireType.Bit64) return new Float64Array(this.#packed(8, charge));
    charge(1);
    return Float64Array.of(this.#reader.double());
  }

  #packed(width: number, charge: Charge): ArrayBuffer {
    const packed = this.bytes();
    if (packed.length % width !== 0) throw new Error(`a list of ${width}-byte numbers has ${packed.length} bytes`);
    charge(packed.length / width);
    return new Uint8Array(packed).buffer;
  }

  #expect(wire: WireType): void {
    if (this.#wire !== wire) throw new Error(`a field has wire type ${this.#wire}, expected ${wire}`);
  }
}

/** Each varint ends with the one byte whose upper bit is clear. */
function countVarints(packed: Uint8Array): number {
  if (packed.length > 0 && packed.at(-1)! >= 0x80) throw new Error('the last number of a list is cut short');
  let count = 0;
  for (const byte of packed) if (byte < 0x80) count++;
  return count;
}

/**
 * Seven bits a byte, the lowest first. Written as pairs of 32-bit words, because BigInts one by one take twenty times
 * as long.
 */
function readVarints(packed: Uint8Array, count: number): BigInt64Array {
  const values = new BigInt64Array(count);
  const words = new Int32Array(values.buffer);
  let at = 0;
  for (let i = 0; i < count; i++) {
    let low = 0;
    let high = 0;
    let shift = 0;
    for (let byte = 0x80; byte >= 0x80; shift += 7) {
      byte = packed[at++]!;
      const bits = byte & 0x7f;
      if (shift > 63) throw new Error('an integer has more than ten bytes');
      if (shift < 32) low |= bits << shift;
      if (shift === 28) high |= bits >> 4;
      if (shift >= 32) high |= bits << (shift - 32);
    }
    words[2 * i] = low;
    words[2 * i + 1] = high;
  }
  return values;
}
