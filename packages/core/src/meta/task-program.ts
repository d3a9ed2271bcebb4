/// <reference lib="esnext.disposable" preserve="true" />
import type { Tensor, Tensors } from '../base/tensor.ts';
import type { Value } from '../graph/index.ts';
import type { ParallelProgram, Runtime } from '../runtime/index.ts';
import type { Episode, EpisodeShape, EpisodeSource } from './episode.ts';
import { taskNames } from './task-graph.ts';

/** Where an episode is drawn: the same address gives the same episode, in any process. */
export type EpisodeAddress = readonly (string | number)[];

/** The graph of a task, and where the episodes of its tasks come from. */
export interface TaskWork {
  readonly outputs: Readonly<Record<string, Value>>;
  /** The inputs that all tasks have in common. */
  readonly shared: Iterable<string>;
  readonly runtime: Runtime;
  /** The side of the split that episodes are drawn of, and its source. */
  readonly side: 'train' | 'validation';
  readonly episodes: EpisodeSource;
  readonly shape: EpisodeShape;
  /** The most tasks of a call. */
  readonly atOnce: number;
}

/** Tasks to be done at the same values. */
export interface TaskCall {
  readonly values: Tensors;
  readonly addresses: readonly EpisodeAddress[];
  /** Fed to each task besides its episode. */
  readonly common?: Tensors | null;
  /** The addresses of the next call, as far as they are known, so that they can be drawn meanwhile. */
  readonly next?: readonly EpisodeAddress[];
}

/** A compiled graph that is run on episodes, wherever that happens. */
export interface TaskProgram extends AsyncDisposable {
  /** Results in the order of the addresses, whoever computed them. */
  run(call: TaskCall): Promise<Record<string, Tensor>[]>;
  release(): Promise<void>;
}

/** Opens the graph of a task for many tasks. */
export type OpenTasks = (work: TaskWork) => Promise<TaskProgram>;

/** Compiles the graph of a task for many tasks. */
export type CompileTasks = (
  outputs: Readonly<Record<string, Value>>,
  tasks: {
    /** The inputs that all tasks have in common. */
    readonly shared: Iterable<string>;
    readonly runtime: Runtime;
    /** The most tasks of a call. Default: enough for every thread. */
    readonly atOnce?: number;
  },
) => Promise<ParallelProgram>;

/** An episode under the names that the graphs of a task know it by. */
export function feedsOfEpisode({ support, supportLabels, query, queryLabels }: Episode): Tensors {
  return {
    [taskNames.support]: support,
    [taskNames.supportLabels]: supportLabels,
    [taskNames.query]: query,
    [taskNames.queryLabels]: queryLabels,
  };
}

/** Tasks whose episodes are drawn by this process, which computes them, too. */
export function tasksHere(compile: CompileTasks): OpenTasks {
  return async ({ outputs, episodes, shape, ...tasks }) => {
    const program = await compile(outputs, tasks);
    const draw = (addresses: readonly EpisodeAddress[]) => ({
      name: JSON.stringify(addresses),
      feeds: addresses.map((address) => feedsOfEpisode(episodes.draw(shape, address))),
    });
    let ahead = draw([]);
    return {
      async run({ values, addresses, common, next = [] }) {
        const { feeds } = ahead.name === JSON.stringify(addresses) ? ahead : draw(addresses);
        const running = program.runAll(
          values,
          feeds.map((own) => ({ ...own, ...common })),
        );
        running.catch(() => {}); // told below
        // The threads are at it: this one draws the next episodes.
        ahead = draw(next);
        return running;
      },
      release: () => program.release(),
      [Symbol.asyncDispose]: () => program.release(),
    };
  };
}
