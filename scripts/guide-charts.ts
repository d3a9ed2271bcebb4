/*
 * Draws the learning rates of docs/guide as training computes them: of gradual unfreezing, and with a warm-up.
 *   npm run build && node dist/scripts/guide-charts.js
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type LineChart, lineChartSvg } from '@graft-ml/core/internal/chart/index';
import { freshStage, learningRateAt, type Timetable } from '@graft-ml/core/internal/fit/stage';
import { constant, cosine, oneCycle, type Schedule, withWarmup } from '@graft-ml/core/optim';

const stepsPerEpoch = 30;
const epochs = 12;
const run = { steps: epochs * stepsPerEpoch, learningRate: 1 };

/** The rate of parameters that are trained from the first epoch on, by epoch, as a share of the peak. */
function curve(name: string, rateAt: (step: number) => number) {
  return {
    name,
    points: Array.from({ length: run.steps }, (_, step) => [step / stepsPerEpoch, rateAt(step)] as const),
  };
}

const perStep = (name: string, schedule: Schedule) => curve(name, (step) => schedule(step, [], run));

/** Four stages of three epochs, which share a schedule or begin it anew. */
function unfreezing(name: string, restarts: boolean) {
  const steps = restarts ? run.steps / 4 : run.steps;
  const stages = [0, 1, 2, 3].map((i) => ({
    name: String(i),
    epochs: epochs / 4,
    settings: new Map(),
    isFresh: i === 0 || restarts,
    schedule: oneCycle({ maximum: 1, steps }),
  }));
  const timetable: Timetable = { stages, stepsPerEpoch, warmup: stepsPerEpoch / 2 };
  return curve(name, (step) => {
    const stage = Math.floor((4 * step) / run.steps);
    return learningRateAt(timetable, freshStage(stages, stage), step, []);
  });
}

const y = { label: 'learning rate, share of the peak', format: 'percent' } as const;
const charts: Readonly<Record<string, LineChart>> = {
  'gradual-rates': {
    title: 'Gradual unfreezing over 12 epochs',
    x: { label: 'epochs' },
    y,
    series: [unfreezing('one schedule for the run', false), unfreezing('restart: true', true)],
    marks: ['late blocks', 'middle blocks', 'everything'].map((label, i) => ({ at: 3 * (i + 1), label })),
  },
  'warm-up': {
    title: 'Warm-up and schedules over 12 epochs',
    x: { label: 'epochs' },
    y,
    series: [
      perStep('one-cycle', oneCycle()),
      perStep('cosine', cosine()),
      perStep('cosine, warm-up of 2 epochs', withWarmup(cosine(), { steps: 2 * stepsPerEpoch })),
      perStep('constant, warm-up of 2 epochs', withWarmup(constant(), { steps: 2 * stepsPerEpoch })),
    ],
  },
};

const folder = join(process.cwd(), 'docs', 'guide', 'images');
mkdirSync(folder, { recursive: true });
for (const [name, chart] of Object.entries(charts))
  writeFileSync(join(folder, `${name}.svg`), await lineChartSvg(chart, { height: 360 }));
