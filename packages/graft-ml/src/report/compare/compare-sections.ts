import { basename } from 'node:path';
import { plural } from '@graft-ml/core/internal/base/plural';
import { listed } from '@graft-ml/core/internal/recipe/config/exceptions';
import { flagOf } from '../../text/wording.ts';
import { fixed, percent } from '../format.ts';
import { exact, html, type Markup } from '../html.ts';
import { shownValue } from '../study/differing.ts';
import { flopsText, secondsText } from '../study/numbers.ts';
import { costCharts, curveCharts, keyOf, optionsChart, seedsChart, shownOptions } from './compare-charts.ts';
import { byAccuracy, type RunsSummary } from './runs-summary.ts';
import { reportBeside, type SummarisedRun } from './summarised-run.ts';

const rangeText = (interval: readonly [number, number] | null) =>
  interval === null ? '' : `${percent(interval[0])} to ${percent(interval[1])}`;

const verdicts = { overfitting: 'overfitting', underfitting: 'not finished', good: 'good', unknown: '–' } as const;

/** A number in a cell, and as the script sorts by it. */
const cell = (value: number | undefined, text: string, kind = '') =>
  html`<td class="${kind}" data-v="${Number.isFinite(value) ? String(value) : ''}">${text}</td>`;

/** What differs, what came out and what it took; sorted by the page's script. The best first. */
export function runsTable(summary: RunsSummary): Markup {
  const { runs, differences } = summary;
  const options = shownOptions(summary);
  const order = byAccuracy(runs);
  const rest = [...runs.keys()].filter((i) => !order.includes(i));
  const hasTest = runs.some(({ test }) => test !== null);
  const { total, trained } = runs[0]!.run.parameters;
  const hasTotal = runs.some(({ run }) => run.parameters.total !== total);
  const hasTrained = runs.some(({ run }) => run.parameters.trained !== trained);
  const isCounted = runs.some(({ flops }) => flops !== null);
  const rows = [...order, ...rest].map((i) => {
    const { run, epochs, seconds, validation, test, fit, flops, status } = runs[i]!;
    const cells = options.map((key) => {
      const j = differences.options.indexOf(key);
      const value = differences.raw[i]?.[j];
      return cell(typeof value === 'number' ? value : undefined, cellText(shownValue(differences, i, j)));
    });
    return html`<tr data-key="${keyOf(i)}"><th scope="row">${nameOf(runs[i]!, summary)}${status !== 'done' && html` <span class="quiet">${status}</span>`}</th>${cell(validation?.accuracy, validation ? percent(validation.accuracy) : '–', 'strong')}<td class="quiet">${rangeText(validation?.interval ?? null)}</td><td class="fit ${fit.verdict}" title="${fit.text}">${verdicts[fit.verdict]}</td>${hasTest && cell(test?.accuracy, test ? `${percent(test.accuracy)}${test.interval ? ` (${rangeText(test.interval)})` : ''}` : '–')}${cells}${cell(validation?.loss, fixed(validation?.loss ?? Number.NaN))}${cell(validation?.epoch, validation && epochs.length > 0 ? `${validation.epoch} of ${epochs.length}` : '–')}${hasTrained && cell(run.parameters.trained, run.parameters.trained.toLocaleString('en'))}${hasTotal && cell(run.parameters.total, run.parameters.total.toLocaleString('en'))}${isCounted && html`${cell(flops?.perStep, flopsText(flops?.perStep ?? Number.NaN))}${cell(flops?.training, flopsText(flops?.training ?? Number.NaN))}`}${cell(seconds.at(-1), secondsText(seconds.at(-1)))}</tr>`;
  });
  const heads = [
    ...['run', 'validation accuracy', '95 % interval', 'fit', ...(hasTest ? ['test accuracy'] : [])],
    ...options.map((key) => html`<code>${flagOf(key).slice(2)}</code>`),
    ...['loss', 'best epoch', ...(hasTrained ? ['trained parameters'] : []), ...(hasTotal ? ['all parameters'] : [])],
    ...(isCounted ? ['FLOPs of a step', 'FLOPs of training'] : []),
    'time',
  ];
  return html`<h3>The runs</h3><p class="quiet">The best first. ${options.length === 0 ? 'Their options are the same.' : 'Of their options those in which they differ.'}${!hasTrained && ` Each trains ${trained.toLocaleString('en')} ${hasTotal ? '' : `of ${total.toLocaleString('en')} `}parameters.`}<span id="walk" hidden> A column’s name sorts by it; arrow keys go from run to run, which stands out in every chart then.</span></p><div class="scroll" role="region" aria-label="The runs" tabindex="0"><table class="runs" id="runs"><thead><tr>${heads.map((head) => html`<th scope="col">${head}</th>`)}</tr></thead><tbody>${rows}</tbody></table></div>`;
}

/** A run by its name, which leads to its own report where that lies beside the page. */
function nameOf(run: SummarisedRun, { folder }: RunsSummary): Markup | string {
  const address = reportBeside(run, folder);
  return address === null ? run.name : html`<a href="${address}">${run.name}</a>`;
}

/** A path as its end, which tells it from the others. */
function cellText(value: string | null): string {
  if (value === null) return '–';
  return /[\\/]/.test(value) ? basename(value) : value;
}

/** Parallel coordinates of the options that differ, with ways to filter them, and how much each matters. */
export async function optionsSection(summary: RunsSummary): Promise<Markup | null> {
  const chart = await optionsChart(summary);
  return (
    chart &&
    html`<p>A line is a run, the stronger the better it is.</p>${filterPanel(summary)}${chart}${importanceTable(summary)}`
  );
}

