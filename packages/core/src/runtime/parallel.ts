/// <reference lib="esnext.disposable" preserve="true" />
import type { Tensor, Tensors } from '../base/tensor.ts';
import type { Program } from './program.ts';

/** One graph that is run on several sets of feeds, which share what is large: the parameters of many tasks. */
export interface ParallelProgram extends AsyncDisposable {
  /** Results in the order of `feeds`, whoever computed them. A feed comes before a shared tensor of its name. */
  runAll(shared: Tensors, feeds: readonly Tensors[]): Promise<Record<string, Tensor>[]>;
  /** Frees the sessions. Idempotent. */
  release(): Promise<void>;
}

/** One after the other, in one session: where there are no threads to be had. */
export function inSequence(program: Program): ParallelProgram {
  return {
    async runAll(shared, feeds) {
      const results: Record<string, Tensor>[] = [];
      for (const own of feeds) results.push(await program.run({ ...shared, ...own }));
      return results;
    },
    release: () => program.release(),
    [Symbol.asyncDispose]: () => program.release(),
  };
}
