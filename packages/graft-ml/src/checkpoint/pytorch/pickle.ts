import { expectAcyclic } from './acyclic.ts';
import { decodeText, fail, PickleMachine, type PickleRules } from './pickle-machine.ts';
import { type Dict, isDict, isKind, kindOf, type PickleValue, type Tuple } from './values.ts';

/**
 * The first pickle in `bytes`, of protocol 2 to 5, and its length in bytes.
 *
 * Runs nothing: a global is looked up in `rules`, and what calling it means is Graft's own. Python's pickle module
 * documents the format (Lib/pickletools.py); the opcodes of protocols 0 and 1 that PyTorch never writes are refused, as
 * are extension codes and out-of-band buffers. Time and memory grow with the bytes alone, and the result has no cycles.
 *
 * @throws UserError where the pickle is damaged or asks for something that is not known
 */
export function unpickle(bytes: Uint8Array, rules: PickleRules): { value: PickleValue; length: number } {
  const machine = new PickleMachine(bytes, rules);
  for (;;) {
    machine.spend(1);
    const opcode = machine.byte();
    if (opcode === stop) break;
    const operation = operations.get(opcode);
    if (!operation)
      fail(`opcode 0x${opcode.toString(16).padStart(2, '0')} at byte ${machine.position - 1} is not known`);
    operation(machine);
  }
  const value = machine.pop();
  expectAcyclic(value);
  return { value, length: machine.position };
}

const stop = 0x2e;
/** The longest integer, in bytes. PyTorch's magic number has ten. */
const longestInteger = 255;

type Operation = (m: PickleMachine) => void;

/** Operations by opcode, as in Python's pickletools. */
const operations: ReadonlyMap<number, Operation> = new Map<number, Operation>([
  [0x80, (m) => expectProtocol(m.byte())], // PROTO
  [0x95, (m) => void m.u64()], // FRAME: a hint for reading ahead

  [0x4e, (m) => m.push(null)], // NONE
  [0x88, (m) => m.push(true)], // NEWTRUE
  [0x89, (m) => m.push(false)], // NEWFALSE
  [0x4b, (m) => m.push(m.byte())], // BININT1
  [0x4d, (m) => m.push(m.u16())], // BININT2
  [0x4a, (m) => m.push(m.i32())], // BININT
  [0x8a, (m) => m.push(integer(m.take(m.byte())))], // LONG1
  [0x8b, (m) => m.push(integer(m.take(m.u32())))], // LONG4
  [0x47, (m) => m.push(m.f64())], // BINFLOAT

  [0x8c, (m) => m.push(m.text(m.byte()))], // SHORT_BINUNICODE
  [0x58, (m) => m.push(m.text(m.u32()))], // BINUNICODE
  [0x8d, (m) => m.push(m.text(m.u64()))], // BINUNICODE8
  [0x55, (m) => m.push(textOrBytes(m.take(m.byte())))], // SHORT_BINSTRING
  [0x54, (m) => m.push(textOrBytes(m.take(m.u32())))], // BINSTRING
  [0x43, (m) => m.push(m.take(m.byte()))], // SHORT_BINBYTES
  [0x42, (m) => m.push(m.take(m.u32()))], // BINBYTES
  [0x8e, (m) => m.push(m.take(m.u64()))], // BINBYTES8
  [0x96, (m) => m.push(m.take(m.u64()))], // BYTEARRAY8

  [0x28, (m) => m.mark()], // MARK
  [0x30, (m) => void m.pop()], // POP
  [0x31, (m) => void m.popToMark()], // POP_MARK
  [0x32, (m) => m.push(m.top())], // DUP
  [0x71, (m) => m.remember(m.byte())], // BINPUT
  [0x72, (m) => m.remember(m.u32())], // LONG_BINPUT
  [0x94, (m) => m.remember()], // MEMOIZE
  [0x68, (m) => m.recall(m.byte())], // BINGET
  [0x6a, (m) => m.recall(m.u32())], // LONG_BINGET

  [0x29, (m) => m.push(emptyTuple)], // EMPTY_TUPLE
  [0x85, (m) => m.pushContainer(tupleOf(1, m))], // TUPLE1
  [0x86, (m) => m.pushContainer(tupleOf(2, m))], // TUPLE2
  [0x87, (m) => m.pushContainer(tupleOf(3, m))], // TUPLE3
  [0x74, (m) => m.pushContainer({ kind: 'tuple', items: m.popToMark() })], // TUPLE
  [0x5d, (m) => m.pushContainer([])], // EMPTY_LIST
  [0x6c, (m) => m.pushContainer(m.popToMark())], // LIST
  [0x61, (m) => append([m.pop()], m)], // APPEND
  [0x65, (m) => append(m.popToMark(), m)], // APPENDS
  [0x7d, (m) => m.pushContainer(new Map())], // EMPTY_DICT
  [0x64, (m) => m.pushContainer(setItems(new Map(), m.popToMark()))], // DICT
  [0x73, setItem], // SETITEM
  [0x75, (m) => addToDict(m.popToMark(), m)], // SETITEMS
  [0x8f, (m) => m.pushContainer({ kind: 'set', items: [] })], // EMPTY_SET
  [0x90, (m) => addToSet(m.popToMark(), m)], // ADDITEMS
  [0x91, (m) => m.pushContainer({ kind: 'set', items: m.popToMark() })], // FROZENSET

  [0x63, (m) => m.global(m.name(), m.name())], // GLOBAL
  [0x93, stackGlobal], // STACK_GLOBAL
  [0x52, (m) => m.call(m.pop())], // REDUCE
  [0x81, (m) => m.call(m.pop())], // NEWOBJ
  [0x92, newObjectWithKeywords], // NEWOBJ_EX
  [0x62, build], // BUILD
  [0x51, (m) => m.push(m.rules.load(m.pop()))], // BINPERSID
]);

