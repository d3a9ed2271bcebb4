import { plural } from '@graft-ml/core/internal/base/plural';
import { printableName } from '@graft-ml/core/internal/base/printable';
import type { GreedySoup } from '../../study/soup.ts';
import type { MeasuredWeights } from '../../study/weights-bench.ts';
import type { WiseFt } from '../../study/wise-ft.ts';
import { commandLine } from '../../text/wording.ts';
import { fact, percent, table } from './format.ts';
import type { Result } from './printer.ts';

/** A greedy soup: each run with what it brought, and the numbers of the average. */
export function soupResult(result: GreedySoup): Result {
  const { out, ingredients, leftOut, validation, test } = result;
  const rows = ingredients.map(({ name, validation: alone, withIt, kept }) => [
    printableName(name, 40),
    percent(alone.accuracy),
    withIt === null ? '–' : percent(withIt.accuracy),
    kept ? 'kept' : 'left out',
  ]);
  const count = ingredients.filter(({ kept }) => kept).length;
  const numbers = (name: string, { best, soup }: Record<'best' | 'soup', MeasuredWeights>, note: string) =>
    fact(name, `best run ${measured(best)}, soup ${measured(soup)} of ${plural(soup.images, 'image')}${note}`);
  return {
    notes: leftOut.map(({ run, reason }) => `${printableName(run, 200)} is no candidate: ${reason}.`),
    lines: [
      table(['run', 'validation', 'soup with it', ''], rows),
      '',
      numbers('validation', validation, ', which chose the ingredients: a little too good'),
      ...(test ? [numbers('test', test, '')] : []),
      '',
      out === null
        ? 'Nothing was written: with no other run is the average as good as the best run alone.'
        : written(out, `the average of ${plural(count, 'run')}`),
    ],
    json: result,
  };
}

/** WiSE-FT: validation by α, and the numbers of the best. */
export function wiseFtResult(result: WiseFt): Result {
  const { out, best, curve, test } = result;
  const rows = curve.map((one) => [
    one.alpha.toFixed(2),
    percent(one.accuracy),
    one.loss.toFixed(3),
    one.alpha === best.alpha ? 'the best' : '',
  ]);
  return {
    lines: [
      table(['α', 'validation', 'loss', ''], rows),
      '',
      fact('validation', `${measured(best)} of ${plural(best.images, 'image')}, which chose α: a little too good`),
      ...(test
        ? [
            fact(
              'test',
              `probe ${measured(test.probe)}, fine-tuned ${measured(test.fineTuned)}, α = ${best.alpha.toFixed(2)} ` +
                `${measured(test.best)} of ${plural(test.best.images, 'image')}`,
            ),
          ]
        : []),
      '',
      out === null
        ? `Nothing was written: ${best.alpha === 0 ? 'the probe' : 'the fine-tuned run'} alone is the best.`
        : written(out, `${percent(best.alpha)} of the way from the probe to the fine-tuned run`),
    ],
    json: result,
  };
}

const measured = ({ accuracy, interval: [low, high] }: MeasuredWeights) =>
  `${percent(accuracy)} (${percent(low)} to ${percent(high)})`;

const written = (out: string, what: string) =>
  `${printableName(out, 200)} is ${what}, a run like any other: ${commandLine('predict', [out, 'image.jpg'], {})}`;
