/*
 * Parts of a training step's state that are written where they are read: the new parameters over the old ones, the new
 * momentum over the old. Kernels of the processor read and write the memory that they are given, so this is right as
 * long as nothing reads the old numbers later than the kernel that replaces them. For momentum that is so by itself. A
 * layer's parameters are also read by its input gradient, which may run before or after their update: the update is made
 * to wait for it, by a choice between two equal learning rates that depends on it.
 */

import { i64, sizeOf } from '@graft-ml/core/internal/base/tensor';
import {
  constant,
  constantTensor,
  inputName,
  makeValue,
  reachable,
  typeOf,
  type Value,
} from '@graft-ml/core/internal/graph/index';
import type { Overwriting } from '@graft-ml/core/internal/runtime/backend';
import { gather, greater, reshape, where } from '@graft-ml/core/ops';

/** Numbers from which on a part is overwritten. Twice a smaller one costs less than the nodes that make others wait. */
const large = 2 ** 16;

/** A part of the state that may be overwritten once some values are computed. */
interface Candidate {
  readonly name: string;
  /** Its new value. */
  readonly value: Value;
  /** Readers of the old value that the new one does not depend on. */
  readonly late: readonly Value[];
}

/** What of the outputs is written over the inputs of the same names, and the outputs with which that is right. */
export function overwriting(outputs: Readonly<Record<string, Value>>): Overwriting {
  const arranged = arrange(outputs);
  const ready = candidates(arranged, new Uses(arranged)).filter(({ late }) => late.length === 0);
  return { outputs: arranged, overwritten: new Set(ready.map(({ name }) => name)) };
}

function candidates(outputs: Readonly<Record<string, Value>>, graph: Uses): Candidate[] {
  return Object.entries(outputs).flatMap(([name, value]): Candidate[] => {
    const before = graph.inputs.get(name);
    if (!before || sizeOf(value.shape) < large || typeOf(before) !== typeOf(value)) return [];
    const readers = graph.readersOf(before, value);
    return readers ? [{ name, value, late: graph.notBefore(value, readers) }] : [];
  });
}

/** The same outputs, the new values of which wait for what reads the old ones. */
function arrange(outputs: Readonly<Record<string, Value>>): Readonly<Record<string, Value>> {
  const graph = new Uses(outputs);
  const waiting = candidates(outputs, graph).filter(({ late }) => late.length > 0);
  const later = graph.after(waiting.map(({ value }) => value));
  const replaced = new Map<Value, Value>();
  for (const { value, late } of waiting) {
    if (late.some((reader) => later.has(reader))) continue; // it reads the new value, too
    const others = late.map((reader) => graph.summed(reader, later));
    const now = waitingFor(value, others);
    if (now) replaced.set(value, now);
  }
  return substituted(outputs, graph.order, replaced);
}

/** Which values of a graph use which. */
class Uses {
  /** Each after its inputs. */
  readonly order: readonly Value[];
  readonly inputs: ReadonlyMap<string, Value>;
  readonly #users = new Map<Value, Value[]>();
  readonly #outputs: ReadonlySet<Value>;

  constructor(outputs: Readonly<Record<string, Value>>) {
    this.#outputs = new Set(Object.values(outputs));
    this.order = reachable(this.#outputs);
    this.inputs = new Map(
      this.order.flatMap((value) => {
        const name = inputName(value);
        return name === undefined ? [] : [[name, value]];
      }),
    );
    for (const value of this.order) {
      for (const operand of new Set(value.inputs)) {
        const users = this.#users.get(operand);
        if (users) users.push(value);
        else this.#users.set(operand, [value]);
      }
    }
  }

  #usersOf(value: Value): readonly Value[] {
    return this.#users.get(value) ?? [];
  }

