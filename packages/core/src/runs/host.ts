import type { OpenRunStore, RunStore } from '../fit/run-store.ts';
import type { PathRecord } from './named-paths.ts';
import type { MemoryUse } from './resources.ts';
import type { RunVersions } from './run-file.ts';

/** What a run needs of where it is made: a process of Node, or a page. */
export interface RunHost {
  readonly openStore: OpenRunStore;
  readonly versions: RunVersions;
  /** The machine's name in the names of TensorBoard's files. */
  readonly machine: string;
  /** Signs the places that a record names, so that they are opened unasked later; null where nobody has a key. */
  sign(record: Omit<PathRecord, 'signature'>): Promise<string | null>;
  /** The learning curves of a run as SVG, by its log; null where no epoch is complete. */
  drawCurves(store: Pick<RunStore, 'names' | 'read'>): Promise<string | null>;
  /** The memory in use; null where nobody knows, so that no run says what it took. */
  readonly memory: (() => MemoryUse) | null;
}
