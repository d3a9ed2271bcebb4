import { plural } from '@graft-ml/core/internal/base/plural';
import type { LineChart } from '@graft-ml/core/internal/chart/index';
import { resolveMetaConfig } from '@graft-ml/core/internal/recipe/meta/index';
import { comparisonChart } from '../../experiment/comparison.ts';
import { duration, percent } from '../format.ts';
import { html, type Markup } from '../html.ts';
import type { MetaStudy, StudiedLearner } from './meta-study.ts';
import { flopsText } from './numbers.ts';
import { figures } from './study-charts.ts';

type Interval = StudiedLearner['row']['accuracy'];
const range = ({ mean, margin }: Interval) => `${percent(mean - margin)} to ${percent(mean + margin)}`;

/** Test classes choose nothing. */
const byValidation = (learners: readonly StudiedLearner[]) =>
  learners.toSorted((a, b) => b.row.validation - a.row.validation);

/** The accuracy of each learner on test episodes, side by side. */
export function metaQuality({ learners, shape, episodes }: MetaStudy): Markup {
  const order = byValidation(learners);
  const [best] = order;
  const rows = order.map(({ row, flopsPerStep }) => {
    const { name, learner, model, parameters, accuracy, perStep, validation } = row;
    const before = perStep.length > 1 ? percent(perStep[0]!.accuracy.mean) : '–';
    return html`<tr><th scope="row">${name}</th><td>${learner}</td><td>${model}</td><td>${parameters.toLocaleString('en')}</td><td><b>${percent(accuracy.mean)}</b> ± ${percent(accuracy.margin)}</td><td>${before}</td><td>${percent(validation)}</td><td>${flopsPerStep === null ? '–' : flopsText(flopsPerStep)}</td><td>${duration(row.seconds)}</td></tr>`;
  });
  return html`<ul class="tiles"><li class="first"><b>${percent(best!.row.accuracy.mean)}</b><span>${best!.row.name}, chosen by validation among ${learners.length}, on ${plural(episodes, 'episode')} of test classes</span><span class="quiet">95 % interval ${range(best!.row.accuracy)}</span></li><li><b>${percent(1 / shape.way)}</b><span>by guessing</span></li><li><b>${shape.way} × ${shape.shots}</b><span>classes and images of each to adapt to</span><span class="quiet">${plural(shape.queries, 'query', 'queries')} of each class</span></li></ul>
<p class="quiet">Test accuracies are of episodes of test classes, which nothing was trained on or chosen by. Validation accuracies are of episodes that the best weights of each run were chosen by; the table goes by them.</p>
<h3>The learners</h3><div class="scroll" role="region" aria-label="The learners" tabindex="0"><table class="runs"><thead><tr><th scope="col">run</th><th scope="col">learner</th><th scope="col">backbone</th><th scope="col">parameters</th><th scope="col">test accuracy, 95 % interval</th><th scope="col">before adaptation</th><th scope="col">validation</th><th scope="col">FLOPs of a meta-step</th><th scope="col">time</th></tr></thead><tbody>${rows}</tbody></table></div>`;
}

/** Accuracy by inner step. */
export async function innerStepSection({ learners }: MetaStudy): Promise<Markup | null> {
  const adapting = learners.filter(({ row }) => row.perStep.length > 1);
  const chart: LineChart = {
    title: 'Test accuracy by inner step',
    x: { label: 'inner steps' },
    y: { label: 'accuracy', format: 'percent' },
    series: adapting.map(({ row: { name, perStep } }) => ({
      name,
      points: perStep.map(({ steps, accuracy: { mean } }) => [steps, mean] as const),
      band: perStep.map(({ steps, accuracy: { mean, margin } }) => [steps, mean - margin, mean + margin] as const),
    })),
    note: 'bands: 95 % intervals of the means over episodes',
  };
  return figures([chart]);
}

/** Validation accuracy against meta-steps, time and operations. */
export async function metaCourseSection(study: MetaStudy): Promise<Markup | null> {
  const { learners } = study;
  const y = { label: 'validation accuracy', format: 'percent' } as const;
  const against = (xOf: (learner: StudiedLearner, step: number, i: number) => number | null) =>
    learners.map((learner) => ({
      name: learner.row.name,
      points: learner.row.curve.flatMap(([step, accuracy], i) => {
        const x = xOf(learner, step, i);
        return x !== null && x > 0 ? [[x, accuracy] as const] : [];
      }),
    }));
  return figures([
    comparisonChart({ ...study, rows: learners.map(({ row }) => row) }),
    {
      title: 'Validation accuracy against time',
      x: { label: 'seconds of meta-training', scale: 'log' },
      ...{ y, series: against(({ seconds }, _, i) => seconds[i] ?? null) },
    },
    {
      title: 'Validation accuracy against operations',
      x: { label: 'GFLOP of meta-training', scale: 'log' },
      ...{ y, series: against(({ flopsPerStep }, step) => flopsPerStep && (flopsPerStep * step) / 1e9) },
    },
  ]);
}

/** Where the runs are, and on which inner loop they stand. */
export function metaPlaces({ learners }: MetaStudy): Markup {
  const items = learners.map(({ row, path, run }) => {
    const { innerSteps, innerRate, metaSteps, metaBatch } = resolveMetaConfig(run.config);
    return html`<dt>${row.name}</dt><dd><code>${path}</code>: ${plural(metaSteps, 'meta-step')} of ${plural(metaBatch, 'task')}${innerSteps !== null && `, ${plural(innerSteps, 'inner step')} at ${innerRate}`}, seed ${run.config.seed}; Graft ${run.graft}, ${run.device}, ${plural(run.threads, 'thread')}</dd>`;
  });
  return html`<dl class="facts">${items}</dl>`;
}