  /**
   * What reads the old value of a part, beside the new one; undefined where the new one cannot be written over it. What
   * depends on the old value alone, such as a transpose of it, is read in its place by whatever ORT merges it into: so its
   * own users count.
   */
  readersOf(before: Value, value: Value): Value[] | undefined {
    if (this.#outputs.has(before)) return undefined; // as it was, under another name
    const readers = new Set<Value>();
    const derived = new Set([before]);
    for (const read of derived) {
      for (const user of this.#usersOf(read)) {
        if (user === value) {
          // It reads each number when it writes that one, or earlier.
          if (!isElementwise(value) || read.shape.join() !== value.shape.join()) return undefined;
          if (read !== before && !isElementwise(read)) return undefined;
        } else if (user.inputs.every((operand) => derived.has(operand) || constantTensor(operand))) {
          derived.add(user);
          if (this.#outputs.has(user)) readers.add(user);
        } else readers.add(user);
      }
    }
    return [...readers];
  }

  /** Those of the values that `value` does not depend on. */
  notBefore(value: Value, values: readonly Value[]): Value[] {
    const open = new Set(values);
    const seen = new Set([value]);
    for (const each of seen) {
      if (open.size === 0) break;
      for (const operand of each.inputs) {
        seen.add(operand);
        open.delete(operand);
      }
    }
    return [...open];
  }

  /** All that depends on one of the values, with them. */
  after(values: readonly Value[]): ReadonlySet<Value> {
    const found = new Set(values);
    for (const each of found) for (const user of this.#usersOf(each)) found.add(user);
    return found;
  }

  /** The sum that a value is only a part of, else the value: ORT merges sums into convolutions that nothing else uses. */
  summed(value: Value, later: ReadonlySet<Value>): Value {
    const [user, ...others] = this.#usersOf(value);
    const isPart = user?.op.name === 'Add' && others.length === 0 && !later.has(user) && !this.#outputs.has(value);
    return isPart ? this.summed(user, later) : value;
  }
}

const isElementwise = ({ op }: Value) => op.memory.buffer === 'mayInplace';

/** The same value, computed after others; undefined where no single number has a part in it. */
function waitingFor(value: Value, others: readonly Value[]): Value | undefined {
  const path = pathToNumber(value);
  if (!path || others.some(({ dtype }) => dtype !== 'f32')) return undefined;
  const waiting = others.reduce((same, other) => where(greater(elementOf(other), 0), same, same), path.at(-1)!);
  return path.slice(0, -1).reduceRight((operand, user, i) => {
    const inputs = user.inputs.map((usual) => (usual === path[i + 1] ? operand : usual));
    return makeValue(user.op, inputs, user.attributes);
  }, waiting);
}

/** Its first number. */
const elementOf = (value: Value): Value => gather(reshape(value, [-1]), constant(i64([], [0])));

/** The way from a value to a single number close by: one that is fed, as the learning rate is, else a factor or a term. */
function pathToNumber(value: Value): Value[] | undefined {
  const users = new Map<Value, Value | undefined>([[value, undefined]]);
  let known: Value[] | undefined;
  for (const [each, user] of users) {
    const isNumber = each.shape.length === 0 && each.dtype === 'f32';
    if (isNumber && inputName(each) !== undefined) return pathTo(each, users);
    if (isNumber && constantTensor(each) && user && isElementwise(user)) known ??= pathTo(each, users);
    for (const operand of each.inputs) if (!users.has(operand)) users.set(operand, each);
  }
  return known;
}

function pathTo(end: Value, users: ReadonlyMap<Value, Value | undefined>): Value[] {
  const path: Value[] = [];
  for (let each: Value | undefined = end; each; each = users.get(each)) path.unshift(each);
  return path;
}

/** The outputs with some values in place of others, whatever depends on them. */
function substituted(
  outputs: Readonly<Record<string, Value>>,
  order: readonly Value[],
  replaced: Map<Value, Value>,
): Record<string, Value> {
  const now = (value: Value) => replaced.get(value) ?? value;
  for (const value of order) {
    if (replaced.has(value) || !value.inputs.some((operand) => replaced.has(operand))) continue;
    replaced.set(value, makeValue(value.op, value.inputs.map(now), value.attributes));
  }
  return Object.fromEntries(Object.entries(outputs).map(([name, value]) => [name, now(value)]));
}
