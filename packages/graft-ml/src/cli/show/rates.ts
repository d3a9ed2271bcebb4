import { formatNumber, type LineChart, lineChartText } from '@graft-ml/core/internal/chart/index';
import type { FoundRates } from '../../transfer/find-rate.ts';
import { table } from './format.ts';
import type { Result } from './printer.ts';

/** The result of a learning rate range test. */
export function ratesResult(found: FoundRates, chart: LineChart, out: string | null): Result {
  const { config, stage, suggestions, curve } = found;
  const { model, strategy, optimizer } = config;
  const { valley, steepest, minimum } = suggestions;
  const rows = [
    ['valley', formatNumber(valley), 'in the midst of the longest descent'],
    ['steepest', formatNumber(steepest), 'where the loss falls fastest'],
    ['minimum', formatNumber(minimum), 'a tenth of where it is lowest'],
  ];
  return {
    lines: [
      `${lineChartText(chart)}\n`,
      table(['', 'learning rate', ''], rows),
      `\n${model}, ${strategy} (${stage}), ${optimizer}. Try: --learning-rate ${formatNumber(valley)}`,
    ],
    json: { model, strategy, stage, optimizer, suggestions, curve, out },
  };
}
