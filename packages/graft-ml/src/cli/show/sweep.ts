import { plural } from '@graft-ml/core/internal/base/plural';
import { printableName } from '@graft-ml/core/internal/base/printable';
import { mostTrials } from '../../study/choose.ts';
import type { StudyDefinition } from '../../study/definition.ts';
import type { Study, StudyTrial } from '../../study/study.ts';
import type { StudyEvent } from '../../study/study-events.ts';
import { formatDistribution, formatValue } from '../../text/space.ts';
import type { Terminal } from '../terminal.ts';
import { fields, formatCount, formatSeconds, percent, table } from './format.ts';

/** Trials that the table at the end has; the file has all. */
const mostRows = 10;

/**
 * Follows a study to its end: trials as notes, how far it is as progress, the best trials as the result.
 *
 * @returns whether it came to its end
 * @throws whatever the events throw, having said how to go on
 */
export async function showStudy(terminal: Terminal, events: AsyncIterable<StudyEvent>, out: string): Promise<boolean> {
  const resume = `graft sweep --resume ${out}`;
  let [definition, ended, best, hasBegun]: [StudyDefinition | null, number, string, boolean] = [null, 0, '', false];
  let isDone = false;
  const progress = () => {
    const most = definition && mostTrials(definition);
    if (most !== null) terminal.progress('trials', ended, most, best && `best ${best}`);
  };
  try {
    for await (const event of events) {
      switch (event.kind) {
        case 'study':
          definition = event.definition;
          ended = event.ended.length;
          hasBegun = true;
          for (const line of headerLines(event)) terminal.print(line);
          progress();
          break;
        case 'complete':
        case 'pruned':
        case 'failed': {
          ended++;
          terminal.note(trialLine(event, definition!));
          progress();
          break;
        }
        case 'best':
          best = valueText(definition!, event.value);
          terminal.note(`best so far: ${parametersText(event.parameters)}`);
          break;
        case 'interrupted':
          terminal.print(`Interrupted. Go on with: ${resume}`);
          terminal.printJson({ out, status: 'interrupted' });
          break;
        case 'end':
          isDone = true;
          process.exitCode = 0; // also where a signal came after the last trial
          for (const line of endLines(event.study)) terminal.print(line);
          terminal.printJson(studyJson(event.study));
          break;
        default:
          break;
      }
    }
  } catch (error) {
    if (hasBegun) terminal.note(`What there is of the study is in ${out}. Go on with: ${resume}`);
    throw error;
  }
  return isDone;
}

function headerLines({ definition, out, isResumed, ended }: Extract<StudyEvent, { kind: 'study' }>): string[] {
  const { of, data, space, options, sampler, pruner, seeds, budget, metric, parallel } = definition;
  const varied = Object.entries(space).map(([key, distribution]) => `${key}=${formatDistribution(key, distribution)}`);
  const fixed = Object.entries(options).map(([key, value]) => `${key}=${formatValue(key, value)}`);
  const most = mostTrials(definition);
  const limits = [
    ...(most === null ? [] : [plural(most, 'trial')]),
    ...(budget.minutes == null ? [] : [`${budget.minutes} minutes`]),
  ];
  return fields([
    ['study', `graft ${of} ${data}, for the best validation ${metric}`],
    ['varied', printableName(varied.join('  '), 1000)],
    ...(fixed.length > 0 ? [['fixed', printableName(fixed.join('  '), 1000)] as const] : []),
    ['sampler', pruner.kind === 'none' ? sampler.kind : `${sampler.kind}, pruned by ${pruner.kind}`],
    [
      'budget',
      [limits.join(' or '), ...(seeds > 1 ? [`${seeds} seeds each`] : []), `${parallel} at once at most`].join(', '),
    ],
    ['folder', isResumed ? `${out}, resumed after ${plural(ended.length, 'trial')}` : out],
  ]);
}

type Ended = Extract<StudyEvent, { kind: 'complete' | 'pruned' | 'failed' }>;

