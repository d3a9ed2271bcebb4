import { plural } from '@graft-ml/core/internal/base/plural';
import { phases, type ResourceSession } from '@graft-ml/core/internal/runs/resources';
import type { ReportFacts } from './facts.ts';
import { duration, gigabytes, percent } from './format.ts';
import { html, type Markup } from './html.ts';

/** Where time and memory went, and how the dataset is. */
export function healthSection(facts: ReportFacts): Markup {
  const { run, shown } = facts;
  const kinds = new Map<string, number>();
  for (const { kind } of run.dataset.leftOut) kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
  const counts = shown?.metrics.classes.map(({ support }) => support) ?? [];
  const [fewest, most] = [Math.min(...counts), Math.max(...counts)];
  return html`<h3>Time and memory</h3>${phaseTable(facts)}${stageTable(facts)}
<h3>Dataset</h3><p>${kinds.size === 0 ? 'Every file could be used.' : `${plural(run.dataset.leftOut.length, 'file')} left out: ${[...kinds].map(([kind, count]) => `${count} ${kind}`).join(', ')}.`}${counts.length > 0 && ` Its classes have ${fewest === most ? fewest : `${fewest} to ${most}`} ${shown?.part} images each.`}${shown && shown.seen.leftOut > 0 && ` ${plural(shown.seen.leftOut, 'image')} did not count, because the run had seen them.`}${shown && !shown.sameDataset && ' These are not the images that the run was trained beside: its dataset has changed, or another was named.'}</p>`;
}

const phaseNames = {
  weights: 'reading weights',
  images: 'reading and checking images',
  features: 'features of frozen layers, and compiling',
  training: 'training',
  validation: 'validation',
} as const;

/** Time and memory by phase, of all sessions of the run together. */
function phaseTable({ resources, stages, run }: ReportFacts): Markup | null {
  if (resources.length === 0) return null;
  const uses = phases.map((phase) => ({ phase, ...together(resources, phase) })).filter(({ seconds }) => seconds > 0);
  const total = uses.reduce((sum, { seconds }) => sum + seconds, 0);
  const rows = uses.map(
    ({ phase, seconds, memory }) =>
      html`<tr><th scope="row">${phaseNames[phase]}</th><td>${duration(seconds)}</td><td>${percent(seconds / total, 0)}</td><td>${gigabytes(memory)}</td></tr>`,
  );
  const inEpochs = stages.reduce((sum, { seconds }) => sum + (Number.isFinite(seconds) ? seconds : 0), 0);
  const measured = together(resources, 'training').seconds + together(resources, 'validation').seconds;
  // Epochs take no longer than their steps and evaluations, but for a session that ended without a word.
  const isPart = measured < 0.9 * inEpochs;
  const peak = Math.max(...resources.map(({ peakMemory }) => peakMemory));
  return html`<div class="scroll" role="region" aria-label="Time and memory" tabindex="0"><table><thead><tr><th scope="col">phase</th><th scope="col">time</th><th scope="col">share</th><th scope="col">memory</th></tr></thead><tbody>${rows}</tbody></table></div>
<p class="quiet">${duration(total)} on ${run.device} with ${plural(run.threads, 'thread')}${resources.length > 1 && `, in ${resources.length} sessions`}. Memory is the largest resident memory of the process that was seen in a phase; its peak since it started is ${gigabytes(peak)}. Pixels are decoded when they are first needed: for features, or else in training.${isPart && ' A session that was killed is missing.'}</p>`;
}

function together(resources: readonly ResourceSession[], phase: (typeof phases)[number]) {
  const uses = resources.flatMap((session) => session.phases[phase] ?? []);
  return {
    seconds: uses.reduce((sum, { seconds }) => sum + seconds, 0),
    memory: Math.max(0, ...uses.map(({ memory }) => memory)),
  };
}

/** The time of the epochs by stage. */
function stageTable({ stages, run, resources }: ReportFacts): Markup {
  const timed = stages.filter(({ seconds }) => Number.isFinite(seconds));
  if (timed.length === 0) return html`<p>The epochs’ times were not logged.</p>`;
  const total = timed.reduce((sum, { seconds }) => sum + seconds, 0);
  const rows = timed.map(
    ({ stage, from, to, seconds }) =>
      html`<tr><th scope="row">${stage}</th><td>${from === to ? from : `${from}–${to}`}</td><td>${duration(seconds)}</td><td>${percent(seconds / total, 0)}</td></tr>`,
  );
  const without = resources.length === 0 && '; without checking images and without features that were computed once';
  return html`<div class="scroll" role="region" aria-label="Time by stage" tabindex="0"><table><thead><tr><th scope="col">stage</th><th scope="col">epochs</th><th scope="col">time</th><th scope="col">share</th></tr></thead><tbody>${rows}</tbody></table></div><p class="quiet">${duration(total)} of epochs, validation included, on ${run.device} with ${plural(run.threads, 'thread')}${without}.</p>`;
}
