import type { RecordedProgram, RecordedStage } from './stage-recorder.ts';
import type { Span } from './timed-program.ts';

/** Kernels that a trace has at most, in whole steps, but at least one step of each stage. */
const mostKernels = 100_000;

/** An event of Chrome's trace format: a span of a track, or a name of one. Times are microseconds. */
interface TraceEvent {
  readonly ph: 'X' | 'M';
  readonly name: string;
  readonly cat?: string;
  readonly pid: number;
  readonly tid: number;
  readonly ts?: number;
  readonly dur?: number;
  readonly args?: Readonly<Record<string, string | number>>;
}

/**
 * Measured steps in Chrome's trace format, as chrome://tracing and Perfetto open it. A stage is a process; its tracks
 * are the steps, the calls, each session with its kernels, and each thread that decodes images.
 */
export function traceOf(stages: readonly RecordedStage[], machine: string): string {
  const zero = Math.min(...stages.flatMap(({ steps }) => steps.map(({ start }) => start)));
  const traceEvents = stages.flatMap((stage, index) =>
    stageEvents(stage, index + 1, zero, Math.floor(mostKernels / stages.length)),
  );
  return JSON.stringify({ displayTimeUnit: 'ms', otherData: { machine }, traceEvents });
}

function stageEvents(stage: RecordedStage, pid: number, zero: number, limit: number): TraceEvent[] {
  const events: TraceEvent[] = [{ ph: 'M', name: 'process_name', pid, tid: 0, args: { name: `stage ${stage.name}` } }];
  let tracks = 0;
  const track = (name: string) => {
    const tid = ++tracks;
    events.push({ ph: 'M', name: 'thread_name', pid, tid, args: { name } });
    events.push({ ph: 'M', name: 'thread_sort_index', pid, tid, args: { sort_index: tid } });
    return (of: string, cat: string, { start, end }: Span, args?: TraceEvent['args']) => {
      const [ts, dur] = [Math.round(1e3 * (start - zero)), Math.max(0, Math.round(1e3 * (end - start)))];
      events.push({ ph: 'X', name: of, cat, pid, tid, ts, dur, ...(args && { args }) });
    };
  };
  const kept = stepsWithin(stage, limit);
  const isKept = (start: number) => kept.some((step) => start >= step.start && start < step.end);
  const addStep = track('steps');
  for (const { epoch, step, taken } of kept) addStep(`epoch ${epoch}, step ${step}`, 'step', taken);
  const addCall = track('calls');
  for (const { name, calls } of stage.programs) {
    for (const call of calls.filter(({ start }) => isKept(start))) addCall(name, 'call', call);
  }
  for (const program of stage.programs) {
    program.sessions.forEach((runs, i) => {
      const name = program.sessions.length > 1 ? `${program.name}, session ${i + 1}` : `${program.name}, session`;
      const add = track(name);
      for (const run of runs.filter(({ start }) => isKept(start))) addKernels(program, run, add);
    });
  }
  const threads = [...new Set(stage.images.map(({ thread }) => thread))].sort((a, b) => a - b);
  threads.forEach((thread, i) => {
    const add = track(`images, thread ${i + 1}`);
    for (const span of stage.images) if (span.thread === thread && isKept(span.start)) add('view', 'image', span);
  });
  return events;
}

function addKernels(
  program: RecordedProgram,
  run: RecordedProgram['sessions'][number][number],
  add: (name: string, cat: string, span: Span, args?: TraceEvent['args']) => void,
): void {
  for (const { node, operator, start, milliseconds } of run.kernels) {
    const value = program.ownerOf(node);
    const begin = run.start + start;
    const span = { start: begin, end: begin + milliseconds };
    if (value) add(`${value.layer}/${operator}`, value.pass, span, { primitive: value.primitive, pass: value.pass });
    else add(operator, 'added', span);
  }
}

/** The first steps, as long as their kernels are not too many. */
function stepsWithin({ steps, programs }: RecordedStage, limit: number): RecordedStage['steps'] {
  let kernels = 0;
  const kept = steps.findIndex((step) => {
    for (const run of programs.flatMap(({ sessions }) => sessions.flat())) {
      if (run.start >= step.start && run.start < step.end) kernels += run.kernels.length;
    }
    return kernels > limit;
  });
  return kept < 0 ? steps : steps.slice(0, Math.max(1, kept));
}
