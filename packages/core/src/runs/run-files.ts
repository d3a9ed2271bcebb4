import { replacedBy } from '../base/replaced-name.ts';
import type { OpenRunStore } from '../fit/run-store.ts';
import { isRunLog } from './run-logs.ts';

/** The name of the ONNX file that is a run's model. */
export const onnxFile = 'architecture.onnx';

/** A run's own copy of its ONNX file, and what `run.json` says that it is; runs before 0.2 don't say. */
export interface OwnOnnx {
  readonly path: string;
  readonly sha256: string | null;
  read(): Promise<Uint8Array>;
}

/** A run's own copy of its model. */
export function ownOnnx(
  path: string,
  { onnxSha256 }: { readonly onnxSha256: string | null },
  openStore: OpenRunStore,
): OwnOnnx {
  return { path: `${path}/${onnxFile}`, sha256: onnxSha256, read: () => openStore(path).read(onnxFile) };
}

/** The learning curves of a run, drawn when it ends. */
export const curvesFile = 'curves.svg';

/** The map of a run's images in feature space. */
export const embeddingFile = 'embedding.safetensors';

/** The labels among a run's images that are probably wrong. */
export const labelIssuesFile = 'label-issues.json';

/** The time and memory that a run took, by phase. */
export const resourcesFile = 'resources.json';

/** What `writeReport` makes of a run. */
export const reportFile = 'report.html';

const runFiles: ReadonlySet<string> = new Set([
  'run.json',
  'best.safetensors',
  'last.safetensors',
  onnxFile,
  curvesFile,
  embeddingFile,
  labelIssuesFile,
  resourcesFile,
  reportFile,
]);

/** Whether a file is a run's, so that a new run in its place removes it. */
export function isRunFile(name: string): boolean {
  return runFiles.has(name) || isRunLog(name) || isLeftover(name);
}

/** Whether a file is left by a write whose process was killed. */
export function isLeftover(name: string): boolean {
  return runFiles.has(replacedBy(name) ?? '');
}

/** The lock of a run, runs and workers inside it, and the summaries of runs that belong together. */
const beside = /^(run\.lock(\..*)?|scratch|workers|fold-\d+|folds\.json|compare\.(json|md|svg))$/;

/** Whether Graft reads or writes what has this name in a run folder. */
export function isOfRun(name: string): boolean {
  return isRunFile(name) || beside.test(name);
}
