import type { OpenRunStore } from '@graft-ml/core/internal/fit/run-store';
import type { RunHost } from '@graft-ml/core/internal/runs/host';
import type { NamedPaths } from '@graft-ml/core/internal/runs/named-paths';
import { wasmBuild } from '../runtime/ort.ts';
import { privateRuns } from './private-runs.ts';

/** This page or worker, and where its runs are kept. Default: in the browser's private file system. */
export async function pageHost(openStore: OpenRunStore = privateRuns()): Promise<RunHost> {
  const { versions } = (await wasmBuild.load()).env;
  return {
    openStore,
    versions: { browser: navigator.userAgent, onnxruntime: versions.web ?? versions.common },
    machine: 'browser',
    sign: async () => null, // a page has no places that it could be led to
    drawCurves: async (store) => (await import('@graft-ml/core/internal/runs/run-curves')).runCurves(store), // charts, when there is one to draw
    memory: null,
  };
}

/** A run with the weights that are named now, if any: a page has no paths that it would have to ask its user about. */
export async function usableHere<R extends { readonly config: { readonly weights: string | null } }>(
  _path: string,
  run: R,
  { weights }: NamedPaths,
): Promise<R> {
  return weights === undefined ? run : { ...run, config: { ...run.config, weights } };
}