const emptyTuple: Tuple = { kind: 'tuple', items: [] };

function expectProtocol(protocol: number): void {
  if (protocol < 2 || protocol > 5) fail(`its protocol is ${protocol}, expected 2 to 5`);
}

/** Little-endian two's complement of any length; a number where that holds it exactly. */
function integer(bytes: Uint8Array): number | bigint {
  if (bytes.length > longestInteger) fail(`an integer has ${bytes.length} bytes`);
  let value = 0n;
  for (const byte of bytes.toReversed()) value = (value << 8n) | BigInt(byte);
  value = BigInt.asIntN(8 * bytes.length, value);
  return Number.isSafeInteger(Number(value)) ? Number(value) : value;
}

/** Python 2's strings are texts or bytes, and do not say which. */
function textOrBytes(bytes: Uint8Array): string | Uint8Array {
  return decodeText(bytes) ?? bytes;
}

function tupleOf(length: number, m: PickleMachine): Tuple {
  const items = Array.from({ length }, () => m.pop());
  return { kind: 'tuple', items: items.reverse() };
}

function append(items: readonly PickleValue[], m: PickleMachine): void {
  const list = m.top();
  if (!Array.isArray(list)) fail(`it appends to ${kindOf(list)}`);
  for (const item of items) list.push(item);
}

function setItem(m: PickleMachine): void {
  const value = m.pop();
  addToDict([m.pop(), value], m);
}

function addToDict(items: readonly PickleValue[], m: PickleMachine): void {
  const dict = m.top();
  if (!isDict(dict)) fail(`it sets an item of ${kindOf(dict)}`);
  setItems(dict, items);
}

function setItems(dict: Dict, items: readonly PickleValue[]): Dict {
  if (items.length % 2 !== 0) fail('a dict has a key without a value');
  for (let i = 0; i < items.length; i += 2) dict.set(items[i]!, items[i + 1]!);
  return dict;
}

function addToSet(items: readonly PickleValue[], m: PickleMachine): void {
  const set = m.top();
  if (!isKind(set, 'set')) fail(`it adds to ${kindOf(set)}`);
  for (const item of items) set.items.push(item);
}

function stackGlobal(m: PickleMachine): void {
  const name = m.pop();
  m.global(m.pop(), name);
}

function newObjectWithKeywords(m: PickleMachine): void {
  const keywords = m.pop();
  if (!isDict(keywords) || keywords.size > 0) fail('it makes an object with keyword arguments');
  m.call(m.pop());
}

/**
 * Attributes of an OrderedDict (PyTorch keeps the versions of modules there) and of what is passed over are left out.
 */
function build(m: PickleMachine): void {
  m.pop();
  const target = m.top();
  if (!isDict(target) && !isKind(target, 'inert')) fail(`it sets attributes of ${kindOf(target)}`);
}
