/*
 * A step whose batch goes through the network in parts. The gradient of a mean over images is the mean of the parts'
 * gradients, so the step is the same one, but for rounding. What is kept for the backward pass is that of one part, for about
 * half of the memory (docs/performance.md, "A batch in parts"). Two parts go side by side where that is faster, each in
 * a session of its own ("Two sessions for a batch").
 */
import { bytesPerElement, f32, sizeOf, type Tensor, type Tensors, type TensorType, zeros } from '../base/tensor.ts';
import { input, reachable } from '../graph/index.ts';
import { type Noise, Scope } from '../nn/index.ts';
import { add } from '../ops/index.ts';
import type { GatheringProgram, Program, Runtime, StepProgram, ThreadPair } from '../runtime/index.ts';
import { compileGathering } from './compile-gathering.ts';
import type { DividedStep } from './divided.ts';
import { rowsFrom, setRow } from './source.ts';
import {
  feedNames,
  forwardAndBackward,
  label,
  type Network,
  resultNames,
  sumName,
  type TrainingStepOptions,
  updateStep,
} from './step.ts';

/** When a batch is divided: by the bytes that its forward pass makes of it. */
export interface DivisionLimits {
  /** From so many on it goes through one session in parts, for their memory. What goes through at once shall make less. */
  readonly memory: number;
  /** From so many on it goes through two sessions, if that is enough beside the parameters, too. */
  readonly pair: number;
  /**
   * What two sessions do with the parameters, in bytes of a forward pass that make up for it, as multiples of theirs.
   * `eachStep`: copying them and adding up their gradients, once a step. `eachRow`: reading them again, for each row of the
   * batch. `eachPart`: the least that a part makes, where the batch allows that, even if it takes more memory.
   */
  readonly parameters: { readonly eachStep: number; readonly eachRow: number; readonly eachPart: number };
}

/** By measurement (docs/performance.md, "Two sessions for a batch"). */
const usualLimits: DivisionLimits = {
  memory: 2 ** 30,
  pair: 2 ** 29,
  parameters: { eachStep: 11, eachRow: 0.25, eachPart: 3 },
};

/** How a batch is divided. */
interface Division {
  /** The number of parts. */
  readonly count: number;
  /** The threads whose sessions they go through side by side; null where they go through one session. */
  readonly pair: ThreadPair | null;
}

/** The rows of a part. With fewer in one session, what is read and written once for each part, the parameters, would count. */
const partSizes = { alone: [8, 7, 6, 5, 4], pair: [2, 3, 4, 5, 6, 7, 8] };

/** The step in parts. Null where it is to take its batch whole. */
export async function stepInParts(
  network: Network,
  options: TrainingStepOptions,
  runtime: Runtime,
  limits = usualLimits,
): Promise<DividedStep | null> {
  const division = divisionOf(network, options, runtime, limits);
  if (!division) return null;
  const { count, pair } = division;
  const ofParts = { ...options, batchSize: options.batchSize / count, accumulate: count };
  const { trace, outputs: results, parameters, gradients } = forwardAndBackward(network, ofParts);
  // With one part each, sessions have nothing to add to.
  const isOneEach = pair !== null && count === 2;
  const sums = Object.fromEntries(
    parameters.map((name, i) => {
      const own = gradients[i]!;
      return [sumName(name), isOneEach ? own : add(input(sumName(name), own.dtype, own.shape), own)];
    }),
  );
  const { optimizer, settings, clip, average = false } = options;
  const gathering = await compileGathering(runtime, { sums, results }, pair);
  let update: Program;
  try {
    const slopes = new Map(
      parameters.map((name) => {
        const { dtype, shape } = sums[sumName(name)]!;
        const sides = Array.from({ length: gathering.sides }, (_, i) => input(ofSide(i, sumName(name)), dtype, shape));
        return [name, { value: input(name, dtype, shape), gradient: sides.reduce((a, b) => add(a, b)) }] as const;
      }),
    );
    update = await runtime.compile(updateStep(slopes, { optimizer, settings, clip, average }));
  } catch (error) {
    await gathering.release();
    throw error;
  }
  const noise = trace.noise.map(
    (each): Noise => ({ ...each, shape: [each.shape[0]! * count, ...each.shape.slice(1)] }),
  );
  const rows = [feedNames.input, feedNames.targets, feedNames.partners, ...noise.map(({ name }) => name)];
  return { program: new StepInParts(gathering, update, { count, rows }), noise };
}

/** The name of an input for what a session has added up. */
const ofSide = (side: number, name: string) => `side ${side}/${name}`;

/** Null where a batch stays whole. */
function divisionOf(
  network: Network,
  options: TrainingStepOptions,
  { device, backend }: Runtime,
  limits: DivisionLimits,
): Division | null {
  const { batchSize } = options;
  const bytes = device === 'cpu' ? divisibleBytes(network, options) : null;
  if (!bytes) return null;
  const { eachStep, eachRow, eachPart } = limits.parameters;
  const worthwhile = Math.max(limits.pair, bytes.parameters * (eachStep + eachRow * batchSize));
  const sizes = partSizes.pair.filter((rows) => batchSize % (2 * rows) === 0);
  if (backend.pair && bytes.forward >= worthwhile && sizes.length > 0) {
    const ofPart = (rows: number) => (bytes.forward / batchSize) * rows;
    const isEnough = (rows: number) => ofPart(rows) >= bytes.parameters * eachPart;
    const fits = (rows: number) => 2 * ofPart(rows) < limits.memory;
    const size = sizes.findLast((rows) => isEnough(rows) && fits(rows)) ?? sizes.find(isEnough) ?? sizes.at(-1)!;
    return { count: batchSize / size, pair: backend.pair };
  }
  if (bytes.forward < limits.memory) return null;
  const size = partSizes.alone.find((rows) => batchSize % rows === 0) ?? batchSize;
  return size < batchSize ? { count: batchSize / size, pair: null } : null;
}

