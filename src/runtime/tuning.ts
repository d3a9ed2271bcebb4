import { randomStream } from '../base/random.ts';
import { sizeOf, type Tensor, tensor, zeros } from '../base/tensor.ts';
import { applicableLowerings, encode, input, makeValue, reachable, typeOf, type Value } from '../graph/index.ts';
import type { Backend } from './backend.ts';
import { outputPrefix, Program } from './program.ts';

/** Which lowering is used where: `Conv2dWeightGrad(f32[…], f32[…]) {…}` → `shiftedMatMul`. */
export type Choices = Readonly<Record<string, string>>;

/** Where timings are remembered between processes. */
export interface ChoiceStore {
  load(): Promise<Choices>;
  save(choices: Choices): Promise<void>;
}

export interface TuningEvent {
  readonly done: number;
  readonly total: number;
}

/** What a timing depends on, as text: the primitive, the types of its inputs and its attributes. */
export function choiceKey(value: Value): string {
  return `${value.op.name}(${value.inputs.map(typeOf).join(', ')}) ${JSON.stringify(value.attributes)}`;
}

/**
 * The values of a graph for which there is something to choose, one for each key that `known` lacks, or for which it has a
 * lowering of another version of Graft. What was `given` is left as it is: where it is wrong, encoding says so.
 */
export function undecided(outputs: Iterable<Value>, known: Choices, given: Choices = {}): Map<string, Value> {
  const found = new Map<string, Value>();
  for (const value of reachable(outputs)) {
    if (Object.keys(value.op.lowerings).length < 2) continue;
    const key = choiceKey(value);
    const names = applicableLowerings(value);
    if (key in given || names.includes(known[key] ?? '')) continue;
    if (names.length > 1 || key in known) found.set(key, value);
  }
  return found;
}

/**
 * The fastest lowering of one value on this backend, by running each on numbers of its own. A candidate that already
 * lost clearly in its first counted run is not run again. Where no time is to be measured, the first one counts.
 */
export async function fastestLowering(value: Value, backend: Backend): Promise<string> {
  const stand = isolated(value);
  let best = { name: '', milliseconds: Number.POSITIVE_INFINITY };
  for (const name of applicableLowerings(value)) {
    const graph = encode({ [`${outputPrefix}y`]: stand.value }, () => name);
    const program = new Program(await backend.load(graph.model), graph, backend.wrap);
    const y = { y: zeros(value.dtype, value.shape) };
    await program.run(stand.feeds, y); // not counted: ORT plans its memory in the first run
    let milliseconds = Number.POSITIVE_INFINITY;
    for (let run = 0; run < 4 && (run === 0 || milliseconds < 1.5 * best.milliseconds); run++) {
      const start = performance.now();
      await program.run(stand.feeds, y);
      milliseconds = Math.min(milliseconds, performance.now() - start);
    }
    await program.release();
    if (milliseconds < best.milliseconds) best = { name, milliseconds };
  }
  return best.name;
}

/** The value alone, with inputs of the same types, and numbers for them. */
function isolated(value: Value): { value: Value; feeds: Record<string, Tensor> } {
  const stream = randomStream(0, 'tuning');
  const names = value.inputs.map((_, i) => `x${i}`);
  const inputs = value.inputs.map((operand, i) => input(names[i]!, operand.dtype, operand.shape));
  const feeds = value.inputs.map(({ dtype, shape }) => {
    // Zeros would be a special case for the processor; the values themselves do not matter.
    return dtype === 'f32'
      ? tensor(
          'f32',
          shape,
          Float32Array.from({ length: sizeOf(shape) }, () => stream.uniform() - 0.5),
        )
      : zeros(dtype, shape);
  });
  return {
    value: makeValue(value.op, inputs, value.attributes),
    feeds: Object.fromEntries(names.map((name, i) => [name, feeds[i]!])),
  };
}
