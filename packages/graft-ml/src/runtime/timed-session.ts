import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sequenceOperator } from '@graft-ml/core/internal/graph/sequence-output';
import type { KernelTime, TimedRun, TimedSession } from '@graft-ml/core/internal/runtime/backend';
import type { InferenceSession } from 'onnxruntime-common';
import type { SessionInPlace } from './in-place.ts';

/** An event of ORT's profile, in Chrome's trace format, as far as it is read here. Times are microseconds. */
interface OrtEvent {
  readonly cat: string;
  readonly name: string;
  readonly ts: number;
  readonly dur: number;
  readonly args?: { readonly op_name?: string };
}

/**
 * A session that ORT's profiler watches until the timing ends. The profiler writes a file when it is ended, into a
 * folder that is removed then.
 */
export async function timedSession(
  load: (options: InferenceSession.SessionOptions) => Promise<SessionInPlace>,
): Promise<TimedSession> {
  const folder = await mkdtemp(join(tmpdir(), 'graft-profile-'));
  const remove = () => rm(folder, { recursive: true, force: true });
  const starts: number[] = [];
  const lengths: number[] = [];
  let isTiming = true;
  try {
    const session = await load({ enableProfiling: true, profileFilePrefix: join(folder, 'session') });
    return {
      async run(feeds, fetches) {
        if (!isTiming) return session.run(feeds, fetches);
        const start = performance.now();
        const results = await session.run(feeds, fetches);
        starts.push(performance.timeOrigin + start);
        lengths.push(performance.now() - start);
        return results;
      },
      async endTiming() {
        isTiming = false;
        session.endProfiling();
        try {
          const [file] = await readdir(folder);
          const events: OrtEvent[] = file === undefined ? [] : JSON.parse(await readFile(join(folder, file), 'utf8'));
          return kernelsByRun(events)
            .slice(0, starts.length)
            .map((kernels, i): TimedRun => ({ start: starts[i]!, milliseconds: lengths[i]!, kernels }));
        } finally {
          await remove();
        }
      },
      async release() {
        await session.release();
        await remove();
      },
    };
  } catch (error) {
    await remove();
    throw error;
  }
}

const kernelSuffix = '_kernel_time';

/** The kernels of each run: those before its event `model_run`, which is written at its end. */
function kernelsByRun(events: readonly OrtEvent[]): KernelTime[][] {
  const runs: KernelTime[][] = [];
  let open: OrtEvent[] = [];
  for (const event of events) {
    const isKernel = event.cat === 'Node' && event.name.endsWith(kernelSuffix);
    if (isKernel && event.args?.op_name !== sequenceOperator) open.push(event);
    if (event.cat !== 'Session' || event.name !== 'model_run') continue;
    runs.push(
      open.map(({ name, ts, dur, args }) => ({
        node: name.slice(0, -kernelSuffix.length),
        operator: args?.op_name ?? '',
        start: (ts - event.ts) / 1000,
        milliseconds: dur / 1000,
      })),
    );
    open = [];
  }
  return runs;
}
