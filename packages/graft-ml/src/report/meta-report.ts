import { basename, join, resolve } from 'node:path';
import { plural } from '@graft-ml/core/internal/base/plural';
import type { Tensors } from '@graft-ml/core/internal/base/tensor';
import { lineChartSvg } from '@graft-ml/core/internal/chart/index';
import { learningCurves } from '@graft-ml/core/internal/fit/learning-curves';
import { groupBy } from '@graft-ml/core/internal/image/group-by';
import type { LossSurface } from '@graft-ml/core/internal/meta/index';
import { innerRateName } from '@graft-ml/core/internal/meta/learner';
import type { OpenLearner } from '@graft-ml/core/internal/runs/open-learner';
import { type LoggedEpoch, loggedEpochs } from '@graft-ml/core/internal/runs/run-curves';
import { placeOf } from '@graft-ml/core/internal/runs/run-file';
import { reportFile } from '@graft-ml/core/internal/runs/run-files';
import { replaceFile, wrapWriteErrors } from '../files/write.ts';
import { type MetaTest, openMetaTest, type TestMetaOptions } from '../meta/test-meta.ts';
import { openRunStore } from '../runs/run-store.ts';
import { commandLine, inCommands } from '../text/wording.ts';
import { episodesSection, type ShownEpisode, shownEpisodes } from './episodes.ts';
import { fixed, percent, rateText } from './format.ts';
import { html, type Markup, trusted } from './html.ts';
import { reportDocument } from './page.ts';
import { surfaceOf, surfaceSection } from './surface.ts';

/** Options of the report of a meta-learned run: those of its test, and the file. */
export interface WriteMetaReportOptions extends Omit<TestMetaOptions, 'trials'> {
  /** The file to write, which is replaced. Default: `report.html` in the run. */
  readonly out?: string | undefined;
  /** Hears how many points of the loss surface are computed. */
  readonly onSurface?: ((done: number, total: number) => void) | undefined;
}

/** A report of a meta-learned run that was written, and the test that is in it. */
export interface WrittenMetaReport {
  readonly file: string;
  readonly bytes: number;
  readonly test: MetaTest;
}

/**
 * Writes the report of a run of meta-learning as one HTML file: the accuracy on tasks of unseen classes after each inner
 * step, with its interval; episodes with what was said of their queries; the loss surface around the way of the inner
 * loop; the course of meta-training; and the inner learning rates. The run is tested for it (`testMeta`).
 *
 * @throws UserError where the run or its dataset cannot be read, or the file cannot be written; the signal's reason
 * @example const { file, test } = await writeMetaReport('runs/omniglot', { episodes: 200 });
 */
export async function writeMetaReport(
  run: string,
  { out, ...options }: WriteMetaReportOptions = {},
): Promise<WrittenMetaReport> {
  const { openStore = openRunStore, signal, onProgress, onSurface } = options;
  await using open = await openMetaTest(run, options, 'writeMetaReport');
  const { test, accuracies } = await open.test({ signal, onProgress });
  const shown = await shownEpisodes(open, accuracies);
  const surface = await surfaceOf(open, shown[0]!, { signal, onProgress: onSurface });
  const epochs = await loggedEpochs(openStore(run));
  const content = Buffer.from(await metaPage(run, open.opened, { test, epochs, shown, surface }), 'utf8');
  options.signal?.throwIfAborted();
  if (out === undefined) await openStore(run).replace(reportFile, content);
  else await wrapWriteErrors(out, () => replaceFile(out, content));
  return { file: out ?? join(run, reportFile), bytes: content.length, test };
}

interface Measured {
  readonly test: MetaTest;
  readonly epochs: readonly LoggedEpoch[];
  readonly shown: readonly ShownEpisode[];
  readonly surface: LossSurface | string;
}

async function metaPage(path: string, opened: OpenLearner, measured: Measured): Promise<string> {
  const { config } = opened;
  const name = basename(resolve(path));
  const { way, shots } = measured.test.shape;
  return reportDocument({
    name,
    kind: 'a run of meta-learning',
    intro: html`<p>${config.learner} with ${config.model}, ${way}-way ${shots}-shot, seed ${config.seed}, on <code>${opened.run.folder}</code>. <a href="#repeat">How to repeat it</a></p>${measured.test.notes.map((note) => html`<p class="note">${inCommands(note)}</p>`)}`,
    sections: [
      ['quality', 'How good is it?', await qualitySection(measured.test)],
      ['episodes', 'What does it make of a task?', await episodesSection(measured.shown, measured.test.episodes)],
      ['surface', 'Where do its steps lead?', await surfaceSection(measured.surface, measured.shown[0]!)],
      ['curves', 'How did it learn?', await courseSection(measured.epochs)],
      ['rates', 'At which inner rates?', ratesSection(opened)],
      ['repeat', 'How was it made?', headerSection(path, opened)],
    ],
  });
}

