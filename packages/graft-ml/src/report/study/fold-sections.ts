import { plural } from '@graft-ml/core/internal/base/plural';
import { fixed, percent } from '../format.ts';
import { html, type Markup } from '../html.ts';
import type { FoldStudy } from './folds-study.ts';
import { flopsText, secondsText } from './numbers.ts';
import { costNote } from './run-sections.ts';
import { costCharts, epochCharts, figures, type Way } from './study-charts.ts';
import { accuracyOf } from './study-run.ts';

const interval = ([low, high]: readonly [number, number]) => `95 % interval ${percent(low)} to ${percent(high)}`;

/** The mean over folds, all images out of fold, and the folds side by side. */
export function foldQuality(study: FoldStudy): Markup {
  const { summary, pooled } = study;
  return html`<ul class="tiles">
${summary && html`<li class="first"><b>${percent(summary.accuracy.mean)}</b><span>mean accuracy of ${plural(summary.folds.length, 'fold')}, each on its own validation images</span><span class="quiet">± ${percent(summary.accuracy.margin)}: 95 % interval of the mean</span></li>`}
${pooled && html`<li><b>${percent(pooled.metrics.accuracy)}</b><span>of ${plural(pooled.metrics.images, 'image')} out of fold, each counted once</span><span class="quiet">${interval(pooled.metrics.interval)}</span></li><li><b>${percent(pooled.metrics.balancedAccuracy)}</b><span>mean recall of ${pooled.metrics.classes.length} classes</span></li><li><b>${fixed(pooled.metrics.macro.f1)}</b><span>macro F1</span></li><li><b>${percent(pooled.metrics.calibration.error)}</b><span>calibration error</span></li>`}
${summary && html`<li><b>${percent(summary.accuracy.deviation)}</b><span>deviation from fold to fold</span></li>`}
</ul>
<p class="quiet">All numbers are of validation images: of each fold those that its run did not learn from. The best epoch of a fold was chosen by them, so that the numbers are a little too good. The training images of two folds overlap, so that the true interval is somewhat wider (Bengio &amp; Grandvalet 2004).</p>
${foldTable(study)}`;
}

function foldTable({ runs, summary }: FoldStudy): Markup {
  const rows = runs.map(({ name, run, judged, epochs, flops, seconds, ...rest }) => {
    const range = judged
      ? `${percent(judged.metrics.interval[0])} to ${percent(judged.metrics.interval[1])}`
      : 'as recorded';
    return html`<tr><th scope="row">${name}</th><td>${judged?.metrics.images ?? run.dataset.validation}</td><td><b>${percent(accuracyOf({ judged, run }))}</b></td><td class="quiet">${range}</td><td>${fixed(judged?.metrics.loss ?? run.best?.loss ?? Number.NaN)}</td><td>${run.best?.epoch ?? '–'} of ${epochs.length}</td><td>${flopsText(flops.at(-1) ?? Number.NaN)}</td><td>${secondsText(seconds.at(-1))}</td><td>${rest.fit.verdict === 'unknown' ? '–' : rest.fit.verdict}</td></tr>`;
  });
  const mean =
    summary &&
    html`<tr><th scope="row">mean</th><td></td><td><b>${percent(summary.accuracy.mean)}</b></td><td class="quiet">± ${percent(summary.accuracy.margin)}</td><td>${fixed(summary.loss.mean)} ± ${fixed(summary.loss.margin)}</td><td></td><td></td><td></td><td></td></tr>`;
  return html`<h3>The folds</h3><div class="scroll" role="region" aria-label="The folds" tabindex="0"><table class="runs"><thead><tr><th scope="col">fold</th><th scope="col">validation images</th><th scope="col">accuracy</th><th scope="col">95 % interval</th><th scope="col">loss</th><th scope="col">best epoch</th><th scope="col">FLOPs of training</th><th scope="col">time</th><th scope="col">fit</th></tr></thead><tbody>${rows}${mean}</tbody></table></div>`;
}

/** The curves of the folds over one another, and their mean. */
export async function foldCurves({ runs }: FoldStudy): Promise<Markup | null> {
  const trained = runs.filter(({ epochs }) => epochs.length > 0);
  if (trained.length === 0) return null;
  const each: Way[] = trained.map((run) => ({ name: run.name, runs: [run] }));
  const all = { name: `mean of ${trained.length}`, runs: trained };
  const charts = await figures([...epochCharts(each), ...costCharts(trained.length > 1 ? [all] : each)]);
  return (
    charts &&
    html`${charts}<p class="quiet">The band around the mean goes from the lowest fold to the highest.</p>${costNote()}`
  );
}
