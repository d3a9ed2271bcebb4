import { type EncodedGraph, type EncodeOptions, encode, type Features, reachable, type Value } from '../graph/index.ts';
import type { Agreement } from './agreement.ts';
import type { Backend, Device } from './backend.ts';
import type { Placement } from './placement.ts';
import { outputPrefix, Program } from './program.ts';
import {
  allCandidates,
  type Candidates,
  type ChoiceStore,
  type Choices,
  choiceKey,
  type ShippedChoices,
  type TuningEvent,
  undecided,
} from './tuning.ts';

export interface RuntimeOptions {
  /** Fixed choices, from a run that is to be repeated exactly. They take precedence over the store's. */
  readonly choices?: Choices;
  readonly store?: ChoiceStore;
  /** Choices that come with Graft. The store's take precedence over them. */
  readonly shipped?: ShippedChoices;
  /**
   * Choices for shapes that were never timed, by the shipped choices of others: what was timed meanwhile has no say, so
   * that a run that goes on makes the same choices. Default: none, every shape is timed.
   */
  readonly similar?: (
    open: ReadonlyMap<string, Value>,
    shipped: Choices,
    candidates: (value: Value) => readonly string[],
  ) => Choices;
  /**
   * Whether lowerings are timed where none is known. Without, the usual ones are taken: what runs a few times only is
   * done sooner. Default true.
   */
  readonly tune?: boolean;
  readonly onTuning?: (event: TuningEvent) => void;
  /** For a device whose kernels may be wrong: what it may be used for. */
  readonly agreement?: () => Promise<Agreement>;
  /** Called while kernels of such a device are compared with the reference. */
  readonly onCheck?: (event: TuningEvent) => void;
}

/** Compiles graphs for one backend, and remembers which lowerings it chose. */
export class Runtime {
  /** The device that it compiles for. */
  readonly backend: Backend;
  readonly #options: RuntimeOptions;
  readonly #used: Record<string, string> = {};
  readonly #placements = new Map<string, Placement>();
  #shipped: Choices = {};
  #known: Record<string, string> | undefined;

  constructor(backend: Backend, options: RuntimeOptions = {}) {
    this.backend = backend;
    this.#options = options;
  }

  get device(): Device {
    return this.backend.device;
  }

  /** Threads inside one operator. */
  get threads(): number {
    return this.backend.threads;
  }

  /**
   * How many of so many rows go through a network together where nothing trains.
   *
   * @param graph what the network makes of so many
   */
  rowsAtOnce(count: number, graph: (rows: number) => Value): number {
    return this.backend.rowsAtOnce?.(count, graph) ?? Math.min(count, 16);
  }

  /** A key of everything that its numbers and their times depend on: device, processor, threads, ORT's version. */
  get identity(): string {
    return this.backend.identity;
  }

  /** The lowerings in use so far, to be recorded with a run. */
  get choices(): Choices {
    return { ...this.#used };
  }

  /**
   * Where each primitive of the graphs so far is computed, at each shape, on a device whose kernels are checked before
   * they are used (`webgpu`); of other devices nothing. `formatPlacements` prints it.
   */
  get placements(): readonly Placement[] {
    return [...this.#placements.values()];
  }

  /**
   * Compiles what the outputs depend on. Where a primitive can be written in several ways, the choice is one that comes
   * with Graft, or the fastest is found by timing, once per shape; later graphs, and later processes through the store,
   * use what was found.
   */
  async compile(outputs: Readonly<Record<string, Value>>): Promise<Program> {
    const { backend } = this;
    const { outputs: arranged, overwritten } = backend.overwriting?.(outputs) ?? { outputs };
    const constants = backend.load.constantsInPlace?.();
    const graph = await this.encode(arranged, { writeTensor: constants?.writeTensor });
    const session = await (constants?.load(graph.model) ?? backend.load(graph.model, { onCpu: graph.onCpu }));
    return new Program(session, graph, backend.wrap, overwritten);
  }

  /**
   * The ONNX graph that `compile` makes a session of, for sessions elsewhere: in other threads.
   *
   * @param options `nameOf` counts on devices whose kernels are not checked
   */
  async encode(
    outputs: Readonly<Record<string, Value>>,
    options: Pick<EncodeOptions, 'nameOf' | 'writeTensor'> = {},
  ): Promise<EncodedGraph> {
    const features = await this.backend.features();
    const { onCheck } = this.#options;
    const agreement = await this.#options.agreement?.();
    await agreement?.check(Object.values(outputs), onCheck);
    const candidates = agreement ? (value: Value) => agreement.candidates(value) : allCandidates(features);
    const known = await this.#tune(Object.values(outputs), {
      candidates,
      features,
      isChecked: agreement !== undefined,
    });
    const renamed = Object.fromEntries(Object.entries(outputs).map(([name, value]) => [outputPrefix + name, value]));
    const choose = (value: Value) => {
      const key = Object.keys(value.op.lowerings).length > 1 ? choiceKey(value) : '';
      const usable = agreement?.candidates(value);
      const wanted = known[key];
      const chosen = usable && !usable.includes(wanted ?? '') ? usable[0] : wanted;
      if (chosen !== undefined && key !== '') this.#used[key] = chosen;
      return chosen;
    };
    if (!agreement) return encode(renamed, { ...options, choose, features });
    for (const value of reachable(Object.values(outputs))) {
      const placement = agreement.placement(value, choose(value));
      if (placement) this.#placements.set(placement.key, placement);
    }
    return encode(renamed, { choose, features, onCpu: (value) => agreement.isOnCpu(value) });
  }

  async #tune(
    outputs: readonly Value[],
    { candidates, features, isChecked }: { candidates: Candidates; features: Features; isChecked: boolean },
  ): Promise<Choices> {
    const { store, shipped, choices, similar, tune = true, onTuning } = this.#options;
    if (!this.#known) {
      this.#shipped = (await shipped?.(features)) ?? {};
      this.#known = { ...this.#shipped, ...(await store?.load()), ...choices };
    }
    if (!tune) return this.#known;
    // Even a fixed choice is replaced where its numbers are wrong here.
    const open = undecided(outputs, candidates, this.#known, isChecked ? {} : choices);
    const inherited = similar?.(open, this.#shipped, candidates) ?? {};
    Object.assign(this.#known, inherited);
    for (const key of Object.keys(inherited)) open.delete(key);
    if (open.size === 0) return this.#known;
    const { timeAll } = await import('./timing.ts'); // as a rule all choices are known
    const found = await timeAll(open, this.backend, onTuning, candidates);
    Object.assign(this.#known, found);
    await store?.save(found);
    return this.#known;
  }
}
