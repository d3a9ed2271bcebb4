import type { Tensor, Tensors } from '../base/tensor.ts';
import type { Program } from '../runtime/index.ts';
import type { Evaluation } from './events.ts';
import { inOrder, type Source } from './source.ts';
import { feedNames, resultNames } from './step.ts';

/** Mean loss and accuracy of a network over a source; null where the signal came first. */
export async function evaluate(
  program: Program,
  variables: Tensors,
  source: Source,
  batchSize: number,
  signal?: AbortSignal,
): Promise<Evaluation | null> {
  let [loss, correct] = [0, 0];
  if (signal?.aborted) return null;
  const request = { batchSize, order: inOrder(source.size), lastBatch: 'pad', epoch: 0 } as const;
  for await (const { inputs, labels, weights } of source.batches(request)) {
    const feeds = { [feedNames.input]: inputs, [feedNames.labels]: labels, [feedNames.weights]: weights };
    const results = await program.run({ ...variables, ...feeds });
    loss += number(results[resultNames.loss]);
    correct += number(results[resultNames.correct]);
    if (signal?.aborted) return null;
  }
  return { loss: loss / source.size, accuracy: correct / source.size };
}

/** Higher accuracy; at a tie, lower loss. */
export function isBetter(a: Evaluation, b: Evaluation): boolean {
  return a.accuracy > b.accuracy || (a.accuracy === b.accuracy && a.loss < b.loss);
}

/** The one number of a scalar. */
export function number(tensor: Tensor | undefined): number {
  return Number(tensor!.data[0]);
}
