import type { Run } from '@graft-ml/core/internal/runs/run-file';
import { signal } from '@preact/signals';
import { graft } from './graft.ts';

/** A run that this browser keeps. */
export interface KeptRun {
  /** `runs/<name>` */
  readonly path: string;
  readonly run: Run;
}

const kept = signal<readonly KeptRun[] | null>(null);

/** The runs that this browser keeps, the latest first; null until they are read. */
export function runs(): readonly KeptRun[] | null {
  return kept.value;
}

/** Reads them again. What is no run of training is passed over. */
export async function refreshRuns(): Promise<void> {
  const paths = await graft().listRuns();
  const read = paths.map(async (path) =>
    graft()
      .readRun(path)
      .then(
        (run) => [{ path, run }],
        () => [],
      ),
  );
  kept.value = (await Promise.all(read)).flat().sort((a, b) => numberOf(b.path) - numberOf(a.path));
}

const wanted = signal<string | null>(null);

/** The run that one wants to look at; null where none was chosen. */
export function runToLookAt(): string | null {
  return wanted.value;
}

/** @param path null once it is looked at */
export function wantToLookAt(path: string | null): void {
  wanted.value = path;
}

export async function removeRun(path: string): Promise<void> {
  await graft().removeRun(path);
  await refreshRuns();
}

const numberOf = (path: string) => Number(/(\d+)$/.exec(path)?.[1] ?? 0);

/** A path that no run has. */
export function freePath(): string {
  return `runs/run-${Math.max(0, ...(kept.value ?? []).map(({ path }) => numberOf(path))) + 1}`;
}