/** Filled in by the script: without it the panel stays hidden. */
function filterPanel(summary: RunsSummary): Markup {
  const { differences, runs } = summary;
  const fields = shownOptions(summary).map((key) => {
    const j = differences.options.indexOf(key);
    const texts = new Map(
      [...runs.keys()].flatMap((i) => {
        const text = differences.values[i]?.[j];
        return text === null || text === undefined ? [] : [[text, differences.raw[i]![j]] as const];
      }),
    );
    const sorted = [...texts].sort(([a, x], [b, y]) =>
      typeof x === 'number' && typeof y === 'number' ? x - y : a < b ? -1 : 1,
    );
    const choices = sorted.map(([text]) => html`<option value="${text}">${cellText(text)}</option>`);
    return html`<label><code>${flagOf(key).slice(2)}</code> <select data-option="${j}"><option value="">any</option>${choices}</select></label>`;
  });
  const values = Object.fromEntries([...runs.keys()].map((i) => [keyOf(i), differences.values[i]!]));
  return html`<div id="filter" data-values="${exact(JSON.stringify(values))}" hidden><p><span class="coarse">Drag along an axis to keep the runs that pass through there, or choose:</span></p><div class="fields">${fields}</div><p><button type="button" id="filter-clear">Show all</button> <output id="filter-says"></output></p></div>`;
}

function importanceTable({ importance, runs }: RunsSummary): Markup {
  const count = runs.filter(({ validation }) => validation !== null).length;
  if (importance.length === 0) {
    return html`<p class="quiet">Too few runs, or all equally good: how important each option is cannot be said.</p>`;
  }
  const rows = importance.map(
    ({ name, importance: share }) =>
      html`<tr><th scope="row"><code>${flagOf(name).slice(2)}</code></th><td>${percent(share, 0)}</td><td class="share"><span style="width:${(100 * share).toFixed(1)}%"></span></td></tr>`,
  );
  return html`<h3>Importance</h3><p class="quiet">What the best tenth of ${plural(count, 'run')} have in common, by option (PED-ANOVA, Watanabe et al. 2023).${count < 50 && ' Of fewer than 50 runs it is a hint.'}</p><div class="scroll" role="region" aria-label="Importance" tabindex="0"><table class="importance"><thead><tr><th scope="col">option</th><th scope="col" colspan="2">share</th></tr></thead><tbody>${rows}</tbody></table></div>`;
}

/** Means and intervals of the ways that were gone with several seeds. */
export async function seedsSection(summary: RunsSummary): Promise<Markup | null> {
  const { groups } = summary;
  if (groups.every(({ runs }) => runs.length === 1)) return null;
  const rows = groups.map(
    ({ name, runs, accuracy: { mean, margin, deviation } }) =>
      html`<tr><th scope="row">${name}</th><td>${runs.length}</td><td class="strong">${percent(mean)}</td><td>${runs.length > 1 ? `± ${percent(margin)}` : '–'}</td><td>${runs.length > 1 ? percent(deviation) : '–'}</td></tr>`,
  );
  const more = groups.length > 40 && html`<p class="quiet">The best 40 are drawn.</p>`;
  return html`<p>Runs that differ in their seed alone are repeats of one another. Two ways whose intervals overlap widely cannot be told apart by so few seeds.</p><div class="scroll" role="region" aria-label="Accuracy over seeds" tabindex="0">${await seedsChart(summary)}</div>${more}<div class="scroll" role="region" aria-label="Over seeds" tabindex="0"><table class="runs"><thead><tr><th scope="col">way</th><th scope="col">seeds</th><th scope="col">mean validation accuracy</th><th scope="col">95 % interval</th><th scope="col">deviation from seed to seed</th></tr></thead><tbody>${rows}</tbody></table></div>`;
}

/** The curves of all runs over one another, and which of them over- or underfit. */
export async function curvesSection(summary: RunsSummary): Promise<Markup | null> {
  const validation = await curveCharts(summary, 'validation');
  if (validation === null) return null;
  const training = await curveCharts(summary, 'training');
  const { runs } = summary;
  const of = (verdict: SummarisedRun['fit']['verdict']) => runs.filter(({ fit }) => fit.verdict === verdict);
  const counts = (
    [
      ['overfitting', 'overfit'],
      ['underfitting', 'were still improving when they ended'],
      ['good', 'levelled off'],
      ['unknown', 'have too few epochs to tell'],
    ] as const
  ).flatMap(([verdict, text]) => (of(verdict).length > 0 ? [`${of(verdict).length} ${text}`] : []));
  return html`<p>Of ${plural(runs.length, 'run')} ${listed(counts)}. Overfitting: training accuracy is more than 10 points above validation accuracy and the validation loss has risen by over 5 % since its lowest value, or the gap is above 20 points. Not finished: the validation loss fell by over 2 % in the last two epochs.</p>${validation}${training && html`<details><summary>Training curves</summary>${training}</details>`}`;
}

/** Accuracy against what it took. */
export async function costSection(summary: RunsSummary): Promise<Markup | null> {
  const charts = await costCharts(summary);
  return (
    charts &&
    html`${charts}<p class="quiet">On the Pareto front are runs than which no other is both as good and cheaper. Seconds are those of the epochs as they were logged, with their evaluations, on whatever else the machine did.${summary.runs.some(({ flops }) => flops !== null) && ' Operations are counted in the graphs of training: forward, backward and update, and what frozen layers compute in front; evaluations and decoding are not in them.'}</p>`
  );
}
