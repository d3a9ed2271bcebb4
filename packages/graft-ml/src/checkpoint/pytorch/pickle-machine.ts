import { UserError } from '@graft-ml/core/internal/base/errors';
import { isKind, isTuple, kindOf, type PickleValue } from './values.ts';

/** The two ways by which a pickle reaches out of itself: globals and persistent ids. */
export interface PickleRules {
  /**
   * The value of the global `name` (`module.class`). `outermost`: it is what the whole pickle is. @throws UserError for
   * an unknown one
   */
  readonly find: (name: string, outermost: boolean) => PickleValue;
  /** The object outside of the pickle that `id` stands for. */
  readonly load: (id: PickleValue) => PickleValue;
}

/**
 * The most work that one pickle may ask for, in units: an opcode is one, and what takes longer to make or up to 200
 * bytes to hold is several. A checkpoint with 3,000 parameters and the state of Adam takes about 500,000.
 */
const mostUnits = 4_000_000;
const containerUnits = 8;
const textUnits = 4;
const longestName = 500;

const newline = 0x0a;

/** The stack machine that a pickle is a program of. */
export class PickleMachine {
  position = 0;
  readonly rules: PickleRules;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #stack: PickleValue[] = [];
  /** Heights of the stack at each open MARK. */
  readonly #marks: number[] = [];
  readonly #memo = new Map<number, PickleValue>();
  #left = mostUnits;

  constructor(bytes: Uint8Array, rules: PickleRules) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    this.rules = rules;
  }

  readonly spend = (units: number): void => {
    this.#left -= units;
    if (this.#left < 0) fail(`it takes more than ${mostUnits} steps, far more than any checkpoint`);
  };

  byte(): number {
    return this.#bytes[this.#advance(1)]!;
  }

  u16(): number {
    return this.#view.getUint16(this.#advance(2), true);
  }

  u32(): number {
    return this.#view.getUint32(this.#advance(4), true);
  }

  i32(): number {
    return this.#view.getInt32(this.#advance(4), true);
  }

  u64(): number {
    return Number(this.#view.getBigUint64(this.#advance(8), true));
  }

  f64(): number {
    return this.#view.getFloat64(this.#advance(8), false);
  }

  take(length: number): Uint8Array {
    const start = this.#advance(length);
    return this.#bytes.subarray(start, start + length);
  }

  text(length: number): string {
    this.spend(textUnits);
    return decodeText(this.take(length)) ?? fail('a text is not UTF-8');
  }

  /** The text up to the end of the line. */
  name(): string {
    const end = this.#bytes.indexOf(newline, this.position);
    if (end < 0 || end - this.position > longestName) fail('a name does not end');
    const name = this.text(end - this.position);
    this.position++;
    return name;
  }

  #advance(length: number): number {
    const start = this.position;
    if (length > this.#bytes.length - start) fail('it ends too early: the file may be cut short');
    this.position = start + length;
    return start;
  }

  push(value: PickleValue): void {
    this.#stack.push(value);
  }

  pushContainer(value: PickleValue): void {
    this.spend(containerUnits);
    this.#stack.push(value);
  }

  pop(): PickleValue {
    this.#expectValue();
    return this.#stack.pop()!;
  }

  top(): PickleValue {
    this.#expectValue();
    return this.#stack.at(-1)!;
  }

  #expectValue(): void {
    if (this.#stack.length <= (this.#marks.at(-1) ?? 0)) fail('an opcode finds its stack empty');
  }

  mark(): void {
    this.#marks.push(this.#stack.length);
  }

  /** Pops all values pushed since the last mark. */
  popToMark(): PickleValue[] {
    return this.#stack.splice(this.#marks.pop() ?? fail('an opcode finds no mark'));
  }

  remember(index = this.#memo.size): void {
    this.#memo.set(index, this.top());
  }

  recall(index: number): void {
    const value = this.#memo.get(index);
    if (value === undefined) fail(`memo ${index} is empty`);
    this.push(value);
  }

  global(module: PickleValue, name: PickleValue): void {
    if (typeof module !== 'string' || typeof name !== 'string') fail('a global is not named by texts');
    if (module.length + name.length > longestName) fail('the name of a global is too long');
    const outermost = this.#stack.length === 0;
    // Python 2's names: what it wrote, torch.save still writes, because protocol 2 asks for them.
    this.push(this.rules.find(`${module === '__builtin__' ? 'builtins' : module}.${name}`, outermost));
  }

  /** Calls what is on top of the stack, in its place. */
  call(args: PickleValue): void {
    const callable = this.pop();
    if (!isKind(callable, 'callable')) fail(`it calls ${kindOf(callable)}`);
    if (!isTuple(args)) fail(`it calls ${callable.name} with ${kindOf(args)} in place of a tuple`);
    this.pushContainer(callable.call(args.items, this.spend));
  }
}

/** The text, or nothing where it is not UTF-8. */
export function decodeText(bytes: Uint8Array): string | undefined {
  try {
    return utf8.decode(bytes);
  } catch {
    return undefined;
  }
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** @throws UserError, always */
export function fail(problem: string): never {
  throw new UserError(`The pickle is damaged or not of weights: ${problem}.`);
}
