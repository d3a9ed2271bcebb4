/*
 * Checks a device whose kernels may be wrong without an error.
 *
 * ORT's WebGPU kernels differ from shape to shape and from driver to driver, and a failure may be an exception when a
 * session is made, one when it runs, or wrong numbers. So a lowering is used only after it has computed the value alone,
 * in a session of its own, to the numbers of a backend that is trusted. Where no lowering does, the trusted kernels
 * compute the value. Sessions must run the nodes as they are written: a graph that ORT rewrites has others than those
 * that were checked.
 */
import { UserError } from '../base/errors.ts';
import { type RandomStream, randomStream } from '../base/random.ts';
import { isJsonObject, parseShallow } from '../base/shallow-json.ts';
import { sizeOf, type Tensor, tensor, zeros } from '../base/tensor.ts';
import {
  applicableLowerings,
  constantTensor,
  type EncodedGraph,
  encode,
  input,
  makeValue,
  reachable,
  type Value,
} from '../graph/index.ts';
import type { Backend, SessionPlace } from './backend.ts';
import type { Placement } from './placement.ts';
import { outputPrefix, Program } from './program.ts';
import { type ChoiceStore, choiceKey, type TuningEvent } from './tuning.ts';

/** The version of the check: verdicts of another version are not used. */
export const checkMethod = 1;

/** Loads sessions whose numbers are right: the same build of ORT by its processor kernels. */
export type Reference = Pick<Backend, 'load' | 'wrap'>;

const places = ['cpu', 'wasm', 'webgpu', 'both'] as const satisfies readonly Placement['place'][];

/** What was found of a value: of each lowering its distance from the reference, or why it is not used. */
interface Verdict {
  /** By lowering. None where the value is for the CPU. */
  readonly agreeing: Readonly<Record<string, Pick<Placement, 'error' | 'place'>>>;
  readonly refused: Readonly<Record<string, string>>;
}

/** The lowerings that may be used on a device, found out by their numbers, once per primitive, attributes and shapes. */
export class Agreement {
  readonly #device: Backend;
  readonly #reference: Reference;
  readonly #store: ChoiceStore | undefined;
  readonly #verdicts = new Map<string, Verdict>();
  readonly #keys = new WeakMap<Value, string>();
  #isLoaded = false;

