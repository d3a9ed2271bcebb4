import type { LineChart } from '@graft-ml/core/internal/chart/index';
import { groupBy } from '@graft-ml/core/internal/image/group-by';
import { type TransferSide, transferSides } from '@graft-ml/core/internal/recipe/partial-transfer';
import { percent } from '../format.ts';
import { html, type Markup } from '../html.ts';
import { flopsText, secondsText } from './numbers.ts';
import { costNote } from './run-sections.ts';
import type { RunStudy } from './run-study.ts';
import {
  accuracyAxis,
  costCharts,
  curveOf,
  epochNumber,
  figures,
  mean,
  validationAccuracy,
  type Way,
} from './study-charts.ts';
import { accuracyOf, type StudyRun } from './study-run.ts';

/** A way of partial transfer, or one that it is compared with. */
export interface TransferWay extends Way {
  /** The share of the blocks that is trained; null for a way that is no partial transfer. */
  readonly ratio: number | null;
  /** The side that stays frozen; null where nothing does, so that it is compared with both. */
  readonly frozen: TransferSide | null;
}

/**
 * The ways of a study of partial transfer, by side and the largest share first; null where runs do not differ in their
 * ratio.
 */
export function transferWays({ runs, differences: { variants } }: RunStudy): TransferWay[] | null {
  const ratios = new Set(runs.flatMap(({ run }) => run.config.transferRatio ?? []));
  if (ratios.size < 2) return null;
  const ways = variants.flatMap(({ name, runs: own }): (TransferWay & { readonly variant: string })[] => {
    const members = own.map((i) => runs[i]!).filter(({ epochs }) => epochs.length > 0);
    const [first] = members;
    if (!first) return [];
    const { transferRatio: ratio, transferFrozen, strategy } = first.run.config;
    const frozen: TransferSide | null = ratio === null || ratio === 1 ? null : (transferFrozen ?? 'upper');
    const short =
      ratio === null ? (strategy === 'scratch' || strategy === null ? 'from scratch' : strategy) : `r = ${ratio}`;
    return [{ name: short, variant: name, ratio, frozen, runs: members }];
  });
  // Ways that differ in more than the ratio keep their whole names.
  const same = groupBy(ways, ({ name, frozen }) => `${name} ${frozen}`);
  const named = ways.map(({ variant, ...way }) =>
    same.get(`${way.name} ${way.frozen}`)!.length === 1 ? way : { ...way, name: variant },
  );
  const rankOf = ({ frozen }: TransferWay) => (frozen === null ? -1 : transferSides.indexOf(frozen));
  return named.sort((a, b) => rankOf(a) - rankOf(b) || (b.ratio ?? 2) - (a.ratio ?? 2));
}

/** Accuracy of every ratio against epochs, time and operations, by the side that stays frozen. */
export async function transferSection(study: RunStudy): Promise<Markup | null> {
  const ways = transferWays(study);
  if (!ways) return null;
  const onSameImages = study.groups[0]?.map((i) => study.runs[i]!) ?? [];
  const starts = onSameImages.filter(({ run }) => run.adaptedFrom !== null);
  const sides = transferSides.filter((side) => ways.some(({ frozen }) => frozen === side));
  const charts = sides.map((side) =>
    sideCharts(
      ways.filter(({ frozen }) => frozen === side || frozen === null),
      starts,
      `, ${side} blocks frozen`,
    ),
  );
  // One kind of chart beside the other side's.
  const drawn = await figures([0, 1, 2].flatMap((kind) => charts.map((own) => own[kind]!)));
  const seeds = Math.max(...ways.map(({ runs }) => runs.length));
  const repeats =
    seeds > 1 &&
    html`<p class="quiet">Curves: the mean of up to ${seeds} seeds; bands: from the lowest to the highest of them.</p>`;
  return html`<p>The share r of the blocks is trained, the others keep the numbers they came with. With the upper blocks frozen the first ones are trained, and the gradient reaches them through the frozen ones; with the lower blocks frozen the last ones are, and what lies in front is computed once for each image if nothing is augmented. Where r = 1 nothing is frozen: it stands in both.</p>${transferTable(ways, starts)}${drawn}${repeats}${costNote()}`;
}

