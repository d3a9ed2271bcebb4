import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { basename, resolve } from 'node:path';
import { plural } from '@graft-ml/core/internal/base/plural';
import { version } from '@graft-ml/core/internal/base/version';
import { isAveraged, isTrainedByProgram, type Run } from '@graft-ml/core/internal/runs/run-file';
import { packageFile } from '../files/package-file.ts';
import { type Advice, adviceFor } from './advice.ts';
import { confusionSection } from './confusion.ts';
import type { ReportFacts } from './facts.ts';
import { healthSection } from './health.ts';
import { html, type Markup, trusted } from './html.ts';
import { ThumbnailSheet } from './images.ts';
import { labelsSection } from './labels.ts';
import { mapSection } from './map.ts';
import {
  adviceSection,
  calibrationSection,
  classSection,
  curvesSection,
  evidenceSection,
  headerSection,
  imagesOf,
  layersSection,
  lossesSection,
  qualitySection,
  warningSection,
} from './sections.ts';
import { reportCss } from './style.ts';

/** Nothing is loaded, nothing is sent, nothing runs but the page's own script: styles and images stand in the page. */
function policyOf(script: string | null): string {
  const digest = script === null ? null : createHash('sha256').update(script).digest('base64');
  const scripts = digest === null ? '' : ` script-src 'sha256-${digest}';`;
  return `default-src 'none';${scripts} style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'`;
}

/** The script that works the lasso, which is compiled from \`browser/lasso.ts\`. */
const lassoScript = () => readFileSync(packageFile('dist', 'browser', 'lasso.js'), 'utf8');

/** A report as one HTML document, and the advice in it. */
export async function reportPage(facts: ReportFacts): Promise<{ readonly text: string; readonly advice: Advice[] }> {
  const { run, shown, labels, path } = facts;
  const advice = adviceFor(facts);
  const sheet = new ThumbnailSheet(facts.thumbnails);
  const name = basename(resolve(path));
  const of = shown && html` <span class="quiet">(${imagesOf(shown)})</span>`;
  const sections: (readonly [id: string, title: string, content: Markup | null, isOfPart?: boolean])[] = [
    ['quality', 'How good is it?', qualitySection(facts)],
    [
      'mistakes',
      'Where is it wrong?',
      (shown || labels) &&
        html`${shown && html`${confusionSection(shown, run.classes, sheet)}${classSection(shown)}${lossesSection(shown, run.classes, sheet)}`}${labels && labelsSection(labels, run.classes, sheet)}`,
      true,
    ],
    ['why', 'What does it look at?', shown && evidenceSection(shown, run.classes), true],
    ['map', 'What looks alike?', facts.map && mapSection({ ...facts, map: facts.map }, sheet)],
    ['curves', 'How did it learn?', await curvesSection(facts)],
    ['layers', 'What was trained?', layersSection(facts)],
    ['calibration', 'Can its probabilities be believed?', await calibrationSection(facts), true],
    ['next', 'What next?', adviceSection(advice)],
    ['repeat', 'How was it made?', headerSection(facts)],
    ['health', 'Time and data', healthSection(facts)],
  ];
  const text = reportDocument({
    name,
    kind: 'a training run',
    intro: html`<p>${run.config.model}, ${howTrained(run)}, on <code>${facts.folder}</code>: ${plural(run.dataset.train, 'training image')}, ${run.classes.length} classes. <a href="#repeat">How to repeat it</a></p>${warningSection(facts)}`,
    definitions: sheet.definitions,
    script: facts.map?.embedding ? lassoScript() : null,
    sections: sections.map(([id, title, content, isOfPart]) => [id, html`${title}${isOfPart && of}`, content, title]),
  });
  return { text, advice };
}

function howTrained(run: Run): string {
  if (isAveraged(run)) return 'averaged from other runs';
  return isTrainedByProgram(run) ? 'trained by a program' : `${run.config.strategy}, seed ${run.config.seed}`;
}

/** The parts of a page. */
interface DocumentParts {
  readonly name: string;
  /** What it is a report of. */
  readonly kind: string;
  readonly intro: Markup;
  readonly definitions?: Markup;
  /** A script of our own; null or absent: none. */
  readonly script?: string | null;
  /** Identifier, heading, content, and the heading in the list of sections where that is shorter. */
  readonly sections: readonly (readonly [id: string, title: Markup | string, content: Markup | null, short?: string])[];
}

/** A report as one HTML document. Sections without content are left out. */
export function reportDocument({ name, kind, intro, definitions, script = null, sections }: DocumentParts): string {
  const present = sections.filter(([, , content]) => content !== null);
  const { text } = html`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="${policyOf(script)}"><meta name="viewport" content="width=device-width,initial-scale=1"><meta name="generator" content="Graft ${version}"><title>${name} · Graft report</title><style>${trusted(reportCss())}</style></head>
<body><a class="skip" href="#quality">To the results</a>
${definitions}
<header><p class="quiet">Graft report of ${kind}</p><h1>${name}</h1>${intro}
<nav aria-label="Sections"><ul>${present.map(([id, title, , short]) => html`<li><a href="#${id}">${short ?? title}</a></li>`)}</ul></nav></header>
<main>
${present.map(([id, title, content]) => html`<section aria-labelledby="${id}"><h2 id="${id}">${title}</h2>${content}</section>`)}
</main><footer class="quiet">Written by Graft ${version}. This page loads nothing and sends nothing.</footer>${script !== null && trusted(`<script>${script}</script>`)}</body></html>
`;
  return text;
}