  /** @param store keeps what was found, for one device, driver and version of ORT */
  constructor(device: Backend, reference: Reference, store?: ChoiceStore) {
    [this.#device, this.#reference, this.#store] = [device, reference, store];
  }

  /**
   * Checks what these values depend on, where that is not known yet.
   *
   * @throws UserError where a value cannot be computed on the processor either
   */
  async check(outputs: Iterable<Value>, onCheck?: (event: TuningEvent) => void): Promise<void> {
    if (!this.#isLoaded) {
      for (const [key, text] of Object.entries((await this.#store?.load()) ?? {})) {
        const verdict = parseVerdict(text);
        if (verdict) this.#verdicts.set(key, verdict);
      }
      this.#isLoaded = true;
    }
    const open = new Map<string, Value>();
    for (const value of reachable(outputs)) {
      if (isComputed(value) && !this.#verdicts.has(this.#keyOf(value))) open.set(this.#keyOf(value), value);
    }
    if (open.size === 0) return;
    const found: Record<string, string> = {};
    try {
      for (const [key, value] of open) {
        onCheck?.({ done: Object.keys(found).length, total: open.size });
        const verdict = await this.#examine(value);
        this.#verdicts.set(key, verdict);
        found[key] = JSON.stringify(verdict);
      }
      onCheck?.({ done: open.size, total: open.size });
    } finally {
      await this.#store?.save(found);
    }
  }

  /**
   * The lowerings that a checked value may have, the default first; none for inputs and constants. What the device
   * computes alone comes before what it shares with the processor: copies between the two take longer than they seem to
   * where a lowering is timed by itself.
   */
  candidates(value: Value): string[] {
    const names = applicableLowerings(value);
    if (!isComputed(value)) return names;
    const { agreeing } = this.#verdictOf(value);
    const usable = names.filter((name) => name in agreeing);
    const alone = usable.filter((name) => agreeing[name]!.place === this.#device.device);
    if (alone.length > 0) return alone;
    return usable.length > 0 ? usable : names.slice(0, 1);
  }

  /** Whether a checked value is for the processor's kernels. */
  isOnCpu(value: Value): boolean {
    return Object.keys(this.#verdictOf(value).agreeing).length === 0;
  }

  /** Where a checked value is computed in this lowering; undefined for inputs and constants. */
  placement(value: Value, lowering: string | undefined): Placement | undefined {
    if (!isComputed(value) || lowering === undefined) return undefined;
    const { agreeing, refused } = this.#verdictOf(value);
    const { error, place } = agreeing[lowering] ?? { error: 0, place: 'cpu' };
    return { key: this.#keyOf(value), primitive: value.op.name, lowering, place, error, refused };
  }

  #verdictOf(value: Value): Verdict {
    const verdict = this.#verdicts.get(this.#keyOf(value));
    if (!verdict) throw new Error(`agreement: ${this.#keyOf(value)} was not checked`);
    return verdict;
  }

  #keyOf(value: Value): string {
    let key = this.#keys.get(value);
    if (key === undefined) {
      key = choiceKey(value);
      this.#keys.set(value, key);
    }
    return key;
  }

  async #examine(value: Value): Promise<Verdict> {
    const trial = await this.#trialOf(value);
    const agreeing: Record<string, Verdict['agreeing'][string]> = {};
    const refused: Record<string, string> = {};
    for (const lowering of applicableLowerings(value)) {
      const result = await this.#attempt(trial, lowering);
      if (typeof result === 'string') refused[lowering] = result;
      else agreeing[lowering] = result;
    }
    if (Object.keys(agreeing).length === 0) await this.#assertCpu(value, trial);
    return { agreeing, refused };
  }

  /** The value alone, with numbers to feed and those that must come out. */
  async #trialOf(value: Value): Promise<Trial> {
    const alone = isolated(value);
    const graph = graphOf(alone, applicableLowerings(value)[0]!);
    const drawn = async (domain: Domain): Promise<Trial> => {
      const feeds = drawFeeds(alone, domain);
      const program = new Program(await this.#reference.load(graph.model), graph, this.#reference.wrap);
      return { alone, feeds, expected: await resultOf(program, feeds), limit: limitOf(value) };
    };
    try {
      const trial = await drawn('real');
      // Logarithms, roots and powers are defined for positive numbers only.
      return isAllFinite(trial.expected) ? trial : await drawn('positive');
    } catch (error) {
      if (error instanceof UserError) throw error;
      throw this.#impossible(value, reasonOf(error), error);
    }
  }

  /** How far the lowering is from what must come out, or why it is not used. */
  async #attempt(trial: Trial, lowering: string): Promise<Verdict['agreeing'][string] | string> {
    const graph = graphOf(trial.alone, lowering);
    try {
      const { program, place } = await this.#open(graph);
      const error = differenceOf(await resultOf(program, trial.feeds), trial.expected);
      return error <= trial.limit ? { error, place } : `wrong by ${error.toPrecision(2)} of the largest number`;
    } catch (error) {
      if (error instanceof UserError) throw error; // about memory or a lost GPU: it says nothing of the kernel
      return reasonOf(error);
    }
  }

  /** A program of a graph of one value, and where ORT puts its nodes by itself. */
  async #open(graph: EncodedGraph): Promise<{ program: Program; place: Placement['place'] }> {
    const load = (place: SessionPlace) => this.#device.load(graph.model, place);
    const { device, wrap } = this.#device;
    const whole = await load({ deviceOnly: true }).catch(() => undefined);
    if (whole) return { program: new Program(whole, graph, wrap), place: device };
    return { program: new Program(await load({}), graph, wrap), place: graph.onCpu!.length === 1 ? 'cpu' : 'both' };
  }

  /** Nodes that are named must be left to the processor: this is checked, too. */
  async #assertCpu(value: Value, { alone, feeds, expected, limit }: Trial): Promise<void> {
    const graph = graphOf(alone, applicableLowerings(value)[0]!);
    const program = new Program(await this.#device.load(graph.model, graph), graph, this.#device.wrap);
    const error = differenceOf(await resultOf(program, feeds), expected);
    if (error > limit) throw this.#impossible(value, `even the processor is wrong by ${error}`);
  }

  #impossible(value: Value, reason: string, cause?: unknown): UserError {
    return new UserError(`${this.#keyOf(value)} cannot be computed on ${this.#device.device}: ${reason}`, { cause });
  }
}

interface Trial {
  readonly alone: Value;
  readonly feeds: Readonly<Record<string, Tensor>>;
  readonly expected: Tensor;
  /** The largest difference that agrees. */
  readonly limit: number;
}

const isComputed = (value: Value) => Object.keys(value.op.lowerings).length > 0;

/** The value over inputs of its own. Constants stay what they are. */
function isolated(value: Value): Value {
  const inputs = value.inputs.map((operand, i) =>
    constantTensor(operand) ? operand : input(`x${i}`, operand.dtype, operand.shape),
  );
  return makeValue(value.op, inputs, value.attributes);
}

/** A graph of the value alone, all of whose nodes are listed as those for the CPU. */
function graphOf(alone: Value, lowering: string): EncodedGraph {
  return encode({ [`${outputPrefix}y`]: alone }, { choose: () => lowering, onCpu: () => true });
}

async function resultOf(program: Program, feeds: Readonly<Record<string, Tensor>>): Promise<Tensor> {
  try {
    return (await program.run(feeds)).y!;
  } finally {
    await program.release();
  }
}

type Domain = 'real' | 'positive';

function drawFeeds(alone: Value, domain: Domain): Record<string, Tensor> {
  const feeds: Record<string, Tensor> = {};
  for (const [i, operand] of alone.inputs.entries()) {
    if (!constantTensor(operand)) feeds[`x${i}`] = draw(alone, i, domain, randomStream(0, 'agreement', i));
  }
  return feeds;
}

/** A prime, so that no row of an image begins where the numbers begin anew. */
const period = 8191;

/**
 * Numbers for an operand. Floats are between 1/4 and 2 from 0, so that quotients stay small; whole numbers lie within
 * the axis that they point into, and do not repeat where they must not.
 */
function draw(value: Value, operand: number, domain: Domain, stream: RandomStream): Tensor {
  const { dtype, shape } = value.inputs[operand]!;
  const length = sizeOf(shape);
  if (dtype === 'f32' || dtype === 'f64') {
    const pattern = Float32Array.from({ length: Math.min(period, length) }, () => {
      const size = 0.25 + 1.75 * stream.uniform();
      return domain === 'real' && stream.uniform() < 0.5 ? -size : size;
    });
    const result = zeros(dtype, shape);
    for (let at = 0; at < length; at += period) result.data.set(pattern.subarray(0, length - at), at);
    return result;
  }
  const bound = dtype === 'bool' ? 2 : pointsInto(value);
  const step = value.attributes.isDistinct === true && operand > 0 ? Math.floor(bound / length) : 0;
  const numberAt = (i: number) => i * step + stream.integer(step || bound);
  if (dtype === 'i64')
    return tensor(
      dtype,
      shape,
      BigInt64Array.from({ length }, (_, i) => BigInt(numberAt(i))),
    );
  const result = zeros(dtype, shape);
  for (let i = 0; i < length; i++) result.data[i] = numberAt(i);
  return result;
}

/** One more than the largest whole number that the value may be fed. */
function pointsInto({ attributes: { axis, size }, inputs }: Value): number {
  if (typeof size === 'number') return size; // what is scattered into
  return typeof axis === 'number' ? inputs[0]!.shape[axis]! : 8;
}

/**
 * The tolerance of the tests of every op against PyTorch, wider by the square root of the length of sums, with which
 * rounding grows.
 */
function limitOf(value: Value): number {
  if (value.dtype !== 'f32' && value.dtype !== 'f64') return 0;
  const operations = value.op.flops(value) / Math.max(1, sizeOf(value.shape));
  return 2e-6 * Math.max(1, Math.sqrt(operations) / 16);
}

/** max |a - b| / max(|b|, 0.001); infinite where one is finite and the other is not. */
function differenceOf(actual: Tensor, expected: Tensor): number {
  let [error, scale] = [0, 1e-3];
  for (let i = 0; i < expected.data.length; i++) {
    const [a, b] = [Number(actual.data[i]), Number(expected.data[i])];
    if (Object.is(a, b)) {
      if (Number.isFinite(b)) scale = Math.max(scale, Math.abs(b));
      continue;
    }
    if (!Number.isFinite(a) || !Number.isFinite(b)) return Number.POSITIVE_INFINITY;
    error = Math.max(error, Math.abs(a - b));
    scale = Math.max(scale, Math.abs(b));
  }
  return error / scale;
}

const isAllFinite = ({ data }: Tensor) => data.every((x: number | bigint) => Number.isFinite(Number(x)));

/** What ORT says went wrong, on one line, without what leads to the sentence: codes, nodes, the place in its source. */
function reasonOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  const text = message.replace(/^.*(ERROR_MESSAGE: |Status Message: |: FAIL : )/s, '').replace(/^\/\S+\//, '');
  return text.replaceAll(/\s+/g, ' ').trim().slice(0, 200);
}

/** A verdict from a store; undefined where the text is none. */
function parseVerdict(text: string): Verdict | undefined {
  const value = parseShallow(text, 3);
  if (!isJsonObject(value) || !isJsonObject(value.agreeing) || !isJsonObject(value.refused)) return undefined;
  const agreeing: Record<string, Verdict['agreeing'][string]> = {};
  for (const [name, found] of Object.entries(value.agreeing)) {
    const place = isJsonObject(found) && places.find((each) => each === found.place);
    if (!isJsonObject(found) || !place || typeof found.error !== 'number') return undefined;
    agreeing[name] = { error: found.error, place };
  }
  const reasons = Object.entries(value.refused);
  const refused = reasons.filter((entry): entry is [string, string] => typeof entry[1] === 'string');
  return refused.length === reasons.length ? { agreeing, refused: Object.fromEntries(refused) } : undefined;
}
