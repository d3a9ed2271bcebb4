/*
 * Finds the fastest lowering of a value on a machine that may be busy with other work.
 *
 * Wall time tells only while nothing else runs: with as many busy processes as cores, runs of one kernel differ by a
 * factor of five, whereas its processor time in a session of one thread stays within a tenth. So a kernel is timed by
 * the clock, with all threads, while a yardstick beside it shows that the machine is quiet; else by processor time, on
 * one thread. Candidates run in turn.
 */
import { type Tensor, zeros } from '../base/tensor.ts';
import { constantTensor, encode, input, makeValue, type Value } from '../graph/index.ts';
import { matmul } from '../ops/index.ts';
import type { Backend } from './backend.ts';
import { outputPrefix, Program } from './program.ts';
import { allCandidates, type Candidates, sampleTensor, type TuningEvent } from './tuning.ts';

/** The clock and the scale by which candidates are timed. */
export interface Clock {
  /** Milliseconds. */
  now(): number;
  /** True where the round that has just ended counts. Called before the first round, too. */
  isUndisturbed(): Promise<boolean>;
}

/** Rounds before those that count: ORT plans its memory in the first run. */
const warmUp = 1;
const fewestRounds = 3;
const mostRounds = 12;
/** Milliseconds of the clock after which no round is begun beyond the fewest. */
const patience = 500;
/** A candidate slower than the best by this factor is not run again. */
const hopeless = 1.3;
/**
 * Among candidates within this factor of the best, the first in the primitive's own order is chosen, so that a
 * repetition chooses alike.
 */
const tie = 1.03;
/** A run is short where the clock and the call would count; short ones are repeated. */
const shortest = 1;
const mostRepeats = 20;

/** The fastest lowering of each value, by its key. */
export async function timeAll(
  open: ReadonlyMap<string, Value>,
  backend: Backend,
  onTuning?: (event: TuningEvent) => void,
  candidates?: Candidates,
): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  const stopwatch = new Stopwatch(backend, candidates ?? allCandidates(await backend.features()));
  try {
    let done = 0;
    for (const [key, value] of open) {
      onTuning?.({ done: done++, total: open.size });
      found[key] = await stopwatch.fastest(value);
    }
    onTuning?.({ done, total: open.size });
    return found;
  } finally {
    await stopwatch.close();
  }
}

/** Times lowerings on one backend until it is closed. */
class Stopwatch {
  readonly #backend: Backend;
  readonly #candidates: Candidates;
  #yardstick: Yardstick | undefined;

