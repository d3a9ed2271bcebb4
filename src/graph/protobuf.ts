import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';
import { UserError } from '../base/errors.ts';

/** What a message holds is read by one function per field number; fields without one are skipped. */
export type FieldReaders = Readonly<Record<number, (field: Field) => void>>;

/**
 * How many parts (nodes, names, integers of attributes) a whole file may have. A part of two bytes becomes an object of a
 * hundred, so without a limit a small file could fill the memory. The largest classifiers have some ten thousand.
 */
export class PartBudget {
  #left: number;

  constructor(parts = 1_000_000) {
    this.#left = parts;
  }

  take(parts = 1): void {
    this.#left -= parts;
    if (this.#left < 0) throw new UserError('ONNX: the file has more parts than any network. It is damaged.');
  }
}

/** A message weighs more than a number: it becomes an object with lists of its own. */
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

  /** The integers of a repeated field: all of them where it is packed, else one. */
  integers(): number[] {
    if (this.#wire === WireType.Varint) return [this.integer()];
    return Array.from(this.bigIntegers(), Number);
  }

  /** As `integers`, to the last bit. */
  bigIntegers(): BigInt64Array {
    if (this.#wire === WireType.Varint) return BigInt64Array.of(BigInt(this.#reader.int64()));
    const packed = this.bytes();
    const values = new BigInt64Array(countVarints(packed));
    const reader = new BinaryReader(packed);
    for (let i = 0; i < values.length; i++) values[i] = BigInt(reader.int64());
    return values;
  }

  /** As `integers`, of 4-byte floats. */
  floats(): Float32Array {
    if (this.#wire === WireType.Bit32) return Float32Array.of(this.#reader.float());
    return new Float32Array(this.#packed(4));
  }

  /** As `integers`, of 8-byte floats. */
  doubles(): Float64Array {
    if (this.#wire === WireType.Bit64) return Float64Array.of(this.#reader.double());
    return new Float64Array(this.#packed(8));
  }

  #packed(width: number): ArrayBuffer {
    const packed = this.bytes();
    if (packed.length % width !== 0) throw new Error(`a list of ${width}-byte numbers has ${packed.length} bytes`);
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
