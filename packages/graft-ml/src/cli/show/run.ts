import type { Profile, Profiler } from '@graft-ml/core/fit';
import type { CompareEvent, ComparisonEvent } from '../../experiment/compare.ts';
import { comparisonCells } from '../../experiment/comparison.ts';
import type { CrossValidationEvent, FoldsEvent } from '../../experiment/cross-validation.ts';
import { textWidth } from '../output.ts';
import { whatIsLeft } from '../run-files.ts';
import type { Terminal } from '../terminal.ts';
import { fields, formatSeconds, percent, table } from './format.ts';
import { metaHeader, trainingHeader } from './headers.ts';
import { type Told, tell } from './printer.ts';
import { profileResult } from './profile.ts';

/** An event of a run, of the folds of a cross-validation, or of the learners of a comparison. */
type RunEvent = CrossValidationEvent | CompareEvent;
type EventOf<K extends RunEvent['kind']> = Extract<RunEvent, { readonly kind: K }>;

/** The run that a command began or continued. */
interface Begun {
  /** The folder that the command writes. */
  readonly out: string;
  /** The command, as in `graft train`. */
  readonly command: string;
  /** Measures some steps, which are shown at the end. */
  readonly profiler?: Profiler | undefined;
}

/** The facts that have become known from the events so far. */
interface Known {
  /** The command line that continues it. */
  readonly resume: string;
  /** The folder of the run under way, and its last event `ready`. */
  out: string;
  ready: EventOf<'ready'> | null;
  epochs: number;
  /** Whether it is one of several. */
  isPart: boolean;
  /** The result of each run as JSON: the run itself, and the one from random weights beside it. */
  readonly results: Record<string, unknown>[];
  /** The summary of several runs, as JSON. */
  summary: Record<string, unknown> | null;
}

/**
 * Follows a run to its end: its steps as progress, its epochs as notes, what it came to as the result.
 * @throws whatever the events throw, having said what there is of the run
 */
export async function showRun(terminal: Terminal, events: AsyncIterable<RunEvent>, begun: Begun): Promise<void> {
  const resume = `${begun.command} --resume ${begun.out}`;
  const known: Known = { resume, out: begun.out, ready: null, epochs: 0, isPart: false, results: [], summary: null };
  try {
    for await (const event of events) {
      remember(event, known);
      if (event.kind === 'end') process.exitCode = 0; // also where a signal came after the last step
      for (const told of linesOf(event, known)) tell(terminal, told, known);
    }
  } catch (error) {
    if (known.epochs > 0) terminal.note(await whatIsLeft(known.out, resume, error));
    throw error;
  }
  const [result, scratch] = known.results;
  const out = known.isPart ? begun.out : result?.out;
  const profile = begun.profiler?.profile;
  if (profile) showProfile(terminal, profile, begun.out);
  terminal.printJson(known.summary ?? { ...result, out, ...(scratch && { scratch }), ...(profile && { profile }) });
}

/** Shows where the time went, with where it is written. */
function showProfile(terminal: Terminal, profile: Profile, out: string): void {
  if (profile.stages.length === 0) {
    terminal.note('Nothing was profiled: the first steps of each stage are left out, and there were no others.');
    return;
  }
  terminal.print();
  for (const line of profileResult(profile, { rows: 15, width: textWidth() }).lines) terminal.print(line);
  terminal.note(
    `\nThe profile is in ${out}: profile.json (graft profile ${out}), and trace.json for chrome://tracing.`,
  );
}

/** Takes note of what later events are shown with, and of how runs ended. */
function remember(event: RunEvent, known: Known): void {
  const { out, ready, results } = known;
  switch (event.kind) {
    case 'fold':
    case 'contestant':
      Object.assign(known, { isPart: true, out: event.out, epochs: 0 });
      results.length = 0;
      break;
    case 'folds':
    case 'comparison': {
      const { kind: _, ...summary } = event;
      Object.assign(known, {
        isPart: false,
        summary: event.kind === 'folds' ? { ...summary, status: 'done' } : summary,
      });
      break;
    }
    case 'ready':
      Object.assign(known, { out: event.out, ready: event });
      break;
    case 'start':
      known.epochs = event.epochs;
      break;
    case 'stopped':
      Object.assign(known, { isPart: false, summary: { out: event.out, status: 'interrupted' } });
      break;
    case 'cancelled':
      results.push({ out, status: 'cancelled' });
      break;
    case 'interrupted':
      results.push({ out, status: 'interrupted', epoch: event.epoch, step: event.step });
      break;
    case 'end': {
      const more = ready && !('sets' in ready) ? { warnings: ready.run.warnings } : { isEarly: event.isEarly };
      results.push({ out, status: 'done', best: event.best, ...more });
    }
  }
}

/** Whether its steps are rounds of workers. */
function hasWorkers(ready: EventOf<'ready'> | null): boolean {
  return ready !== null && !('sets' in ready) && ready.run.config.workers !== null;
}

function isMeta(ready: EventOf<'ready'> | null): boolean {
  return ready !== null && 'sets' in ready;
}