  constructor(backend: Backend, candidates: Candidates) {
    [this.#backend, this.#candidates] = [backend, candidates];
  }

  /** The name of the fastest lowering of a value, found by running each on numbers of its own. */
  async fastest(value: Value): Promise<string> {
    const [only, ...others] = this.#candidates(value);
    if (only !== undefined && others.length === 0) return only;
    const { threads, processorTime } = this.#backend;
    if (!processorTime) return (await this.#contest(value, threads, { now: wallTime, isUndisturbed: always }))!;
    if (threads > 1) {
      this.#yardstick ??= await Yardstick.open(this.#backend);
      const isUndisturbed = () => this.#yardstick!.isUndisturbed();
      const found = await this.#contest(value, threads, { now: wallTime, isUndisturbed });
      if (found !== undefined) return found;
    }
    return (await this.#contest(value, 1, { now: processorTime, isUndisturbed: always }))!;
  }

  async close(): Promise<void> {
    await this.#yardstick?.close();
  }

  /** The winner, or undefined where too few rounds were undisturbed. */
  async #contest(value: Value, threads: number, clock: Clock): Promise<string | undefined> {
    if (!(await clock.isUndisturbed())) return undefined;
    const { feeds, alone } = isolated(value);
    const into = { y: zeros(value.dtype, value.shape) };
    const features = await this.#backend.features();
    const written = { features, ...(this.#backend.isBesideCpu && { onCpu: () => false }) };
    const programs = new Map<string, Program>();
    try {
      for (const name of this.#candidates(value)) {
        const graph = encode({ [`${outputPrefix}y`]: alone }, { choose: () => name, ...written });
        const session = await this.#backend.loadForTiming(graph.model, threads);
        programs.set(name, new Program(session, graph, this.#backend.wrap));
      }
      return await winner([...programs.keys()], clock, (name) => programs.get(name)!.run(feeds, into));
    } finally {
      for (const program of programs.values()) await program.release();
    }
  }
}

const wallTime = () => performance.now();
const always = async () => true;

/** Runs the candidates in turn until one is clearly ahead. Undefined where too few rounds counted. */
export async function winner(
  candidates: readonly string[],
  clock: Clock,
  run: (candidate: string) => Promise<unknown>,
): Promise<string | undefined> {
  const start = clock.now();
  const best = new Map(candidates.map((each) => [each, Number.POSITIVE_INFINITY]));
  let rest = candidates;
  let counted = 0;
  for (let round = 0; round < mostRounds && rest.length > 1; round++) {
    if (counted >= fewestRounds && clock.now() - start > patience) break;
    const times = new Map<string, number>();
    for (const candidate of rest) {
      // Another's run has taken its memory out of the caches, where the kernels of a step reuse memory at once.
      if (round >= warmUp) await run(candidate);
      times.set(candidate, await timeOf(() => run(candidate), clock));
    }
    if (round < warmUp) {
      // The warm-up only rules out candidates that are clearly slow.
      rest = promising(rest, times, 2 * hopeless);
    } else if (await clock.isUndisturbed()) {
      counted++;
      for (const [each, time] of times) best.set(each, Math.min(best.get(each)!, time));
      if (counted > 1) rest = promising(rest, best, hopeless);
    } else if (round - counted > fewestRounds) return undefined;
  }
  if (rest.length > 1 && counted < fewestRounds) return undefined;
  return promising(rest, best, tie)[0];
}

function promising(candidates: readonly string[], times: ReadonlyMap<string, number>, limit: number): string[] {
  const best = Math.min(...candidates.map((each) => times.get(each)!));
  return candidates.filter((each) => times.get(each)! <= limit * best);
}

/** Milliseconds of one run, the mean of several where it is short. */
async function timeOf(run: () => Promise<unknown>, clock: Clock): Promise<number> {
  const start = clock.now();
  let count = 0;
  do {
    await run();
    count++;
  } while (clock.now() - start < shortest && count < mostRepeats);
  return (clock.now() - start) / count;
}

/**
 * A product of two matrices, as evenly divided among the threads as any work is. While nothing else runs it takes the
 * same time in every run; where other processes take turns on the cores, it does not.
 */
class Yardstick {
  readonly #program: Program;
  readonly #feeds: Readonly<Record<string, Tensor>>;
  readonly #into: Readonly<Record<string, Tensor>>;
  #best = Number.POSITIVE_INFINITY;

  private constructor(program: Program, feeds: Record<string, Tensor>, into: Record<string, Tensor>) {
    this.#program = program;
    this.#feeds = feeds;
    this.#into = into;
  }

  static async open(backend: Backend): Promise<Yardstick> {
    const a = input('a', 'f32', [side, side]);
    const b = input('b', 'f32', [side, side]);
    const graph = encode({ [`${outputPrefix}y`]: matmul(a, b) });
    const program = new Program(await backend.loadForTiming(graph.model, backend.threads), graph, backend.wrap);
    const feeds = { a: sampleTensor(a), b: sampleTensor(b) };
    const yardstick = new Yardstick(program, feeds, { y: zeros('f32', [side, side]) });
    for (let i = 0; i < 12; i++) await yardstick.#time();
    return yardstick;
  }

  /** True where a few runs take hardly longer than the fastest run so far. */
  async isUndisturbed(): Promise<boolean> {
    await this.#time(); // finds cold caches and sleeping threads behind another session's run, on a quiet machine, too
    for (let i = 0; i < 3; i++) if ((await this.#time()) > 1.3 * this.#best) return false;
    return true;
  }

  close(): Promise<void> {
    return this.#program.release();
  }

  async #time(): Promise<number> {
    const start = performance.now();
    await this.#program.run(this.#feeds, this.#into);
    const time = performance.now() - start;
    this.#best = Math.min(this.#best, time);
    return time;
  }
}

/**
 * The side of the matrices of the reference product: long compared with starting threads, short compared with a time
 * slice of the system.
 */
const side = 512;

/** The value alone, with inputs of the same types, and numbers for them. Constants stay what they are. */
function isolated(value: Value): { alone: Value; feeds: Record<string, Tensor> } {
  const feeds: Record<string, Tensor> = {};
  const inputs = value.inputs.map((operand, i) => {
    if (constantTensor(operand)) return operand;
    feeds[`x${i}`] = sampleTensor(operand);
    return input(`x${i}`, operand.dtype, operand.shape);
  });
  return { alone: makeValue(value.op, inputs, value.attributes), feeds };
}
