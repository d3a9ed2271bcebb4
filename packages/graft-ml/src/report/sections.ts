import { basename, resolve } from 'node:path';
import type { Reliability } from '@graft-ml/core/evaluate';
import { plural } from '@graft-ml/core/internal/base/plural';
import { lineChartSvg } from '@graft-ml/core/internal/chart/index';
import type { EvaluationMetrics } from '@graft-ml/core/internal/evaluate/evaluation';
import { learningCurves } from '@graft-ml/core/internal/fit/learning-curves';
import { isAveraged, isTrainedByProgram, placeOf, type Run } from '@graft-ml/core/internal/runs/run-file';
import { textOf } from '../text/options.ts';
import { flagOf, inCommands } from '../text/wording.ts';
import type { Advice } from './advice.ts';
import { type ReportFacts, recallInterval, type ShownPart } from './facts.ts';
import { fixed, percent, rateText } from './format.ts';
import { html, type Markup, trusted } from './html.ts';
import type { ThumbnailSheet } from './images.ts';
import { repeatCommand } from './repeat-command.ts';

const chartSize = { width: 460, height: 300 } as const;

async function figure(chart: Parameters<typeof lineChartSvg>[0], caption?: string): Promise<Markup> {
  const svg = trusted(await lineChartSvg(chart, chartSize));
  return html`<figure>${svg}${caption && html`<figcaption>${caption}</figcaption>`}</figure>`;
}

const partNames = { train: 'training', validation: 'validation', test: 'test', all: 'all' } as const;

/** `102 validation images` */
export function imagesOf({ part, metrics }: Pick<ShownPart, 'part' | 'metrics'>): string {
  return plural(metrics.images, `${partNames[part]} image`);
}

const between = ([low, high]: readonly [number, number]) => `95 % interval ${percent(low)} to ${percent(high)}`;

/** The numbers first, each with its part and its interval. */
export function qualitySection({ run, shown, test }: ReportFacts): Markup {
  if (!shown && !test)
    return html`<p class="note">This run has no validation images and no test part: how good it is was not measured. Keep images aside with <code>--validation-fraction</code>.</p>`;
  const known = shown && !test ? shown.seen.fitted - shown.seen.leftOut : 0;
  const main = test ?? shown!.metrics;
  const name = test ? plural(test.images, 'test image') : imagesOf(shown!);
  const largest = Math.max(...main.classes.map(({ support }) => support)) / main.images;
  const also =
    test &&
    shown &&
    html`<li><b>${percent(shown.metrics.accuracy)}</b><span>accuracy on ${imagesOf(shown)}</span><span class="quiet">${between(shown.metrics.interval)}; the best epoch was chosen by these</span></li>`;
  return html`${known > 0 && html`<p class="note">${plural(known, 'of these images was', 'of these images were')} among those that the run was fitted to: on new images it will be worse.</p>`}<ul class="tiles">
<li class="first"><b>${percent(main.accuracy)}</b><span>accuracy on ${name}</span><span class="quiet">${between(main.interval)}</span></li>
${also}
${tile(percent(main.balancedAccuracy), `mean recall of ${run.classes.length} classes`, main, 'balancedAccuracy')}
${tile(fixed(main.macro.f1), 'macro F1', main, 'f1')}
<li><b>${fixed(main.loss)}</b><span>log loss, nats</span><span class="quiet">equal guesses: ${fixed(Math.log(run.classes.length))}</span></li>
<li><b>${percent(main.calibration.error)}</b><span>calibration error</span><span class="quiet">${main.calibration.overconfidence > 0 ? 'too sure' : 'not sure enough'} by ${percent(Math.abs(main.calibration.overconfidence))}</span></li>
</ul>
<p class="quiet">${test ? `The tiles without another word are of the test part, which nothing was chosen by. Its images are counted and never shown here: what follows is of the ${shown ? imagesOf(shown) : 'training images'}, unless it says otherwise.` : `All numbers are of the ${name}.`} Always answering the most frequent class would be right for ${percent(largest)}.</p>`;
}

function tile(value: string, name: string, { intervals }: EvaluationMetrics, key: 'balancedAccuracy' | 'f1'): Markup {
  const interval = intervals?.[key];
  const text =
    interval && (key === 'f1' ? `95 % interval ${fixed(interval[0])} to ${fixed(interval[1])}` : between(interval));
  return html`<li><b>${value}</b><span>${name}</span>${text && html`<span class="quiet">${text}</span>`}</li>`;
}

