import { randomStream } from '../base/random.ts';
import { sizeOf, type Tensor, tensor, zeros } from '../base/tensor.ts';
import {
  applicableLowerings,
  constantTensor,
  encode,
  type Features,
  input,
  makeValue,
  reachable,
  type TensorType,
  typeOf,
  type Value,
} from '../graph/index.ts';
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

/**
 * What a timing depends on, as text: the primitive, the types of its inputs, which of them are constants (ORT prepares
 * those once), and its attributes.
 */
export function choiceKey(value: Value): string {
  const operands = value.inputs.map((each) => (constantTensor(each) ? `constant ${typeOf(each)}` : typeOf(each)));
  return `${value.op.name}(${operands.join(', ')}) ${JSON.stringify(value.attributes)}`;
}

/**
 * The values of a graph for which there is something to choose, one for each key that `known` lacks, or for which it has a
 * lowering of another version of Graft or of another device. What was `given` is left as it is: where it is wrong, encoding
 * says so.
 */
export function undecided(
  outputs: Iterable<Value>,
  features: Features,
  known: Choices,
  given: Choices = {},
): Map<string, Value> {
  const found = new Map<string, Value>();
  for (const value of reachable(outputs)) {
    if (Object.keys(value.op.lowerings).length < 2) continue;
    const key = choiceKey(value);
    const names = applicableLowerings(value, features);
    if (key in given || names.includes(known[key] ?? '')) continue;
    if (names.length > 1 || key in known) found.set(key, value);
  }
  return found;
}

/** One lowering of a value, ready to run. */
interface Candidate {
  readonly name: string;
  readonly program: Program;
  /** Of its best run. */
  milliseconds: number;
}

/** Counted rounds; after the first, none is begun once `patience` (milliseconds) is over. */
const rounds = 4;
const patience = 300;
/** What is this much slower than the best in one round is not run again. */
const hopeless = 1.3;

/**
 * The fastest lowering of one value on this backend, by running each on numbers of its own. They run in turn, so that
 * what else the machine does falls on all of them. Where no time is to be measured, the first one counts.
 */
export async function fastestLowering(value: Value, backend: Backend): Promise<string> {
  const stand = isolated(value);
  const into = { y: zeros(value.dtype, value.shape) };
  const run = async (candidate: Candidate) => {
    const start = performance.now();
    await candidate.program.run(stand.feeds, into);
    candidate.milliseconds = Math.min(candidate.milliseconds, performance.now() - start);
  };
  const features = await backend.features();
  const all: Candidate[] = [];
  for (const name of applicableLowerings(value, features)) {
    const graph = encode({ [`${outputPrefix}y`]: stand.value }, { choose: () => name, features });
    const program = new Program(await backend.load(graph.model), graph, backend.wrap);
    all.push({ name, program, milliseconds: Number.POSITIVE_INFINITY });
  }
  const start = performance.now();
  const patient = (round: number) => round < 2 || performance.now() - start < patience;
  let rest = all;
  for (let round = 0; round <= rounds && rest.length > 1 && patient(round); round++) {
    for (const candidate of rest) await run(candidate);
    rest = promising(rest, round);
    // ORT plans its memory in the first run: it counts only against what is slow beyond doubt.
    if (round === 0) for (const candidate of rest) candidate.milliseconds = Number.POSITIVE_INFINITY;
  }
  for (const { program } of all) await program.release();
  return rest.reduce((best, each) => (each.milliseconds < best.milliseconds ? each : best)).name;
}

function promising(candidates: Candidate[], round: number): Candidate[] {
  const best = Math.min(...candidates.map(({ milliseconds }) => milliseconds));
  const limit = round === 0 ? 2 * hopeless : hopeless;
  return candidates.filter(({ milliseconds }) => milliseconds <= limit * best);
}

/** The value alone, with inputs of the same types, and numbers for them. Constants stay what they are. */
function isolated(value: Value): { value: Value; feeds: Record<string, Tensor> } {
  const feeds: Record<string, Tensor> = {};
  const inputs = value.inputs.map((operand, i) => {
    if (constantTensor(operand)) return operand;
    feeds[`x${i}`] = numbersLike(operand);
    return input(`x${i}`, operand.dtype, operand.shape);
  });
  return { value: makeValue(value.op, inputs, value.attributes), feeds };
}

/** Zeros would be a special case for the processor; beyond that the numbers do not matter, so a few are repeated. */
function numbersLike({ dtype, shape }: TensorType): Tensor {
  if (dtype !== 'f32') return zeros(dtype, shape);
  const stream = randomStream(0, 'tuning');
  const pattern = Float32Array.from({ length: Math.min(4096, sizeOf(shape)) }, () => stream.uniform() - 0.5);
  const data = new Float32Array(sizeOf(shape));
  for (let at = 0; at < data.length; at += pattern.length) data.set(pattern.subarray(0, data.length - at), at);
  return tensor('f32', shape, data);
}
