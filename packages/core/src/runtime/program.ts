/// <reference lib="esnext.disposable" preserve="true" />
import type { Tensor as OrtTensor } from 'onnxruntime-common';
import { formatType, type Tensor, type Tensors, tensor, zeros } from '../base/tensor.ts';
import { type EncodedGraph, type TensorType, typeOf } from '../graph/index.ts';
import type { Session, WrapTensor } from './backend.ts';
import { explainMemory } from './out-of-memory.ts';

/** ONNX forbids an output with the name of an input; here the new value of a parameter has the name of the old one. */
export const outputPrefix = 'out/';

/** A compiled graph. It owns an ORT session until it is released. */
export class Program {
  readonly inputs: ReadonlyMap<string, TensorType>;
  readonly outputs: ReadonlyMap<string, TensorType>;
  /** Outputs that may be written over the inputs of the same names. */
  readonly overwritten: ReadonlySet<string>;
  readonly #session: Session;
  readonly #wrap: WrapTensor;
  #released = false;

  constructor(session: Session, graph: EncodedGraph, wrap: WrapTensor, overwritten: ReadonlySet<string> = new Set()) {
    this.overwritten = overwritten;
    this.#session = session;
    this.#wrap = wrap;
    this.inputs = graph.inputs;
    this.outputs = new Map([...graph.outputs].map(([name, type]) => [name.slice(outputPrefix.length), type]));
  }

  /**
   * Runs the graph. Inputs are read in place. An output that is named in `into` is written there, without a copy; the
   * others are new tensors. Feeds that the graph does not use are ignored.
   *
   * @throws Error where an input is missing or has another type than the graph was compiled for.
   * @throws UserError where the memory does not suffice.
   */
  async run(feeds: Tensors, into: Tensors = {}): Promise<Record<string, Tensor>> {
    if (this.#released) throw new Error('run: the program was released');
    return explainMemory(() => this.#run(feeds, into));
  }

  async #run(feeds: Tensors, into: Tensors): Promise<Record<string, Tensor>> {
    const ortFeeds: Record<string, OrtTensor> = {};
    for (const [name, type] of this.inputs) ortFeeds[name] = this.#wrap(checked('feed', name, type, feeds[name]));
    const results: Record<string, Tensor> = {};
    const fetches: Record<string, OrtTensor> = {};
    for (const [name, type] of this.outputs) {
      results[name] = into[name] ? checked('output', name, type, into[name]) : zeros(type.dtype, type.shape);
      fetches[outputPrefix + name] = this.#wrap(results[name]);
    }
    await this.#session.run(ortFeeds, fetches);
    return results;
  }

  /** Frees the session and its memory. Idempotent. */
  async release(): Promise<void> {
    if (this.#released) return;
    this.#released = true;
    await this.#session.release();
  }

  /** Same as `release`: `await using program = await runtime.compile(outputs)`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.release();
  }
}

function checked(role: string, name: string, type: TensorType, value: Tensor | undefined): Tensor {
  if (!value) throw new Error(`run: the ${role} "${name}" (${typeOf(type)}) is missing`);
  if (formatType(value) !== typeOf(type)) {
    throw new Error(`run: the ${role} "${name}" is ${formatType(value)}, the graph was compiled for ${typeOf(type)}`);
  }
  return value;
}

/** An f32 scalar (), to feed. */
export function scalar(value: number): Tensor {
  return tensor('f32', [], Float32Array.of(value));
}
