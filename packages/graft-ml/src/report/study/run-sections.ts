import { basename } from 'node:path';
import { plural } from '@graft-ml/core/internal/base/plural';
import { inCommands } from '../../text/wording.ts';
import { runsTable } from '../compare/compare-sections.ts';
import type { RunsSummary } from '../compare/runs-summary.ts';
import { percent } from '../format.ts';
import { html, type Markup } from '../html.ts';
import type { ThumbnailSheet } from '../images.ts';
import { repeatCommand } from '../repeat-command.ts';
import { points, pText } from './numbers.ts';
import { type RunStudy, ranked, shownMissed } from './run-study.ts';
import { accuracyOf, type StudyRun } from './study-run.ts';

const interval = ([low, high]: readonly [number, number]) => `95 % interval ${percent(low)} to ${percent(high)}`;

/** What keeps the runs from being compared. */
export function warningNotes(warnings: readonly string[]): Markup {
  return html`${warnings.map((text) => html`<p class="note">${inCommands(text)}</p>`)}`;
}

/** The images that most runs were evaluated on: `120 validation images`. */
function imagesOf({ runs, groups }: RunStudy): string {
  const judged = runs[groups[0]?.[0] ?? 0]?.judged;
  if (!judged) return 'validation images';
  return plural(judged.metrics.images, judged.part === 'all' ? 'image' : `${judged.part} image`);
}

/** The best run, how sure it is that it is the best, and all of them side by side. */
export function sideBySide(study: RunStudy, summary: RunsSummary): Markup {
  const { runs, groups, pair, test } = study;
  const best = runs[ranked(runs, groups[0] ?? runs.keys())[0]!]!;
  const accuracy = accuracyOf(best);
  const images = imagesOf(study);
  const chosen = groups[0] && groups[0].length > 1;
  return html`<ul class="tiles">
<li class="first"><b>${percent(accuracy)}</b><span>${best.name}, ${chosen ? `the best of ${plural(groups[0]!.length, 'run')}` : 'the highest'}, on ${images}</span>${best.judged && html`<span class="quiet">${interval(best.judged.metrics.interval)}</span>`}</li>
${pair && html`<li><b>${points(pair.difference)}</b><span>points: ${runs[pair.first]!.name} above ${runs[pair.second]!.name}</span><span class="quiet">95 % interval ${points(pair.interval[0])} to ${points(pair.interval[1])}</span></li><li><b>${pText(pair.mcnemar.pValue)}</b><span>p of McNemar’s exact test of these two</span><span class="quiet">only one is right on ${pair.mcnemar.onlyFirst} and ${pair.mcnemar.onlySecond} images</span></li>`}
${test && html`<li><b>${percent(test.metrics.accuracy)}</b><span>${runs[test.run]!.name} on ${plural(test.metrics.images, 'test image')}</span><span class="quiet">${interval(test.metrics.interval)}; measured for the chosen run alone</span></li>`}
</ul>
${pair && html`<p>${verdict(study)}</p>`}
<p class="quiet">All accuracies in the tables and charts are of validation images, which the best epoch of each run was chosen by, and the best run now: expect a little less on new images.${test && ' No run was chosen by the test part.'}</p>
${runsTable(summary)}`;
}

function verdict({ runs, pair }: RunStudy): string {
  const { first, second, mcnemar } = pair!;
  const [a, b] = [runs[first]!.name, runs[second]!.name];
  if (mcnemar.pValue < 0.05)
    return `${a} is better than ${b} on images like these, as far as two runs that were picked as the best can be compared.`;
  return `The difference between ${a} and ${b} may be chance: take the one that is cheaper, or compare on more images.`;
}

/** What is counted, and what is not. */
export function costNote(): Markup {
  return html`<p class="quiet">Seconds are those of the epochs as they were logged, with their evaluations, on whatever else the machine did. Operations are counted in the graphs of training: forward, backward and update, and what frozen layers compute in front; evaluations and decoding are not in them.</p>`;
}

/** Images that nobody gets right, and those that only one of the best two does. */
export function mistakesSection(study: RunStudy, sheet: ThumbnailSheet): Markup | null {
  const { runs, groups, missed, pair, classes } = study;
  const members = groups[0] ?? [];
  if (members.length < 2) return null;
  const shown = shownMissed(missed);
  const more = missed.length > shown.length && ` The ${shown.length} worst are shown.`;
  const answersOf = new Map(missed.map(({ image, answers }) => [image, answers]));
  const all = html`<h3>Wrong in all ${members.length} runs</h3><p>${missed.length === 0 ? 'Every image is classified rightly by one run or another.' : html`${plural(missed.length, 'image')} of ${imagesOf(study)}: hard ones, or labels that are wrong.${more}`}</p>
${
  missed.length > 0 &&
  sheet.classified(
    shown.map(({ image }) => image),
    classes,
    (image) =>
      html`label <b>${classes[image.label]}</b><br>${answersText(answersOf.get(image)!)}<span class="quiet">${basename(image.path)}</span>`,
  )
}`;
  if (!pair) return all;
  const only = (title: string, images: typeof pair.onlyFirst, count: number) =>
    count > 0 &&
    html`<h3>${title}</h3>${sheet.classified(images, classes, ({ label, predicted, path }) => html`label <b>${classes[label]}</b><br>the other: <b>${classes[predicted]}</b><br><span class="quiet">${basename(path)}</span>`)}${count > images.length && html`<p class="quiet">The clearest ${images.length} of ${count}.</p>`}`;
  const [first, second] = [runs[pair.first]!.name, runs[pair.second]!.name];
  return html`${all}${only(`Right in ${first}, wrong in ${second}`, pair.onlyFirst, pair.mcnemar.onlyFirst)}${only(`Right in ${second}, wrong in ${first}`, pair.onlySecond, pair.mcnemar.onlySecond)}`;
}

/** The most frequent answers, a line each. */
function answersText(answers: readonly (readonly [name: string, runs: number])[]): Markup {
  const lines = answers.slice(0, 3).map(([name, count]) => html`${count} × <b>${name}</b><br>`);
  return html`${lines}${answers.length > 3 && html`and ${answers.length - 3} more<br>`}`;
}

/** How each run is repeated. */
export function repeatSection(runs: readonly StudyRun[]): Markup {
  const items = runs.map(({ name, run, path }) => {
    const command = repeatCommand(run);
    return html`<h3>${name}</h3><p class="quiet"><code>${path}</code>, Graft ${run.graft}, ${run.device}, ${plural(run.threads, 'thread')}</p>${command === null ? html`<p>A program trained it, and no command repeats it.</p>` : html`<pre><code>${command}</code></pre>`}`;
  });
  return html`<details><summary>The command of each run</summary>${items}</details>`;
}