/** The charts of one side: by epoch, by time and by operations. */
function sideCharts(ways: readonly TransferWay[], starts: readonly StudyRun[], where: string): LineChart[] {
  const epochs = Math.max(...ways.flatMap(({ runs }) => runs.map((run) => run.epochs.length)));
  const before = starts.map(accuracyOf);
  const start = {
    name: 'r = 0',
    points: [1, epochs].map((epoch) => [epoch, mean(before)] as const),
    band: [1, epochs].map((epoch) => [epoch, Math.min(...before), Math.max(...before)] as const),
  };
  return [
    {
      title: `Accuracy by epoch${where}`,
      ...{ x: { label: 'epoch' }, y: accuracyAxis },
      series: [
        ...ways.map((way) => curveOf(way, epochNumber, validationAccuracy)),
        ...(starts.length > 0 ? [start] : []),
      ],
    },
    ...costCharts(ways, where),
  ];
}

/** The epochs whose accuracies are in the table. */
function marksOf(ways: readonly Way[]): number[] {
  const most = Math.max(...ways.flatMap(({ runs }) => runs.map(({ epochs }) => epochs.length)));
  return [...new Set([1, 4, 16, 64, most])].filter((epoch) => epoch <= most).sort((a, b) => a - b);
}

function transferTable(ways: readonly TransferWay[], starts: readonly StudyRun[]): Markup {
  const marks = marksOf(ways);
  const rows = ways.map(({ name, frozen, runs }) => {
    const [first] = runs;
    const work = first!.work?.at(-1);
    const best = runs.map(accuracyOf);
    const at = marks.map((epoch) => {
      const values = runs.map(
        ({ epochs }) => epochs.find((one) => one.epoch === epoch)?.metrics.accuracy ?? Number.NaN,
      );
      return html`<td>${percent(mean(values))}</td>`;
    });
    const seconds = mean(runs.map(secondsOfEpoch));
    return html`<tr><th scope="row">${name}${frozen && `, ${frozen} frozen`}</th><td>${work ? blocksText(work.trained) : '–'}</td><td>${first!.run.parameters.trained.toLocaleString('en')}</td><td>${work ? flopsText(work.flopsPerStep) : '–'}</td><td>${secondsText(seconds)}</td>${at}<td><b>${percent(mean(best))}</b></td><td class="quiet">${rangeOf(best)}</td></tr>`;
  });
  const before = starts.map(accuracyOf);
  const none =
    starts.length > 0 &&
    html`<tr><th scope="row">r = 0, the start as it is</th><td>none</td><td>0</td><td>0</td><td>–</td>${marks.map(() => html`<td>${percent(mean(before))}</td>`)}<td><b>${percent(mean(before))}</b></td><td class="quiet">${rangeOf(before)}</td></tr>`;
  return html`<p class="quiet">Accuracies are of validation images, the mean over seeds.</p><div class="scroll" role="region" aria-label="Partial transfer" tabindex="0"><table class="runs"><thead><tr><th scope="col">way</th><th scope="col">blocks trained</th><th scope="col">parameters trained</th><th scope="col">FLOPs of a step</th><th scope="col">time of an epoch</th>${marks.map((epoch) => html`<th scope="col">epoch ${epoch}</th>`)}<th scope="col">best epoch</th><th scope="col">of the seeds</th></tr></thead><tbody>${rows}${none}</tbody></table></div>`;
}

const rangeOf = (values: readonly number[]) => values.map((value) => percent(value)).join(', ');

function blocksText(blocks: readonly string[]): string {
  if (blocks.length <= 2) return blocks.join(', ');
  return `${blocks.length}: ${blocks[0]} to ${blocks.at(-1)}`;
}

/** The median without the first epoch, in which sessions warm up. */
function secondsOfEpoch({ epochs }: StudyRun): number {
  const seconds = epochs.map((one) => one.seconds);
  const sorted = (seconds.length > 1 ? seconds.slice(1) : seconds).sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}
