import { readFileSync } from 'node:fs';
import { plural } from '@graft-ml/core/internal/base/plural';
import { packageFile } from '../../files/package-file.ts';
import { inCommands } from '../../text/wording.ts';
import { percent } from '../format.ts';
import { html, type Markup } from '../html.ts';
import { reportDocument } from '../page.ts';
import { costSection, curvesSection, optionsSection, runsTable, seedsSection } from './compare-sections.ts';
import type { RunsSummary } from './runs-summary.ts';

/** The script that sorts, filters and highlights, which is compiled from \`browser/compare.ts\`. */
export const compareScript = () => readFileSync(packageFile('dist', 'browser', 'compare.js'), 'utf8');

/** The page of runs as they recorded themselves. */
export async function comparePage(name: string, summary: RunsSummary): Promise<string> {
  const { runs, warnings } = summary;
  const models = [...new Set(runs.map(({ run }) => run.config.model ?? 'unknown'))];
  const folders = [...new Set(runs.map(({ run }) => run.folder))];
  return reportDocument({
    name,
    kind: plural(runs.length, 'run'),
    intro: html`<p>${models.length === 1 ? models[0] : plural(models.length, 'model')} on ${folders.length === 1 ? html`<code>${folders[0]}</code>` : plural(folders.length, 'folder')}.</p>${warnings.map((text) => html`<p class="note">${inCommands(text)}</p>`)}`,
    script: compareScript(),
    sections: [
      ['quality', 'Which is best?', html`${tiles(summary)}${runsTable(summary)}`],
      ...(await comparedSections(summary)),
    ],
  });
}

type Section = readonly [id: string, title: string, content: Markup | null];

/** The sections that follow from the records of the runs alone. */
export async function comparedSections(summary: RunsSummary): Promise<Section[]> {
  return [
    ['options', 'What do the options do?', await optionsSection(summary)],
    ['seeds', 'How sure is that?', await seedsSection(summary)],
    ['curves', 'How did they learn?', await curvesSection(summary)],
    ['cost', 'What did it take?', await costSection(summary)],
  ];
}

function tiles({ runs, best, groups }: RunsSummary): Markup {
  if (best === null) return html`<p>No run has been validated yet.</p>`;
  const { name, validation, test } = runs[best]!;
  const { accuracy, interval, epoch } = validation!;
  const [top] = groups;
  return html`<ul class="tiles"><li class="first"><b>${percent(accuracy)}</b><span>${name}, the best of ${plural(runs.length, 'run')} on validation, in epoch ${epoch}</span>${interval && html`<span class="quiet">95 % interval ${percent(interval[0])} to ${percent(interval[1])}</span>`}</li>
${test && html`<li><b>${percent(test.accuracy)}</b><span>of it on the test part</span></li>`}
${top && top.runs.length > 1 && html`<li><b>${percent(top.accuracy.mean)}</b><span>${top.name}, the best mean over ${plural(top.runs.length, 'seed')}</span><span class="quiet">± ${percent(top.accuracy.margin)}</span></li>`}</ul>
<p class="quiet">All accuracies are of validation images or episodes, by which the best epoch of each run was chosen, and the best run now: the more runs there are, the more the best of them overstates how good it is.</p>`;
}
