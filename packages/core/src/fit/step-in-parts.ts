/*
 * A step whose batch goes through the network in parts. The gradient of a mean over images is the mean of the parts'
 * gradients, so the step is the same one, but for rounding. What is kept for the backward pass is that of one part, for about
 * half of the memory (docs/performance.md, "A batch in parts").
 */
import { bytesPerElement, f32, sizeOf, type Tensor, type Tensors, zeros } from '../base/tensor.ts';
import { input, reachable } from '../graph/index.ts';
import { type Noise, Scope } from '../nn/index.ts';
import { type Program, type Runtime, State, type StepProgram } from '../runtime/index.ts';
import type { DividedStep } from './divided.ts';
import { rowsFrom, setRow } from './source.ts';
import {
  feedNames,
  gatheringStep,
  label,
  type Network,
  resultNames,
  sumName,
  type TrainingStepOptions,
  updateStep,
} from './step.ts';

/** The rows of a part. With fewer, what is read and written once for each part, the parameters, would count. */
const [fewest, most] = [4, 8];
/** Bytes of a batch's forward pass from which on its memory counts. */
const large = 2 ** 30;

/**
 * The step in parts. Null where it is to take its batch whole.
 *
 * @param enough bytes of the forward pass from which on it is divided
 */
export async function stepInParts(
  network: Network,
  options: TrainingStepOptions,
  runtime: Runtime,
  enough = large,
): Promise<DividedStep | null> {
  const { batchSize } = options;
  const count = runtime.device === 'cpu' && isDivisible(network, options, enough) ? partsOf(batchSize) : 1;
  if (count === 1) return null;
  const { outputs, noise: ofPart } = gatheringStep(network, {
    ...options,
    batchSize: batchSize / count,
    accumulate: count,
  });
  const { optimizer, settings, clip, average = false } = options;
  const slopes = new Map(
    [...settings.keys()].flatMap((name) => {
      const sum = outputs[sumName(name)];
      if (!sum) return [];
      const { dtype, shape } = sum;
      return [[name, { value: input(name, dtype, shape), gradient: input(sumName(name), dtype, shape) }] as const];
    }),
  );
  const gathering = await runtime.compile(outputs);
  let update: Program;
  try {
    update = await runtime.compile(updateStep(slopes, { optimizer, settings, clip, average }));
  } catch (error) {
    await gathering.release();
    throw error;
  }
  const noise = ofPart.map((each): Noise => ({ ...each, shape: [each.shape[0]! * count, ...each.shape.slice(1)] }));
  const rows = [feedNames.input, feedNames.targets, feedNames.partners, ...noise.map(({ name }) => name)];
  return { program: new StepInParts(gathering, update, { count, rows }), noise };
}

/** As few parts as there are of that size at most; 1 where a batch cannot be divided so. */
function partsOf(batchSize: number): number {
  for (let size = most; size >= fewest; size--) if (batchSize % size === 0) return batchSize / size;
  return 1;
}

/** Whether the step is the same in parts, and large enough. */
function isDivisible(network: Network, options: TrainingStepOptions, enough: number): boolean {
  const { batchSize, batchNorm, loss, target = label, accumulate = 1 } = options;
  if (!network.isRowwise || accumulate !== 1) return false;
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
  const result = network.forward(scope, input(feedNames.input, ...of(network.input)));
  if (isOfBatch || trace.noise.some(({ shape }) => (shape[0] ?? 1) % batchSize !== 0)) return false;
  // One number for a batch may be any function of it: divided by a sum of weights, for instance.
  const losses = loss(result, input(feedNames.targets, ...of(target)));
  if (losses.shape.length !== 1 && !loss.isMean) return false;
  const bytes = reachable([result]).map(({ dtype, shape }) => sizeOf(shape) * bytesPerElement[dtype]);
  return bytes.reduce((sum, each) => sum + each, 0) >= enough;
}

/** Two programs as one: what adds up the gradients of the parts, and what the optimizer makes of the sum. */
class StepInParts implements StepProgram {
  readonly #gathering: Program;
  readonly #update: Program;
  readonly #count: number;
  /** Feeds with a row, or several, for each example. */
  readonly #rows: readonly string[];
  readonly #sums: State;
  /** The run before: the sums are of one at a time. */
  #before: Promise<unknown> = Promise.resolve();

  constructor(
    gathering: Program,
    update: Program,
    { count, rows }: { readonly count: number; readonly rows: readonly string[] },
  ) {
    [this.#gathering, this.#update, this.#count, this.#rows] = [gathering, update, count, rows];
    const sums = [...gathering.outputs].filter(([name]) => gathering.inputs.has(name));
    this.#sums = new State(Object.fromEntries(sums.map(([name, { dtype, shape }]) => [name, zeros(dtype, shape)])));
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
    for (const { data } of Object.values(this.#sums.current)) if (data instanceof Float32Array) data.fill(0);
    const results: Tensors[] = [];
    for (let part = 0; part < this.#count; part++) {
      results.push(await this.#sums.step(this.#gathering, { ...feeds, ...this.#part(feeds, part) }));
    }
    const updated = await this.#update.run({ ...feeds, ...this.#sums.current }, into);
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
    await this.#gathering.release();
    await this.#update.release();
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
