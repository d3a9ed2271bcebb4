import { holdsFolds, readFolds } from '../experiment/cross-validation.ts';
import type { Executor } from '../jobs/executor.ts';
import { type ExtractOptions, extractElsewhere } from '../jobs/extract.ts';
import { noFarm, withExecutor, withFarm } from './open-farm.ts';
import type { FarmFlags } from './options/farm.ts';
import type { Terminal } from './terminal.ts';

/** What processes and machines share of a training: whole folds, the features of frozen layers, or nothing. */
export type Division = 'folds' | 'features' | 'nothing';

interface Divided<C> {
  readonly division: Division;
  /** The folder that is written. */
  readonly out: string;
  /** The options of the call. */
  readonly call: C;
  readonly terminal: Terminal;
}

/** Gives a training's call what does its parts, as the flags say, for as long as the work takes. */
export async function withDivision<C extends Pick<ExtractOptions, 'signal' | 'onNote'>, T>(
  flags: FarmFlags,
  { division, out, call, terminal }: Divided<C>,
  work: (
    call: C & { readonly executor?: Executor; readonly extract?: ReturnType<typeof extractElsewhere> },
  ) => Promise<T>,
): Promise<T> {
  if (division === 'folds') {
    return withExecutor(flags, { out, terminal }, (executor) => work({ ...call, ...(executor && { executor }) }));
  }
  return withFarm(division === 'features' ? flags : noFarm, { name: 'features', terminal }, (farm) => {
    const { signal, onNote } = call;
    return work({ ...call, ...(farm && { extract: extractElsewhere(farm, { signal, onNote }) }) });
  });
}

/** What can be shared of what is gone on with. */
export async function divisionOf(out: string): Promise<Division> {
  if (!(await holdsFolds(out))) return 'features';
  // Each fold has workers of its own.
  return (await readFolds(out)).config.workers === null ? 'folds' : 'nothing';
}
