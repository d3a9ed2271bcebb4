/*
 * Graft's side of a comparison: sets a work up from the weights and images in a folder, says that it is ready, and takes as
 * many steps as each line asks for:
 *   node dist/bench/speed/graft-side.js '{"work": {…}, "threads": 2, "folder": "…"}'
 */
import { createInterface } from 'node:readline';
import { plural } from '@graft-ml/core/internal/base/plural';
import { ortVersion } from 'graft-ml/internal/runtime/index';
import { openMeta } from './graft-meta.ts';
import { openNetwork } from './graft-network.ts';
import type { Ready, Turn } from './side.ts';
import { isMeta, type Work } from './works.ts';

export interface SideRequest {
  readonly work: Work;
  readonly threads: number;
  /** The folder with what both sides start from. */
  readonly folder: string;
}

/** A work that is set up. */
export interface OpenWork {
  /** The losses of its first steps, or the first logits. */
  readonly check: readonly number[];
  step(): Promise<unknown>;
  close(): Promise<void>;
}

const processorTime = () => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
};

const request = JSON.parse(process.argv[2]!) as SideRequest;
const { work, threads, folder } = request;
const open = isMeta(work) ? await openMeta(work, threads) : await openNetwork(work, threads, folder);
const ready: Ready = {
  versions: { node: process.version, onnxruntime: ortVersion() },
  check: open.check,
  setting: isMeta(work) ? metaSetting(work.tasks, threads) : `${threads} threads`,
};
console.log(JSON.stringify(ready));

let before = processorTime();
for await (const line of createInterface({ input: process.stdin })) {
  const begin = processorTime();
  const milliseconds: number[] = [];
  for (let i = 0; i < Number(line); i++) {
    const start = performance.now();
    await open.step();
    milliseconds.push(performance.now() - start);
  }
  const end = processorTime();
  const peak = process.resourceUsage().maxRSS * 1024;
  const turn: Turn = { milliseconds, processor: end - begin, idle: begin - before, peak };
  before = end;
  console.log(JSON.stringify(turn));
}
await open.close();

/** What a pool of programs makes of its threads. */
function metaSetting(tasks: number, threads: number): string {
  const sessions = Math.min(tasks, threads);
  return `${plural(sessions, 'session')} of ${plural(Math.floor(threads / sessions), 'thread')}`;
}