/** The warnings that the run began with, notes on its weights, and what was changed on the way. */
export function warningSection({ run, notes }: ReportFacts): Markup {
  const changes = run.changes.map(({ epoch, change }) => `From epoch ${epoch + 1} on: ${change}`);
  const texts = [...run.warnings.map(({ message }) => message), ...notes, ...changes];
  return html`${texts.map((text) => html`<p class="note">${inCommands(text)}</p>`)}`;
}

/** Everything that a colleague needs to repeat the run. */
export function headerSection({ path, run, folder, stages, layers }: ReportFacts): Markup {
  const { config, dataset, versions, parameters, preprocessing } = run;
  const division =
    config.fold === null
      ? `${percent(config.validationFraction, 0)} for validation${config.testFraction ? `, ${percent(config.testFraction, 0)} for testing` : ''}, drawn with seed ${config.seed}; folders train, val and test are kept where there are such`
      : `fold ${config.fold.index} of ${config.fold.of}`;
  const facts: (readonly [string, Markup | string])[] = [
    [
      'data',
      html`<code>${folder}</code>: ${plural(dataset.train, 'training image')}, ${dataset.validation} validation, ${dataset.test} test, ${run.classes.length} classes`,
    ],
    ['split', division],
    ['fingerprint', html`<code>${dataset.fingerprint.slice(0, 16)}…</code> of images, classes and parts`],
    ['model', `${config.model}, ${preprocessing.crop} px, ${parameters.total.toLocaleString('en')} parameters`],
    ...(isTrainedByProgram(run) ? [] : trainingFacts(run, stages, layers)),
    [
      'versions',
      `Graft ${run.graft}, ONNX Runtime ${versions.onnxruntime}, ${placeOf(run)}; ${run.device}, ${plural(run.threads, 'thread')}`,
    ],
    ['run', html`<code>${resolve(path)}</code>`],
  ];
  return html`<dl class="facts">${facts.map(([name, fact]) => html`<dt>${name}</dt><dd>${fact}</dd>`)}</dl>
${repeatSection(run)}`;
}

/** The command that repeats a run, with all its options. */
function repeatSection(run: Run): Markup {
  const command = repeatCommand(run);
  if (isAveraged(run))
    return html`<p>No training made it: its weights are an average of those of other runs, whose own reports say how they are repeated.</p>`;
  if (command === null)
    return html`<p>A program trained it, with <code>fit</code>: how is written there, and no command repeats it.</p>`;
  const options = Object.entries(run.config).filter(([, value]) => value !== null);
  return html`<p>The same run again:</p><pre><code>${command}</code></pre>
<details><summary>All options</summary><dl class="facts">${options.map(([key, value]) => html`<dt><code>${flagOf(key)}</code></dt><dd>${textOf(key, value) ?? String(value)}</dd>`)}</dl></details>`;
}

/** What the options of a run say of its training. */
function trainingFacts(
  run: Run,
  stages: ReportFacts['stages'],
  layers: ReportFacts['layers'],
): (readonly [string, Markup | string])[] {
  const { config, parameters } = run;
  return [
    ['weights', config.weights ?? (run.weightsSha256 === null ? 'none: trained from scratch' : 'its own')],
    [
      'strategy',
      `${config.strategy}${run.decision ? `, which chose ${run.decision.strategy}` : ''}: ${parameters.trained.toLocaleString('en')} parameters trained`,
    ],
    ...stages.map(({ stage, from, to }, i) => {
      const planned = layers.stages[i]?.blocks ?? [];
      const trained = planned.filter((block) => block.trained > 0);
      const frozen = planned.filter((block) => block.trained === 0 && block.frozen > 0).length;
      const says =
        planned.length === 0
          ? stage
          : `${trained.map(({ block }) => block).join(', ')} trained${frozen > 0 ? `, ${plural(frozen, 'block')} frozen` : ''}`;
      return [from === to ? `epoch ${from}` : `epochs ${from} to ${to}`, says] as const;
    }),
    [
      'optimizer',
      `${config.optimizer}, learning rate ${config.learningRate} (${config.schedule}), weight decay ${config.weightDecay}, batches of ${config.batchSize}`,
    ],
    ['augmentation', textOf('augment', config.augment) ?? String(config.augment)],
    ['batch norm', run.batchNorm],
    ['seed', String(config.seed)],
  ];
}

