import { UserError } from '../../base/errors.ts';
import type { EncodedGraph, Value } from '../../graph/index.ts';
import { type Choices, Program, Runtime } from '../../runtime/index.ts';
import type { Placement } from '../../runtime/placement.ts';
import type { Origins } from './origins.ts';
import { isTraining, TimedProgram } from './timed-program.ts';

/**
 * A runtime whose training programs are timed. They are the programs of the runtime that it is made of, with names on
 * their nodes: the same lowerings, and the same numbers to the bit.
 */
export class TimedRuntime extends Runtime {
  readonly programs: TimedProgram[] = [];
  readonly #own: Runtime;
  readonly #origins: Origins;
  readonly #timed = new WeakMap<EncodedGraph, TimedProgram>();

  constructor(own: Runtime, origins: Origins) {
    super(own.backend);
    this.#own = own;
    this.#origins = origins;
  }

  override get choices(): Choices {
    return this.#own.choices;
  }

  override get placements(): readonly Placement[] {
    return this.#own.placements;
  }

  override async compile(outputs: Readonly<Record<string, Value>>): Promise<Program> {
    if (!isTraining(outputs)) return this.#own.compile(outputs);
    const { backend } = this;
    if (!backend.loadTimed) {
      throw new UserError(`Kernels can be timed on the processor in Node, not on the device \`${backend.device}\`.`);
    }
    const graph = await this.encode(outputs);
    const timed = this.timed(graph)!;
    const session = await backend.loadTimed(graph.model);
    timed.doneBy(session);
    const calling = {
      run: (...given: Parameters<typeof session.run>) => timed.called(() => session.run(...given)),
      release: () => session.release(),
    };
    return new Program(calling, graph, backend.wrap);
  }

  override async encode(outputs: Readonly<Record<string, Value>>): Promise<EncodedGraph> {
    if (!isTraining(outputs)) return this.#own.encode(outputs);
    const timed = new TimedProgram(outputs, this.#origins);
    const graph = await this.#own.encode(outputs, { nameOf: timed.nameOf });
    this.#timed.set(graph, timed);
    this.programs.push(timed);
    return graph;
  }

  /** The program that a graph is encoded for, where it is timed: for sessions in other threads. */
  timed(graph: EncodedGraph): TimedProgram | undefined {
    return this.#timed.get(graph);
  }
}