function trialLine(event: Ended, definition: StudyDefinition): string {
  const name = `trial ${event.trial}:`;
  switch (event.kind) {
    case 'complete':
      return `${name} ${valueText(definition, event.value)} in ${formatSeconds(event.seconds)}`;
    case 'pruned':
      return `${name} pruned after ${definition.of === 'train' ? 'epoch' : 'validation'} ${event.step}, at ${valueText(definition, event.value)}`;
    case 'failed':
      return `${name} failed: ${event.message}`;
  }
}

function valueText({ metric }: StudyDefinition, value: number | null): string {
  if (value === null || Number.isNaN(value)) return '–';
  return metric === 'accuracy' ? percent(value) : value.toFixed(4);
}

function parametersText(parameters: Readonly<Record<string, unknown>>): string {
  return Object.entries(parameters)
    .map(([key, value]) => `${key}=${shortValue(key, value)}`)
    .join('  ');
}

/** Four digits tell trials apart; the file has all. */
function shortValue(key: string, value: unknown): string {
  return typeof value === 'number' ? String(Number(value.toPrecision(4))) : formatValue(key, value);
}

function endLines(study: Study): string[] {
  const { definition, trials, best, test, path } = study;
  const keys = Object.keys(definition.space);
  const sign = study.direction === 'maximize' ? -1 : 1;
  const complete = trials.filter(({ state }) => state === 'complete');
  const shown = complete.toSorted((a, b) => sign * (a.value! - b.value!)).slice(0, mostRows);
  const rows = shown.map((trial) => [
    trial.number,
    valueText(definition, trial.value),
    ...keys.map((key) => (key in trial.parameters ? shortValue(key, trial.parameters[key]) : '–')),
    formatCount(trial.runs[0]?.trained ?? 0),
    formatSeconds(trial.seconds),
  ]);
  const of = (state: StudyTrial['state']) => trials.filter((trial) => trial.state === state).length;
  const counts = `${plural(trials.length, 'trial')}: ${complete.length} complete, ${of('pruned')} pruned, ${of('failed')} failed`;
  return [
    ...(rows.length > 0 ? ['', table(['trial', 'validation', ...keys, 'trained', 'time'], rows)] : []),
    '',
    `${counts}, in ${formatSeconds(study.seconds)}.`,
    ...(best ? [bestLine(study), test ? testLine(study) : optimismLine(study)] : []),
    `The study is in ${path}. Next: graft compare ${path}, or optuna-dashboard sqlite:///${path}/study.db`,
  ];
}

function bestLine({ best, definition }: Study): string {
  const runs = best!.runs.map(({ path }) => path).join(', ');
  return `Best: trial ${best!.number}, ${valueText(definition, best!.value)}: ${runs}`;
}

function testLine({ test, best, definition }: Study): string {
  const { accuracy, interval, count, of } = test!;
  const [low, high] = interval;
  return (
    `On ${formatCount(count)} test ${of}, by which nothing was chosen: ${percent(accuracy)} (95 % interval ` +
    `${percent(low)} to ${percent(high)}). Its validation, ${valueText(definition, best!.value)}, is the best of several and so optimistic.`
  );
}

function optimismLine({ trials }: Study): string {
  return (
    `This is the best of ${plural(trials.length, 'trial')} on the images that it was chosen by, and so optimistic: ` +
    'the dataset has no test side that could tell by how much.'
  );
}

/** The study for machines. */
function studyJson({ path, definition, status, seconds, trials, best, test }: Study) {
  return {
    out: path,
    status,
    seconds,
    definition,
    best: best?.number ?? null,
    test,
    trials: trials.map(({ intermediate, runs, started, ended, ...trial }) => ({
      ...trial,
      intermediate: Object.fromEntries(intermediate),
      runs: runs.map(({ reports: _, path: __, ...run }) => run),
      started: started?.toISOString() ?? null,
      ended: ended?.toISOString() ?? null,
    })),
  };
}
