import { hostname } from 'node:os';
import type { RunHost } from '@graft-ml/core/internal/runs/host';
import type { MemoryUse } from '@graft-ml/core/internal/runs/resources';
import { runCurves } from '@graft-ml/core/internal/runs/run-curves';
import { ortVersion } from '../runtime/index.ts';
import { signPaths } from './own-paths.ts';
import { type OpenRunStore, openRunStore } from './run-store.ts';

/** This process, and where its runs are kept. Default: in folders. */
export function nodeHost(openStore: OpenRunStore = openRunStore): RunHost {
  return {
    openStore,
    get versions() {
      return { node: process.versions.node, onnxruntime: ortVersion() };
    },
    machine: hostname(),
    sign: signPaths,
    drawCurves: runCurves,
    memory: processMemory,
  };
}

/** The resident memory of this process. */
export function processMemory(): MemoryUse {
  return { now: process.memoryUsage.rss(), peak: 1024 * process.resourceUsage().maxRSS };
}
