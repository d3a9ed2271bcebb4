import { basename, resolve } from 'node:path';
import { plural } from '@graft-ml/core/internal/base/plural';
import { comparedSections, compareScript } from '../compare/compare-page.ts';
import { summaryOf } from '../compare/runs-summary.ts';
import { summarisedStudyRun } from '../compare/summarised-run.ts';
import { confusionSection } from '../confusion.ts';
import { html, type Markup } from '../html.ts';
import { ThumbnailSheet } from '../images.ts';
import { reportDocument } from '../page.ts';
import { classSection, lossesSection } from '../sections.ts';
import { foldCurves, foldQuality } from './fold-sections.ts';
import type { FoldStudy } from './folds-study.ts';
import { innerStepSection, metaCourseSection, metaPlaces, metaQuality } from './meta-sections.ts';
import type { MetaStudy } from './meta-study.ts';
import { mistakesSection, repeatSection, sideBySide, warningNotes } from './run-sections.ts';
import type { RunStudy } from './run-study.ts';
import { transferSection } from './transfer-section.ts';

/** The page of several runs of ordinary training. */
export async function runsPage(name: string, study: RunStudy): Promise<string> {
  const { runs, thumbnails, warnings } = study;
  const sheet = new ThumbnailSheet(thumbnails);
  const models = [...new Set(runs.map(({ run }) => run.config.model))];
  const summary = summaryOf(runs.map(summarisedStudyRun), { folder: null, warnings });
  return reportDocument({
    name,
    kind: plural(runs.length, 'training run'),
    intro: html`<p>${models.length === 1 ? models[0] : plural(models.length, 'model')} on ${folderOf(runs)}. <a href="#repeat">How to repeat them</a></p>${warningNotes(warnings)}`,
    definitions: sheet.definitions,
    script: compareScript(),
    sections: [
      ['quality', 'Which is best?', sideBySide(study, summary)],
      ['transfer', 'How much must be trained?', await transferSection(study)],
      ...(await comparedSections(summary)),
      ['mistakes', 'Where are they wrong?', mistakesSection(study, sheet)],
      ['repeat', 'How were they made?', repeatSection(runs)],
    ],
  });
}

/** The page of a cross-validation. */
export async function foldsPage(name: string, study: FoldStudy): Promise<string> {
  const { runs, of, pooled, warnings } = study;
  const classes = runs[0]?.run.classes ?? [];
  const sheet = new ThumbnailSheet(pooled?.thumbnails ?? new Map());
  const run = runs[0]?.run;
  const images = pooled && html` <span class="quiet">(${plural(pooled.metrics.images, 'image')} out of fold)</span>`;
  return reportDocument({
    name,
    kind: `a cross-validation in ${plural(of, 'fold')}`,
    intro: html`<p>${run && `${run.config.model}, ${run.config.strategy}, seed ${run.config.seed}, on `}${folderOf(runs)}, ${classes.length} classes. Each image validates once, in the run that did not learn from it. <a href="#repeat">How to repeat it</a></p>${warningNotes(warnings)}`,
    definitions: sheet.definitions,
    sections: [
      ['quality', 'How good is it?', foldQuality(study)],
      [
        'mistakes',
        html`Where is it wrong?${images}`,
        pooled &&
          html`${confusionSection(pooled, classes, sheet)}${classSection(pooled)}${lossesSection(pooled, classes, sheet)}`,
        'Where is it wrong?',
      ],
      ['curves', 'How did it learn?', await foldCurves(study)],
      ['repeat', 'How was it made?', repeatSection(runs)],
    ],
  });
}

/** The page of several runs of meta-learning. */
export async function metaPage(name: string, study: MetaStudy): Promise<string> {
  const { learners, shape, warnings } = study;
  return reportDocument({
    name,
    kind: plural(learners.length, 'run of meta-learning', 'runs of meta-learning'),
    intro: html`<p>${shape.way}-way ${shape.shots}-shot on ${folderOf(learners)}.</p>${warningNotes(warnings)}`,
    sections: [
      ['quality', 'Which is best?', metaQuality(study)],
      ['steps', 'What do inner steps bring?', await innerStepSection(study)],
      ['curves', 'How did they learn?', await metaCourseSection(study)],
      ['repeat', 'How were they made?', metaPlaces(study)],
    ],
  });
}

interface OnFolder {
  readonly run: { readonly folder: string };
  /** Where its images were found. */
  readonly judged?: { readonly folder: string } | null;
}

function folderOf(runs: readonly OnFolder[]): Markup | string {
  const folders = [...new Set(runs.map(({ run, judged }) => judged?.folder ?? run.folder))];
  return folders.length === 1 ? html`<code>${folders[0]}</code>` : plural(folders.length, 'folder');
}

/** The name of a page: of the folder that it is of, or of its runs. */
export function pageName(path: string | null, names: readonly string[]): string {
  if (path !== null) return basename(resolve(path));
  return names.length <= 3 ? names.join(', ') : plural(names.length, 'run');
}