/** Curves of loss and metrics, and the learning rates. Hovering a point shows its numbers. */
export async function curvesSection({ epochs, fit, layers }: ReportFacts): Promise<Markup> {
  if (epochs.length === 0) return html`<p>No epoch is complete yet.</p>`;
  const charts = learningCurves(epochs).map(({ note: _, ...chart }) => chart);
  const figures = [];
  for (const chart of charts) figures.push(await figure(chart));
  if (layers.rates.length > 0) {
    // A schedule that ends near zero would leave no room for the rest on a logarithmic axis.
    const highest = Math.max(...layers.rates.flatMap(({ points }) => points.map(([, rate]) => rate)));
    figures.push(
      await figure({
        title: 'Learning rate',
        x: { label: 'epochs' },
        y: { label: 'learning rate', scale: 'log' },
        series: layers.rates.map(({ name, points }) => ({
          name,
          points: points.filter(([, rate]) => rate > highest / 1000),
        })),
      }),
    );
  }
  return html`<p>${fit.text}</p><div class="charts">${figures}</div>
<p class="quiet">Training values are means over the steps of an epoch, each measured on augmented images before the step: early in training they lag behind. Vertical lines mark where blocks are unfrozen, and the best epoch. <span class="onscreen">Rest the pointer on a point for its number.</span></p>`;
}

/** The numbers of each class. */
export function classSection({ metrics }: Pick<ShownPart, 'metrics'>): Markup {
  const rows = metrics.classes.slice(0, 200).map((one) => {
    const [low, high] = one.support > 0 ? recallInterval(one) : [Number.NaN, Number.NaN];
    return html`<tr><th scope="row">${one.name}</th><td>${one.support}</td><td>${percent(one.recall, 0)}</td><td class="quiet">${percent(low, 0)} to ${percent(high, 0)}</td><td>${percent(one.precision, 0)}</td><td>${fixed(one.f1, 2)}</td><td>${fixed(one.rocAuc)}</td><td>${fixed(one.averagePrecision)}</td></tr>`;
  });
  const left = metrics.classes.length - rows.length;
  return html`<h3>Classes</h3><div class="scroll" role="region" aria-label="Classes" tabindex="0"><table><thead><tr><th scope="col">class</th><th scope="col">images</th><th scope="col">recall</th><th scope="col">95 % interval</th><th scope="col">precision</th><th scope="col">F1</th><th scope="col">ROC-AUC</th><th scope="col">average precision</th></tr></thead><tbody>${rows}</tbody></table></div>${left > 0 && html`<p class="quiet">And ${left} more: <code>graft evaluate --json</code> has all.</p>`}`;
}

/** The wrong answers with the largest losses. */
export function lossesSection(
  { losses }: Pick<ShownPart, 'losses'>,
  classes: readonly string[],
  sheet: ThumbnailSheet,
): Markup {
  if (losses.length === 0) return html`<p>No image was classified wrongly.</p>`;
  return html`<h3>Largest losses</h3><p>Mistakes that the model is sure of, and labels that may be wrong, the worst first.</p>
${sheet.classified(losses, classes, ({ path, label, predicted, confidence, loss }) => html`label <b>${classes[label]}</b><br>answer <b>${classes[predicted]}</b> ${percent(confidence, 0)}<br><span class="quiet">loss ${loss.toFixed(2)}, ${basename(path)}</span>`)}`;
}

/** What in images speaks for classes, beside wrong and right answers. */
export function evidenceSection({ evidence }: ShownPart, classes: readonly string[]): Markup {
  if (evidence.problem !== undefined)
    return html`<p class="note">No explanations for this model: ${evidence.problem}</p>`;
  const [wrong, right] = [true, false].map((isWrong) =>
    evidence.examples.filter(({ image }) => (image.label !== image.predicted) === isWrong),
  );
  const example = ({ image, original, forAnswer, forLabel }: (typeof evidence.examples)[number]) => {
    const [label, answer] = [classes[image.label]!, classes[image.predicted]!];
    const name = basename(image.path);
    return html`<figure><div class="trio"><div><img src="${original}" alt="${name}, labelled ${label}"><span>label ${label}</span></div><div><img src="${forAnswer}" alt="What speaks for ${answer} in ${name}"><span>for ${answer}, ${percent(image.confidence, 0)}</span></div>${forLabel && html`<div><img src="${forLabel}" alt="What speaks for ${label} in ${name}"><span>for ${label}, ${percent(image.probability, 0)}</span></div>`}</div><figcaption>${name}</figcaption></figure>`;
  };
  const how =
    evidence.method === 'gradcam'
      ? html`Grad-CAM${evidence.endpoint && html` at <code>${evidence.endpoint}</code>`}: colour lies where the image speaks for a class.`
      : 'Occlusion, since nothing inside this network is a map of the image for Grad-CAM to look at: colour lies where a class’s output falls when a square is covered.';
  return html`<p>${how} Look whether it lies on the object or on its background.</p>
${wrong!.length > 0 && html`<h3>Wrong answers</h3><div class="examples">${wrong!.map(example)}</div>`}
${right!.length > 0 && html`<h3>Right answers</h3><div class="examples">${right!.map(example)}</div>`}`;
}

