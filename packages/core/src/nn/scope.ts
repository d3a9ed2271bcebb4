import { ShapeError } from '../base/errors.ts';
import { randomStream } from '../base/random.ts';
import { type DType, type Shape, sizeOf, type Tensor, tensor } from '../base/tensor.ts';
import { buildListener, input, type Value } from '../graph/index.ts';
import type { Initialiser } from './initialisers.ts';

/** Something a model keeps between steps: a parameter, which is learned, or a buffer, which is only updated. */
export interface Variable {
  readonly name: string;
  readonly kind: 'parameter' | 'buffer';
  readonly dtype: DType;
  readonly shape: Shape;
  readonly initialise: Initialiser;
}

/** Random numbers that the host feeds at every step: 1 with probability `keep`, else 0 (u8). */
export interface Noise {
  readonly name: string;
  readonly shape: Shape;
  readonly keep: number;
}

/**
 * The statistics that batch norm uses. `running`: the batch's statistics in training, folded into the running ones, and
 * the running ones in evaluation. `batch`: always the batch's own. `renewed`: the batch's own, which replace the
 * running ones. `frozen`: always the running ones, which stay as they are.
 */
export type BatchNormPolicy = 'frozen' | 'batch' | 'renewed' | 'running';

export interface TraceOptions {
  readonly training: boolean;
  /** The policy by layer path (`layer1.0.bn1`), or one for all. Default `running`. */
  readonly batchNorm?: BatchNormPolicy | ((path: string) => BatchNormPolicy);
  /** The value that stands for a variable. Default: a graph input of its name. */
  readonly variable?: (variable: Variable) => Value;
}

/** The record of a run of a model's function. */
export interface Trace {
  readonly options: TraceOptions;
  /** The variables in the order in which the model asked for them, as in torchvision's `state_dict`. */
  readonly variables: Map<string, Variable>;
  /** The value that stands for each variable in the graph. */
  readonly values: Map<string, Value>;
  /** New values of buffers. */
  readonly updates: Map<string, Value>;
  readonly noise: Noise[];
  readonly endpoints: Map<string, Value>;
  /** The variables of each block, in order from input to head. A block is what lies between two endpoints. */
  readonly blocks: Map<string, readonly string[]>;
  /** The number of variables that had been asked for when each endpoint was reached. */
  readonly variablesBefore: Map<string, number>;
}

/** An endpoint whose value is given: the layers before it do not count. */
interface Cut {
  readonly endpoint: string;
  readonly value: Value;
}

/**
 * A layer's place in a model. Layers are plain functions of `(scope, x, options)`; the scope gives them their
 * parameters under the right name, whether these are to be initialised, loaded, or replaced by adapted values.
 */
export class Scope {
  readonly path: string;
  readonly #trace: Trace;
  readonly #cut: Cut | undefined;

  private constructor(trace: Trace, path = '', cut?: Cut) {
    this.#trace = trace;
    this.path = path;
    this.#cut = cut;
  }

  /** A scope that records everything in a new trace. */
  static root(options: TraceOptions): { scope: Scope; trace: Trace } {
    const trace: Trace = {
      options,
      variables: new Map(),
      values: new Map(),
      updates: new Map(),
      noise: [],
      endpoints: new Map(),
      blocks: new Map(),
      variablesBefore: new Map(),
    };
    return { scope: new Scope(trace), trace };
  }

  get training(): boolean {
    return this.#trace.options.training;
  }

  /** The endpoints recorded so far. */
  get endpoints(): ReadonlyMap<string, Value> {
    return this.#trace.endpoints;
  }

  get batchNorm(): BatchNormPolicy {
    const { batchNorm = 'running' } = this.#trace.options;
    return typeof batchNorm === 'function' ? batchNorm(this.path) : batchNorm;
  }

