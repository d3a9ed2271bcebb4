import {
  bothSessions,
  type GatheringOutputs,
  type GatheringProgram,
  gatheringAlone,
  gatheringPair,
  Program,
  type Runtime,
  type ThreadPair,
} from '../runtime/index.ts';
import { TimedRuntime } from './profile/timed-runtime.ts';

/**
 * Compiles a program that adds up, with two sessions side by side where there is a pair of threads. Its kernels are those
 * that are chosen for all threads.
 */
export async function compileGathering(
  runtime: Runtime,
  { sums, results }: GatheringOutputs,
  pair: ThreadPair | null,
): Promise<GatheringProgram> {
  const { backend } = runtime;
  const [names, all] = [Object.keys(sums), { ...sums, ...results }];
  if (!pair) return gatheringAlone(await runtime.compile(all), names);
  if (runtime instanceof TimedRuntime) return timedPair(runtime, { sums, results }, pair);
  const { outputs, overwritten } = backend.overwriting?.(all) ?? { outputs: all, overwritten: none };
  const graph = await runtime.encode(outputs);
  const [session, thread] = await bothSessions(
    pair.open(graph, { sums: names, overwritten, isTimed: false }),
    pair.load(graph.model),
  );
  return gatheringPair(new Program(session, graph, backend.wrap, overwritten), names, thread);
}

const none: ReadonlySet<string> = new Set();

/** As `compileGathering`, with kernels that are timed in both sessions. */
async function timedPair(
  runtime: TimedRuntime,
  { sums, results }: GatheringOutputs,
  pair: ThreadPair,
): Promise<GatheringProgram> {
  const { wrap } = runtime.backend;
  const names = Object.keys(sums);
  const graph = await runtime.encode({ ...sums, ...results });
  const timed = runtime.timed(graph)!;
  const [session, thread] = await bothSessions(
    pair.open(graph, { sums: names, overwritten: none, isTimed: true }),
    pair.loadTimed(graph.model),
  );
  timed.timedBy(() => Promise.all([session.endTiming(), thread.endTiming()]));
  const both = gatheringPair(new Program(session, graph, wrap), names, thread);
  return { ...both, gather: (...given) => timed.called(() => both.gather(...given)) };
}