/** The reliability diagram, before and after calibration. */
export async function calibrationSection({ path, run, shown }: ReportFacts): Promise<Markup | null> {
  if (!shown) return null;
  const { metrics, uncalibrated, temperature } = shown;
  const line = (name: string, { bins }: Reliability) => ({
    name,
    points: bins.filter(({ images }) => images > 0).map(({ confidence, accuracy }) => [confidence, accuracy] as const),
  });
  const series = uncalibrated
    ? [line('before', uncalibrated), line('after', metrics.calibration)]
    : [line('as trained', metrics.calibration)];
  const diagonal = {
    name: 'perfect',
    points: [
      [0, 0],
      [1, 1],
    ] as const,
  };
  const chart = await figure({
    title: 'Reliability',
    x: { label: 'confidence', format: 'percent' },
    y: { label: 'share that is right', format: 'percent' },
    series: [...series, diagonal],
  });
  const says = uncalibrated
    ? html`A temperature of ${temperature.toFixed(2)}, fitted to ${plural(run.calibration?.images ?? metrics.images, 'validation image')}, changes the calibration error from ${percent(uncalibrated.error)} to ${percent(metrics.calibration.error)}${shown.part === 'validation' && '; measured on the images that it was fitted to'}.`
    : html`The run is not calibrated: its calibration error is ${percent(metrics.calibration.error)} on the ${imagesOf(shown)}. <code>graft calibrate ${path}</code> fits a temperature.`;
  return html`<p>${says}</p><div class="charts">${chart}</div><p class="quiet">Each point is one of ${metrics.calibration.bins.length} bins of confidence. Below the diagonal the model is too sure.</p>`;
}

/** Which block was trained, at which rate, in which epochs. */
export function layersSection({ layers }: ReportFacts): Markup {
  if (layers.problem !== null) return html`<p class="note">${layers.problem}</p>`;
  const first = layers.stages[0];
  if (!first) return html`<p>No epoch is complete yet.</p>`;
  const highest = Math.max(...layers.stages.flatMap(({ blocks }) => blocks.flatMap(({ rates }) => rates)));
  const head = layers.stages.map(
    ({ stage: { from, to } }) => html`<th scope="col">${from === to ? `epoch ${from}` : `epochs ${from}–${to}`}</th>`,
  );
  const rows = first.blocks.map(({ block, output, trained, frozen }, i) => {
    const cells = layers.stages.map(({ blocks }) => {
      const own = blocks[i];
      if (!own || own.trained + own.frozen === 0) return html`<td class="frozen">–</td>`;
      if (own.rates.length === 0) return html`<td class="frozen">frozen</td>`;
      // Two decades below the highest rate is the palest.
      const share = Math.max(0.15, 1 + Math.log10(own.rates[0]! / highest) / 2);
      return html`<td class="rate" style="--share:${share.toFixed(2)}">${own.rates.map(rateText).join(', ')}</td>`;
    });
    return html`<tr><th scope="row"><code>${block}</code></th><td class="quiet">${output?.slice(1).join(' × ')}</td><td>${(trained + frozen).toLocaleString('en')}</td>${cells}</tr>`;
  });
  return html`<div class="scroll" role="region" aria-label="Layers" tabindex="0"><table><caption>From input to head: the highest learning rate of each block, without the schedule</caption><thead><tr><th scope="col">block</th><th scope="col">gives</th><th scope="col">parameters</th>${head}</tr></thead><tbody>${rows}</tbody></table></div>`;
}

/** What to do next. */
export function adviceSection(advice: readonly Advice[]): Markup {
  if (advice.length === 0)
    return html`<p>None of our rules found something to mend. Use it: <code>graft predict</code>, or <code>graft export</code>.</p>`;
  return html`<ol class="advice">${advice.map(({ title, reason, command }) => html`<li><b>${title}</b>${reason}${command && html`<pre><code>${command}</code></pre>`}</li>`)}</ol>`;
}
