import { plural } from '@graft-ml/core/internal/base/plural';
import type { RunCalibration } from '@graft-ml/core/internal/runs/run-file';
import { fact, percent } from './format.ts';
import type { Result } from './printer.ts';

/** The result of calibrating a run. */
export function calibrationResult(run: string, calibration: RunCalibration): Result {
  const { temperature, interval, images, part, loss, calibrationError } = calibration;
  const high = interval[1] === null ? '∞' : interval[1].toFixed(3);
  const isOne = interval[0] < 1 && (interval[1] === null || interval[1] > 1);
  const change = temperature > 1 ? 'less sure' : 'surer';
  const lines = [
    `${run}, fitted to ${plural(images, `${part} image`)}`,
    fact('temperature', `${temperature.toFixed(3)}  (95 % interval ${interval[0].toFixed(3)} to ${high})`),
    fact('loss', `${loss.before.toFixed(4)} → ${loss.after.toFixed(4)}`),
    fact('calibration error', `${percent(calibrationError.before)} → ${percent(calibrationError.after)}`),
    isOne
      ? '\nA temperature of 1 lies in the interval: these images do not show that it needed calibration.'
      : `\nProbabilities are ${change} than before; which class is the likeliest stays the same.`,
    'It is kept in run.json, and applied where the run predicts, is evaluated or exported.',
    'These numbers are of the images that it was fitted to; graft evaluate has others.',
  ];
  return { lines, json: { run, ...calibration } };
}
