import type { DescribedPrediction } from '../evaluate/prediction-file.ts';
import { unlessStopped } from './long-call.ts';
import { showPredictionFile, showPredictions } from './show/predictions.ts';
import type { Terminal } from './terminal.ts';

/**
 * Prints predictions, or writes them to a file and says so. Returns how many images could not be looked at; null where
 * a signal ended the writing.
 */
export async function outputPredictions(
  terminal: Terminal,
  { output, top }: { readonly output: string | null; readonly top: number },
  predict: (signal?: AbortSignal) => AsyncIterable<DescribedPrediction>,
): Promise<number | null> {
  if (output === null) return showPredictions(terminal, predict());
  const { writePredictions } = await import('../evaluate/prediction-file.ts');
  return unlessStopped(terminal, async (signal) =>
    showPredictionFile(terminal, output, await writePredictions(output, predict(signal), top)),
  );
}
