import { plural } from '@graft-ml/core/internal/base/plural';
import { printableName } from '@graft-ml/core/internal/base/printable';
import type { DescribedPrediction } from '../../evaluate/prediction-file.ts';
import type { Terminal } from '../terminal.ts';
import { percent, problemLine, table } from './format.ts';
import { printResult } from './printer.ts';

/** The longest line, in characters. */
const longestLine = 1000;

/** Images from which on progress is shown. */
const many = 16;

/**
 * Passes predictions on, with a note about each image that could not be looked at, and progress where there are many.
 */
export async function* watchPredictions(
  terminal: Terminal,
  predictions: AsyncIterable<DescribedPrediction>,
  total: number,
): AsyncGenerator<DescribedPrediction> {
  let done = 0;
  for await (const prediction of predictions) {
    const { path, problem } = prediction;
    if (problem !== undefined) terminal.note(problemLine(path, problem));
    yield prediction;
    done++;
    if (total > many) terminal.progress('predicting', done, total);
  }
}

/** Prints predictions as they come. Returns how many images could not be looked at. */
export async function showPredictions(
  terminal: Terminal,
  predictions: AsyncIterable<DescribedPrediction>,
): Promise<number> {
  const shown: DescribedPrediction[] = [];
  let failed = 0;
  for await (const prediction of predictions) {
    if (terminal.json) shown.push(prediction);
    if (prediction.problem === undefined) for (const line of linesOf(prediction)) terminal.print(line);
    else failed++;
  }
  terminal.printJson(shown);
  return failed;
}

function linesOf({ path, classes }: DescribedPrediction): string[] {
  const rows = classes.map(({ name, probability }) => [percent(probability), name]);
  const [, , ...cells] = table(['', ''], rows).split('\n');
  return [printableName(path, longestLine), ...cells.map((line) => `  ${line}`)];
}

/** Says what a file of predictions holds. Returns how many images could not be looked at. */
export function showPredictionFile(
  terminal: Terminal,
  output: string,
  { images, failed }: { images: number; failed: number },
): number {
  const without = failed > 0 ? `, ${failed} of which could not be looked at` : '';
  printResult(terminal, {
    lines: [`${output}: ${plural(images, 'image')}${without}.`],
    json: { output, images, failed },
  });
  return failed;
}
