import { bytesPerElement, sizeOf } from '../base/tensor.ts';
import { inputName, originals, reachable, type TensorType, type Value } from '../graph/index.ts';
import { type MetaTask, taskShape } from './meta-course.ts';
import type { OuterPhase } from './outer-phases.ts';
import { testGraph, trainingGraph } from './task-graph.ts';

/*
 * The memory of an unrolled graph is known before it is compiled: shapes are static, and a buffer is freed after its
 * last use.
 */

/**
 * ORT's arena grows by powers of two, and has gaps. Measured on conv-4 with 32 and 64 filters, 5-way and 20-way, 1 to 5
 * inner steps of both orders: 1.6 to 2.3 times what is alive at once.
 */
const perByteAlive = 2;
/** The session's own notes of a node, in bytes: measured likewise, on graphs of 600 to 4,500 values. */
const perNode = 5000;

/** The bytes that a session of one thread for these outputs adds to the process; within a quarter on conv-4. */
export function sessionBytes(outputs: Readonly<Record<string, Value>>): number {
  const values = Object.values(outputs);
  return Math.round(perByteAlive * peakBytes(values) + perNode * reachable(values).length);
}

/**
 * Bytes of one thread in meta-training: its sessions of the largest phase and of validation, which stand side by side.
 */
export function taskMemory(
  task: Pick<MetaTask, 'network' | 'learner' | 'phases' | 'shape' | 'testSteps' | 'settings'>,
): number {
  const { network, learner, phases, testSteps, settings } = task;
  const shape = taskShape(task.shape);
  const trained = [...settings].flatMap(([name, setting]) => (setting ? [name] : []));
  const training = (outer: OuterPhase['outer']) =>
    sessionBytes(trainingGraph(network, learner, shape, { trained, outer }));
  const largest = Math.max(...phases.map(({ outer }) => training(outer)));
  return largest + sessionBytes(testGraph(network, learner, shape, testSteps));
}

const bytesOf = ({ dtype, shape }: TensorType) => sizeOf(shape) * bytesPerElement[dtype];

/**
 * The most bytes that are alive at once, where values are computed in the order of the graph and freed after their last
 * use.
 */
export function peakBytes(outputs: readonly Value[]): number {
  const nodes = nodesOf(outputs);
  const lastUse = new Map<Value, number>();
  nodes.forEach(({ operands }, at) => {
    for (const operand of operands) lastUse.set(operand, at);
  });
  // What is fed or fetched lies outside, and stays.
  const kept = new Set([...outputs, ...nodes.flatMap(({ place }) => (inputName(place) === undefined ? [] : [place]))]);
  let alive = 0;
  let peak = 0;
  nodes.forEach(({ value, place, operands }, at) => {
    const ending = [...new Set(operands)].filter((operand) => lastUse.get(operand) === at && !kept.has(operand));
    if (place === value) {
      alive += bytesOf(value);
      const overwrites =
        value.op.memory.buffer === 'mayInplace' && ending.some((place) => bytesOf(place) === bytesOf(value));
      peak = Math.max(peak, alive - (overwrites ? bytesOf(value) : 0) + (value.op.memory.workspace?.(value) ?? 0));
    }
    alive -= ending.reduce((sum, operand) => sum + bytesOf(operand), 0);
  });
  return peak;
}

interface Node {
  readonly value: Value;
  /** The value whose buffer the result lies in. */
  readonly place: Value;
  /** The buffers that are read. */
  readonly operands: readonly Value[];
}

/** The nodes of a graph in the order in which they run: equal ones once, a batch norm behind its moments. */
function nodesOf(outputs: readonly Value[]): Node[] {
  const read = new Map<Value, readonly Value[]>();
  const order: Value[] = [];
  for (const value of reachable(outputs)) {
    read.set(value, value.inputs);
    const written = value.op.memory.reads?.(value);
    if (written) {
      read.set(value, written);
      order.push(...reachable(written));
    }
    order.push(value);
  }
  const original = originals(order);
  const places = new Map<Value, Value>();
  const placeOf = (value: Value) => places.get(original.get(value)!)!;
  return [...new Set(original.values())].map((value) => {
    const operands = (read.get(value) ?? value.inputs).map(placeOf);
    const place = value.op.memory.buffer === 'alias' ? operands[0]! : value;
    places.set(value, place);
    return { value, place, operands };
  });
}