  /** The scope of a part. */
  at(name: string | number): Scope {
    return new Scope(this.#trace, this.#join(String(name)), this.#cut);
  }

  /**
   * This scope, with `value` in place of the result of the layers before an endpoint; those leave nothing in the trace.
   */
  cutAt(endpoint: string, value: Value): Scope {
    return new Scope(this.#trace, this.path, { endpoint, value });
  }

  /** The same scope in evaluation: dropout and the like are off. */
  evaluating(): Scope {
    return new Scope({ ...this.#trace, options: { ...this.#trace.options, training: false } }, this.path);
  }

  /** A learned f32 parameter. The same name gives the same value. */
  param(name: string, shape: Shape, initialise: Initialiser): Value {
    return this.#variable({ name: this.#join(name), kind: 'parameter', dtype: 'f32', shape, initialise });
  }

  /** A value that is kept between steps but not learned. */
  buffer(name: string, dtype: 'f32' | 'i64', shape: Shape, initialise: Initialiser): Value {
    return this.#variable({ name: this.#join(name), kind: 'buffer', dtype, shape, initialise });
  }

  /** Gives a buffer its value for the next step. */
  update(name: string, value: Value): void {
    this.#trace.updates.set(this.#join(name), value);
  }

  /** A fresh random mask (u8) at every step. */
  mask(name: string, shape: Shape, keep: number): Value {
    const noise = { name: this.#join(name), shape, keep };
    this.#trace.noise.push(noise);
    return input(noise.name, 'u8', shape);
  }

  /** The number of masks that were asked for so far. */
  get masks(): number {
    return this.#trace.noise.length;
  }

  /**
   * Records a value under a public name (of the whole model, not of this scope), and returns it. The variables that
   * were asked for since the last endpoint make the block of that name; where there are none, there is no such block.
   */
  endpoint(name: string, value: Value, block = name): Value {
    const { endpoints, variables, blocks, variablesBefore } = this.#trace;
    if (this.#cut?.endpoint === name) {
      this.#forget();
      endpoints.set(name, this.#cut.value);
      return this.#cut.value;
    }
    endpoints.set(name, value);
    const before = [...variablesBefore.values()].at(-1) ?? 0;
    variablesBefore.set(name, variables.size);
    if (variables.size > before) blocks.set(block, [...variables.keys()].slice(before));
    return value;
  }

  /** Empties the trace: all of it belongs to layers before a cut. */
  #forget(): void {
    const { variables, values, updates, noise, endpoints, blocks, variablesBefore } = this.#trace;
    for (const notes of [variables, values, updates, endpoints, blocks, variablesBefore]) notes.clear();
    noise.length = 0;
  }

  /** Runs a layer so that a shape error says where in the model it happened. */
  locate<T>(layer: () => T): T {
    try {
      return layer();
    } catch (error) {
      if (!(error instanceof ShapeError) || error.path !== undefined) throw error;
      throw error.at(this.path);
    }
  }

  #join(name: string): string {
    return this.path === '' ? name : `${this.path}.${name}`;
  }

  #variable(variable: Variable): Value {
    const { name, dtype, shape } = variable;
    const known = this.#trace.values.get(name);
    buildListener?.asked(this.path);
    if (known) return known;
    const substitute = this.#trace.options.variable;
    const value = substitute ? substitute(variable) : input(name, dtype, shape);
    this.#trace.variables.set(name, variable);
    this.#trace.values.set(name, value);
    return value;
  }
}

/** First values for variables. Each has a stream of its own, so that a new head does not change the body. */
export function initialise(variables: Iterable<Variable>, seed: number): Record<string, Tensor> {
  const initial: Record<string, Tensor> = {};
  for (const { name, dtype, shape, initialise: init } of variables) {
    const values = init(shape, randomStream(seed, 'initialise', name));
    initial[name] =
      dtype === 'i64' ? tensor('i64', shape, BigInt64Array.from(values, BigInt)) : tensor('f32', shape, values);
  }
  return initial;
}

/** Random words that are drawn at once. */
const drawnAtOnce = 1024;

/** Draws this step's dropout masks. */
export function drawNoise(noise: Iterable<Noise>, seed: number, step: number): Record<string, Tensor> {
  const drawn: Record<string, Tensor> = {};
  const words = new Int32Array(drawnAtOnce);
  for (const { name, shape, keep } of noise) {
    const stream = randomStream(seed, 'noise', step, name);
    const mask = new Uint8Array(sizeOf(shape));
    for (let start = 0; start < mask.length; start += 2 * drawnAtOnce) {
      stream.fill(words);
      keepElements(mask.subarray(start, start + 2 * drawnAtOnce), words, keep);
    }
    drawn[name] = tensor('u8', shape, mask);
  }
  return drawn;
}

/**
 * Keeps elements of a mask at random. Each random word decides two: 16 bits are enough to compare with a probability.
 * The sign of a difference of machine words says which is less, since a branch that goes either way at random takes
 * many times as long.
 */
function keepElements(mask: Uint8Array, words: Int32Array, keep: number): void {
  const threshold = Math.ceil(keep * 2 ** 16) | 0;
  for (let at = 0, i = 0; i < mask.length; at++, i += 2) {
    const word = words[at]!;
    mask[i] = ((word >>> 16) - threshold) >>> 31;
    mask[i + 1] = ((word & 0xffff) - threshold) >>> 31; // no element where the length is odd
  }
}

/** A pattern for everything under one of some dotted paths: `fc` matches `fc.weight`, never `fc1.weight`. */
export function under(...paths: readonly string[]): RegExp {
  const literals = paths.map((path) => path.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`^${literals.length === 1 ? literals[0] : `(?:${literals.join('|')})`}\\.`);
}