/** The bytes that a forward pass makes of a batch, and those of its parameters, where the step is the same in parts; else null. */
function divisibleBytes(
  network: Network,
  options: TrainingStepOptions,
): { readonly forward: number; readonly parameters: number } | null {
  const { batchSize, batchNorm, loss, target = label, accumulate = 1 } = options;
  if (!network.isRowwise || accumulate !== 1) return null;
  let isOfBatch = false;
  const { scope, trace } = Scope.root({
    training: true,
    batchNorm(path) {
      const policy = typeof batchNorm === 'function' ? batchNorm(path) : batchNorm;
      isOfBatch ||= policy !== 'frozen';
      return policy;
    },
  });
  const of = ({ dtype, shape }: Network['input']) => [dtype, [batchSize, ...shape]] as const;
  const x = input(feedNames.input, ...of(network.input));
  const result = network.forward(scope, x);
  if (isOfBatch || trace.noise.some(({ shape }) => (shape[0] ?? 1) % batchSize !== 0)) return null;
  // One number for a batch may be any function of it: divided by a sum of weights, for instance.
  const losses = loss(result, input(feedNames.targets, ...of(target)));
  if (losses.shape.length !== 1 && !loss.isMean) return null;
  const ofBatch = new Set([x]);
  for (const value of reachable([result])) if (value.inputs.some((each) => ofBatch.has(each))) ofBatch.add(value);
  return { forward: bytesOf(ofBatch), parameters: bytesOf(trace.values.values()) };
}

function bytesOf(types: Iterable<TensorType>): number {
  return [...types].reduce((sum, { dtype, shape }) => sum + sizeOf(shape) * bytesPerElement[dtype], 0);
}

/** Two programs as one: what adds up the gradients of the parts, and what the optimizer makes of the sum. */
class StepInParts implements StepProgram {
  readonly #gathering: GatheringProgram;
  readonly #update: Program;
  readonly #count: number;
  /** Feeds with a row, or several, for each example. */
  readonly #rows: readonly string[];
  /** The run before: the sums are of one at a time. */
  #before: Promise<unknown> = Promise.resolve();

  constructor(
    gathering: GatheringProgram,
    update: Program,
    { count, rows }: { readonly count: number; readonly rows: readonly string[] },
  ) {
    [this.#gathering, this.#update, this.#count, this.#rows] = [gathering, update, count, rows];
  }

  get overwritten(): ReadonlySet<string> {
    return this.#update.overwritten;
  }

  run(feeds: Tensors, into: Tensors = {}): Promise<Record<string, Tensor>> {
    const run = this.#before.then(() => this.#run(feeds, into));
    this.#before = run.catch(() => {});
    return run;
  }

  async #run(feeds: Tensors, into: Tensors): Promise<Record<string, Tensor>> {
    const parts = Array.from({ length: this.#count }, (_, i) => this.#part(feeds, i));
    const sides = await this.#gathering.gather(feeds, parts);
    const sums = sides.flatMap((side, i) =>
      Object.entries(side.sums).map(([name, sum]) => [ofSide(i, name), sum] as const),
    );
    const results = sides.flatMap((side) => side.results);
    const updated = await this.#update.run({ ...feeds, ...Object.fromEntries(sums) }, into);
    return { ...updated, [resultNames.loss]: meanLoss(results), [resultNames.outputs]: joined(results) };
  }

  /** The rows of a part, in the same memory. */
  #part(feeds: Tensors, index: number): Record<string, Tensor> {
    return Object.fromEntries(
      this.#rows.flatMap((name) => {
        const whole = feeds[name];
        if (!whole) return [];
        const rows = whole.shape[0]! / this.#count;
        return [[name, rowsFrom(whole, index * rows, rows)] as const];
      }),
    );
  }

  async release(): Promise<void> {
    await this.#before;
    try {
      await this.#gathering.release();
    } finally {
      await this.#update.release();
    }
  }
}

function meanLoss(results: readonly Tensors[]): Tensor {
  const losses = results.map((each) => Number(each[resultNames.loss]!.data[0]));
  return f32([], [losses.reduce((sum, loss) => sum + loss, 0) / losses.length]);
}

/** The outputs of all parts, one behind the other. */
function joined(results: readonly Tensors[]): Tensor {
  const parts = results.map((each) => each[resultNames.outputs]!);
  const { dtype, shape } = parts[0]!;
  const whole = zeros(dtype, [shape[0]! * parts.length, ...shape.slice(1)]);
  parts.forEach(({ data }, i) => {
    setRow(whole, i * shape[0]!, data);
  });
  return whole;
}