async function qualitySection({ accuracy, perStep, episodes, shape, of }: MetaTest): Promise<Markup> {
  const interval = ({ mean, margin }: MetaTest['accuracy']) => [mean - margin, mean + margin] as const;
  const [low, high] = interval(accuracy);
  const rows = perStep.map(
    ({ steps, accuracy: after, loss }) =>
      html`<tr><th scope="row">${steps}</th><td>${percent(after.mean)} ± ${percent(after.margin)}</td><td>${fixed(loss.mean)} ± ${fixed(loss.margin)}</td></tr>`,
  );
  const chart =
    perStep.length > 1 &&
    trusted(
      await lineChartSvg(
        {
          title: 'Accuracy by inner step',
          x: { label: 'inner steps' },
          y: { label: 'accuracy', format: 'percent' },
          series: [
            {
              name: `${of} classes`,
              points: perStep.map(({ steps, accuracy: after }) => [steps, after.mean] as const),
              band: perStep.map(({ steps, accuracy: after }) => [steps, ...interval(after)] as const),
            },
          ],
          note: 'band: 95 % interval of the mean over episodes',
        },
        { width: 560, height: 320 },
      ),
    );
  return html`<ul class="tiles"><li class="first"><b>${percent(accuracy.mean)}</b><span>accuracy on ${episodes} episodes of ${of} classes</span><span class="quiet">95 % interval ${percent(low)} to ${percent(high)}</span></li><li><b>${percent(1 / shape.way)}</b><span>by guessing</span></li><li><b>${shape.way} × ${shape.shots}</b><span>classes and images of each to adapt to</span><span class="quiet">${shape.queries} queries of each class</span></li></ul>
<div class="beside">${chart && html`<figure class="alone">${chart}</figure>`}
<div class="scroll" role="region" aria-label="Accuracy by inner step" tabindex="0"><table><thead><tr><th scope="col">inner steps</th><th scope="col">accuracy</th><th scope="col">loss, nats</th></tr></thead><tbody>${rows}</tbody></table></div></div>`;
}

async function courseSection(epochs: readonly LoggedEpoch[]): Promise<Markup> {
  if (epochs.length === 0) return html`<p>No validation is complete yet.</p>`;
  const figures: Markup[] = [];
  for (const { note: _, ...chart } of learningCurves(epochs)) {
    const svg = await lineChartSvg({ ...chart, x: { label: 'validation' } }, { width: 460, height: 300 });
    figures.push(html`<figure>${trusted(svg)}</figure>`);
  }
  return html`<div class="charts">${figures}</div><p class="quiet">Validation is on episodes of validation classes, which the best weights were chosen by.</p>`;
}

/** The inner learning rates: of each parameter where they are learned, else as they were set. */
function ratesSection({ learner, values, config }: OpenLearner): Markup {
  if (learner.kind === 'prototypes') return html`<p>${config.learner} takes no inner steps.</p>`;
  const isLearned = [...learner.rates.keys()].some((name) => innerRateName(name) in values);
  return isLearned ? learnedRates(learner.rates, values) : setRates(learner.rates);
}

/** The parameters of each rate, where nothing is learned. */
function setRates(rates: ReadonlyMap<string, number>): Markup {
  const groups = [...groupBy(rates, ([, rate]) => rate)];
  if (groups.length === 1) return html`<p>Every parameter moves at the inner rate ${rateText(groups[0]![0])}.</p>`;
  const items = groups.map(([rate, members]) => {
    const names = members.map(([name]) => html`<code>${name}</code> `);
    return html`<li>${rate === 0 ? 'Not adapted' : `At ${rateText(rate)}`}: ${names}</li>`;
  });
  return html`<ul>${items}</ul>`;
}

function learnedRates(rates: ReadonlyMap<string, number>, values: Tensors): Markup {
  const rows = [...rates].map(([name, rate]) => {
    const learned = values[innerRateName(name)];
    const numbers = learned?.dtype === 'f32' ? [...learned.data] : [];
    if (numbers.length === 0)
      return html`<tr><th scope="row"><code>${name}</code></th><td class="${rate === 0 && 'frozen'}">${rate === 0 ? 'not adapted' : rateText(rate)}</td><td></td></tr>`;
    const mean = numbers.reduce((sum, value) => sum + value, 0) / numbers.length;
    const [low, high] = numbers.reduce(
      ([least, most], value) => [Math.min(least, value), Math.max(most, value)] as const,
      [numbers[0]!, numbers[0]!] as const,
    );
    return html`<tr><th scope="row"><code>${name}</code></th><td>${mean.toPrecision(2)}</td><td>${low.toPrecision(2)} to ${high.toPrecision(2)}</td></tr>`;
  });
  return html`<div class="scroll" role="region" aria-label="Inner rates" tabindex="0"><table><thead><tr><th scope="col">parameter</th><th scope="col">inner rate</th><th scope="col">learned range</th></tr></thead><tbody>${rows}</tbody></table></div>`;
}

function headerSection(path: string, { run, config }: OpenLearner): Markup {
  const side = ({ classes, images }: typeof run.dataset.train) =>
    `${plural(classes, 'class', 'classes')} with ${plural(images, 'image')}`;
  const facts: (readonly [string, string])[] = [
    ['data', `${run.folder}, divided by ${run.dataset.split}`],
    ['training', side(run.dataset.train)],
    ['validation', side(run.dataset.validation)],
    ['test', side(run.dataset.test)],
    ['meta-steps', `${config.metaSteps}, ${config.metaBatch} episodes each`],
    ['optimizer', `${config.optimizer}, learning rate ${config.learningRate} (${config.schedule})`],
    ['seed', String(config.seed)],
    ['versions', `Graft ${run.graft}, ONNX Runtime ${run.versions.onnxruntime}, ${placeOf(run)}`],
    ['run', resolve(path)],
  ];
  const again = commandLine('meta train', [], { config: `${path}/run.json`, out: `${path}-again` });
  return html`<dl class="facts">${facts.map(([term, fact]) => html`<dt>${term}</dt><dd>${fact}</dd>`)}</dl><p>The same run again:</p><pre><code>${again}</code></pre>`;
}
