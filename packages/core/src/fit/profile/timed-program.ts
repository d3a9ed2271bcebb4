import { inputName, originals, reachable, type Value } from '../../graph/index.ts';
import type { TimedRun, TimedSession } from '../../runtime/backend.ts';
import { resultNames } from '../step.ts';
import { layerOfParameter, type Origin, type Origins } from './origins.ts';

/** A stretch of time, in milliseconds since 1970. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

/** The time, in milliseconds since 1970, to parts of a microsecond; the same in every thread. */
export const now = () => performance.timeOrigin + performance.now();

/** A value of a graph, and where it comes from. */
export interface NamedValue extends Origin {
  readonly primitive: string;
  /** Floating-point operations of a run. */
  readonly flops: number;
}

/**
 * A graph that is being profiled: calls of it by this thread, and the sessions that do them, one or several side by
 * side.
 */
export class TimedProgram {
  /** `step`, `update`, or the `tasks` of meta-learning. */
  readonly name: string;
  readonly values: readonly NamedValue[];
  readonly calls: Span[] = [];
  readonly #indices: ReadonlyMap<Value, number>;
  #end: (() => Promise<readonly (readonly TimedRun[])[]>) | null = null;

  constructor(outputs: Readonly<Record<string, Value>>, origins: Origins) {
    const values = reachable(Object.values(outputs));
    const firsts = originals(values);
    const { [resultNames.loss]: loss, [resultNames.outputs]: results } = outputs;
    if (loss && results) origins.markLoss(loss, results);
    const isUpdate = !values.some((value) => origins.of(value)?.pass === 'backward');
    this.name = isUpdate
      ? 'update'
      : Object.keys(outputs).some((name) => name.startsWith('gradient/'))
        ? 'tasks'
        : 'step';
    const layers = isUpdate ? layersByInput(values) : null;
    this.#indices = new Map(values.map((value, index) => [value, index]));
    this.values = values.map((value) => ({
      ...(layers
        ? { layer: layers.get(value) ?? 'input', pass: 'optimizer' as const }
        : (origins.of(value) ?? { layer: 'input', pass: 'forward' as const })),
      primitive: value.op.name,
      flops: firsts.get(value) === value ? value.op.flops(value) : 0,
    }));
  }

  /** Begins the names of the nodes of a value. What ONNX Runtime makes of several nodes has one of their names in its own. */
  readonly nameOf = (value: Value): string => `#${this.#indices.get(value)}`;

  /** The value that a node is for; undefined of what ONNX Runtime added. */
  ownerOf(node: string): NamedValue | undefined {
    const [, index] = /#(\d+)\//.exec(node) ?? [];
    return index === undefined ? undefined : this.values[Number(index)];
  }

  /** Notes when a call begins and ends. */
  async called<T>(work: () => Promise<T>): Promise<T> {
    const start = now();
    try {
      return await work();
    } finally {
      this.calls.push({ start, end: now() });
    }
  }

  /** Is told how to end the timing of its sessions. */
  timedBy(end: () => Promise<readonly (readonly TimedRun[])[]>): void {
    this.#end = end;
  }

  /** The session of this thread that does the calls. */
  doneBy(session: TimedSession): void {
    this.timedBy(async () => [await session.endTiming()]);
  }

  /** Ends the timing: the runs of each session. */
  async end(): Promise<readonly (readonly TimedRun[])[]> {
    const end = this.#end;
    this.#end = null;
    return (await end?.()) ?? [];
  }
}

/** The layers of a graph of updates alone: by the parameter of each. */
function layersByInput(values: readonly Value[]): ReadonlyMap<Value, string> {
  const layers = new Map<Value, string>();
  for (const value of values) {
    const name = inputName(value)?.replace(/^gradient\//, '');
    const own = name === undefined || name.includes('/') ? undefined : layerOfParameter(name);
    const layer = own ?? value.inputs.map((each) => layers.get(each)).find((each) => each !== undefined);
    if (layer !== undefined) layers.set(value, layer);
  }
  return layers;
}

/** Whether a graph trains: its outputs are not only results that are looked at. */
export function isTraining(outputs: Readonly<Record<string, Value>>): boolean {
  return Object.keys(outputs).some((name) => !name.startsWith('result/'));
}