/** The lines that an event prints. */
function linesOf(event: RunEvent, known: Known): readonly Told[] {
  switch (event.kind) {
    case 'fold':
      return [{ note: `\nfold ${event.fold} of ${event.of}` }];
    case 'folds':
      return foldsLines(event);
    case 'contestant':
      return [{ note: `\n${event.name}: ${event.index} of ${event.of}` }];
    case 'comparison':
      return comparisonLines(event);
    case 'ready':
      return ('sets' in event ? metaHeader(event) : trainingHeader(event)).map((note) => ({ note }));
    case 'start':
      return [];
    case 'member-epoch':
      return [{ note: memberEpochLine(event) }];
    case 'stopped':
      return [{ print: `Interrupted. Go on with: ${known.resume}` }];
    case 'stage':
      return [{ note: `stage ${event.name}: epochs ${event.epoch} to ${event.epoch + event.epochs - 1}` }];
    case 'step':
      return [stepProgress(event, known)];
    case 'evaluation':
      return [{ note: evaluationLine(event, known) }];
    case 'decision': {
      const [first = '', ...others] = [...event.decision.reasons, `→ ${event.decision.strategy}`];
      return fields([['auto', first], ...others.map((line) => ['', line] as const)]).map((note) => ({ note }));
    }
    case 'scratch':
      return [{ note: `from random weights, to compare with ${percent(event.best.accuracy)}: ${event.out}` }];
    case 'damage': {
      const { path, message } = event.problem;
      const then = 'All images are decoded now, and training begins again without those that cannot be used.';
      return [{ note: `${path} is damaged: ${message}. ${then}` }];
    }
    case 'cancelled':
      return [{ print: 'Stopped before the first step. Nothing was written.' }];
    case 'interrupted':
      return [
        {
          print:
            `Interrupted in epoch ${event.epoch} after ${hasWorkers(known.ready) ? 'round' : 'step'} ${event.step}. ` +
            `Go on with: ${known.resume}`,
        },
      ];
    case 'end':
      return endLines(event, known);
  }
}

function stepProgress({ epoch, step, steps, loss }: EventOf<'step'>, { ready, epochs }: Known): Told {
  return {
    stage: isMeta(ready) ? 'meta-training' : hasWorkers(ready) ? 'rounds' : 'training',
    done: (epoch - 1) * steps + step,
    total: epochs * steps,
    detail: `epoch ${epoch} of ${epochs} · loss ${loss.toFixed(3)}`,
  };
}

function evaluationLine(event: EventOf<'evaluation'>, { ready, epochs }: Known): string {
  const { epoch, step, loss, accuracy, training, isBest, seconds } = event;
  const validation = `validation loss ${loss.toFixed(4)}, accuracy ${percent(accuracy)}${isBest ? ' (best)' : ''}`;
  const after = ` · ${formatSeconds(seconds)}`;
  if (!isMeta(ready)) return `epoch ${epoch} of ${epochs}: loss ${training.loss.toFixed(4)}, ${validation}${after}`;
  const trained = step === 0 ? '' : `training accuracy ${percent(training.accuracy)}, `;
  return `epoch ${epoch} of ${epochs} (step ${step}): ${trained}${validation}${after}`;
}

function memberEpochLine({ name, epoch, loss, accuracy, seconds }: EventOf<'member-epoch'>): string {
  const validation = `validation loss ${loss?.toFixed(4) ?? 'NaN'}, accuracy ${accuracy === null ? 'NaN' : percent(accuracy)}`;
  return `${name}, epoch ${epoch}: ${validation} · ${formatSeconds(seconds)}`;
}

function endLines({ best, isEarly }: EventOf<'end'>, { ready, out, isPart }: Known): Told[] {
  const { accuracy, loss, epoch } = best;
  const score = `Best validation accuracy ${percent(accuracy)}, loss ${loss.toFixed(4)}, in epoch ${epoch}`;
  const next = isMeta(ready)
    ? `graft meta test ${out}, or graft meta adapt ${out} <folder>`
    : `graft predict ${out} <image>, graft evaluate ${out} <folder>, or graft export ${out}`;
  const end = { print: `${score}${isEarly ? '; stopped early' : ''}. The run is in ${out}` };
  return isPart ? [end] : [end, { note: `Next: ${next}` }];
}

function foldsLines({ out, folds, accuracy, loss }: FoldsEvent): Told[] {
  const cells = folds.map((fold) => [
    fold.fold,
    fold.validation,
    percent(fold.accuracy),
    fold.loss.toFixed(4),
    fold.epoch,
  ]);
  const mean =
    `accuracy ${percent(accuracy.mean)} ± ${percent(accuracy.margin)}, loss ${loss.mean.toFixed(4)} ± ` +
    `${loss.margin.toFixed(4)}`;
  return [
    { print: table(['fold', 'images', 'accuracy', 'loss', 'epoch'], cells) },
    { print: `\n${mean}` },
    { print: `(mean of ${folds.length} folds and its 95 % interval) The runs are in ${out}` },
  ];
}

function comparisonLines(event: ComparisonEvent): Told[] {
  const { head, rows } = comparisonCells(event);
  const { episodes, out } = event;
  return [
    { print: table(head, rows) },
    { print: `\n(${episodes} episodes of test classes, ± 95 % interval) Runs, table and chart are in ${out}` },
  ];
}
