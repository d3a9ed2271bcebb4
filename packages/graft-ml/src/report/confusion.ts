import { basename } from 'node:path';
import { plural } from '@graft-ml/core/internal/base/plural';
import type { ShownPart } from './facts.ts';
import { percent } from './format.ts';
import { html, type Markup } from './html.ts';
import type { ThumbnailSheet } from './images.ts';

/** The most classes that a matrix has room for. */
const mostClasses = 25;

/** The confusion matrix. A cell opens its images, which needs no script: they are popovers. */
export function confusionSection(
  { metrics, pairs, selection }: Pick<ShownPart, 'metrics' | 'pairs' | 'selection'>,
  classes: readonly string[],
  sheet: ThumbnailSheet,
): Markup {
  const shown = classesShown(classes, pairs);
  const { confusion, confusionByRow } = metrics;
  const rows = shown.map((label) => {
    const cells = shown.map((predicted) => {
      const count = confusion[label]![predicted]!;
      if (count === 0) return html`<td class="zero">·</td>`;
      const kind = label === predicted ? 'right' : 'wrong';
      const share = confusionByRow[label]![predicted]!;
      const says = `${plural(count, 'image')} of ${classes[label]} classified as ${classes[predicted]}, ${percent(share, 0)} of the row`;
      const hasImages = selection.cell(label, predicted).some((image) => sheet.has(image));
      const cell = hasImages
        ? html`<button popovertarget="c${label}-${predicted}" aria-label="${says}: show them" title="${says}">${count}</button>`
        : html`<span title="${says}">${count}</span>`;
      return html`<td class="${kind}" style="--share:${share.toFixed(3)}">${cell}</td>`;
    });
    return html`<tr><th scope="row">${classes[label]}</th>${cells}</tr>`;
  });
  const left = classes.length - shown.length;
  return html`
<div class="beside"><div><h3>Confusion matrix</h3>
<p>Rows: labels. Columns: answers. <span class="onscreen">Choose a number to see its images.</span>${left > 0 && ` Of ${classes.length} classes the ${shown.length} that are most often confused are shown.`}</p>
<div class="scroll" role="region" aria-label="Confusion matrix" tabindex="0"><table class="matrix">
<thead><tr><td></td>${shown.map((i) => html`<th scope="col" class="class">${classes[i]}</th>`)}</tr></thead>
<tbody>${rows}</tbody></table></div></div>
<div><h3>Most confused pairs</h3>
${pairTable({ metrics, pairs, selection }, classes, shown, sheet)}</div></div>
${shown.flatMap((label) => shown.map((predicted) => gallery({ label, predicted }, { metrics, selection }, classes, sheet)))}`;
}

/** All classes, or of many those that appear in the most confused pairs. */
function classesShown(classes: readonly string[], pairs: ShownPart['pairs']): number[] {
  if (classes.length <= mostClasses) return classes.map((_, i) => i);
  const confused = new Set<number>();
  for (const { label, predicted } of pairs) {
    if (confused.size + 2 > mostClasses) break;
    confused.add(label).add(predicted);
  }
  return [...confused].sort((a, b) => a - b);
}

function gallery(
  { label, predicted }: { readonly label: number; readonly predicted: number },
  { metrics, selection }: Pick<ShownPart, 'metrics' | 'selection'>,
  classes: readonly string[],
  sheet: ThumbnailSheet,
): Markup | null {
  const images = selection.cell(label, predicted).filter((image) => sheet.has(image));
  if (images.length === 0) return null;
  const count = metrics.confusion[label]![predicted]!;
  const title =
    label === predicted
      ? html`${classes[label]}, classified rightly`
      : html`${classes[label]}, classified as ${classes[predicted]}`;
  const id = `c${label}-${predicted}`;
  const more = images.length < count && html` The ${images.length} most confident of ${count}.`;
  return html`<section popover id="${id}" aria-labelledby="${id}h"><div class="bar"><h3 id="${id}h">${title}</h3><button popovertarget="${id}" popovertargetaction="hide">Close</button></div>
<p class="quiet">${plural(count, 'image')}.${more}</p>${sheet.classified(
    images,
    classes,
    ({ path, confidence, probability }) =>
      label === predicted
        ? html`<b>${percent(confidence, 0)}</b> sure<br><span class="quiet">${basename(path)}</span>`
        : html`${percent(confidence, 0)} ${classes[predicted]}<br>${percent(probability, 0)} ${classes[label]}<br><span class="quiet">${basename(path)}</span>`,
  )}</section>`;
}

const mostPairs = 8;

function pairTable(
  { pairs, selection }: Pick<ShownPart, 'metrics' | 'pairs' | 'selection'>,
  classes: readonly string[],
  shown: readonly number[],
  sheet: ThumbnailSheet,
): Markup {
  if (pairs.length === 0) return html`<p>No image was classified wrongly.</p>`;
  const rows = pairs.slice(0, mostPairs).map(({ label, predicted, count, share }) => {
    const hasGallery =
      shown.includes(label) &&
      shown.includes(predicted) &&
      selection.cell(label, predicted).some((image) => sheet.has(image));
    const open =
      hasGallery &&
      html`<button class="open" popovertarget="c${label}-${predicted}" aria-label="Show ${classes[label]} classified as ${classes[predicted]}">Show</button>`;
    return html`<tr><th scope="row">${classes[label]}</th><th scope="row">${classes[predicted]}</th><td>${count}</td><td>${percent(share, 0)}</td><td>${open}</td></tr>`;
  });
  return html`<div class="scroll" role="region" aria-label="Most confused pairs" tabindex="0"><table><thead><tr><th scope="col">label</th><th scope="col">answer</th><th scope="col">images</th><th scope="col">of the label</th><td></td></tr></thead><tbody>${rows}</tbody></table></div>`;
}
