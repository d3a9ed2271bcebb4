import type { TimedRun } from '../../runtime/backend.ts';
import { type KernelUse, mergedKernels, type PartName, type ProfileRow, type StageProfile } from './profile.ts';
import type { MeasuredStep, RecordedProgram, RecordedStage } from './stage-recorder.ts';
import type { Span } from './timed-program.ts';

/** The layer of what ONNX Runtime added to a graph: reorders, copies. */
export const addedLayer = '(added)';

const sum = (numbers: readonly number[]) => numbers.reduce((total, each) => total + each, 0);
const lengthOf = ({ start, end }: Span) => end - start;

/** What was measured of a stage, for each step. */
export function stageProfile({ steps, programs, images, use, ...stage }: RecordedStage): StageProfile {
  const rows = rowsOf(programs, steps.length);
  const lengths = steps.map(lengthOf).sort((a, b) => a - b);
  const processor = stage.processor === null ? null : stage.processor / steps.length;
  return {
    name: stage.name,
    epoch: steps[0]!.epoch,
    step: steps[0]!.step,
    steps: steps.length,
    preparation: stage.preparation,
    milliseconds: {
      mean: sum(lengths) / lengths.length,
      median: (lengths[Math.floor((lengths.length - 1) / 2)]! + lengths[Math.floor(lengths.length / 2)]!) / 2,
      smallest: lengths[0]!,
      largest: lengths.at(-1)!,
    },
    parts: meanParts(steps, programs),
    images:
      images.length === 0
        ? null
        : {
            views: images.length / steps.length,
            milliseconds: sum(images.map(lengthOf)) / steps.length,
            threads: new Set(images.map(({ thread }) => thread)).size,
          },
    processor,
    memory: use?.memory ?? null,
    kernels: sum(rows.map(({ milliseconds }) => milliseconds)),
    flops: sum(rows.map(({ flops }) => flops)),
    sessions: Math.max(0, ...programs.map(({ sessions }) => sessions.length)),
    rows,
  };
}

/** The parts of all steps, divided by their number. */
function meanParts(steps: readonly MeasuredStep[], programs: readonly RecordedProgram[]): Record<PartName, number> {
  const all = steps.map((step) => partsOf(step, programs));
  const mean = (name: PartName) => sum(all.map((parts) => parts[name])) / steps.length;
  return {
    batch: mean('batch'),
    kernels: mean('kernels'),
    runtime: mean('runtime'),
    transfer: mean('transfer'),
    threads: mean('threads'),
    host: mean('host'),
    outside: mean('outside'),
  };
}

/** The parts of a step, which add up to it: the time between two calls, and each call divided. */
function partsOf(step: MeasuredStep, programs: readonly RecordedProgram[]): Record<PartName, number> {
  const parts: Record<PartName, number> = {
    batch: 0,
    kernels: 0,
    runtime: 0,
    transfer: 0,
    threads: 0,
    host: 0,
    outside: 0,
  };
  const calls = programs
    .flatMap((program) => program.calls.map((call) => ({ program, call })))
    .filter(({ call }) => call.start >= step.taken.start && call.start < step.taken.end)
    .sort((a, b) => a.call.start - b.call.start);
  let at = step.taken.start;
  for (const { program, call } of calls) {
    // Before an update of its own, the gradients of the tasks are averaged.
    parts[program.name === 'update' ? 'host' : 'batch'] += call.start - at;
    at = call.end;
    for (const [name, milliseconds] of Object.entries(callParts(program, call))) {
      parts[name as keyof CallParts] += milliseconds;
    }
  }
  parts.host += step.taken.end - at;
  parts.outside += lengthOf(step) - lengthOf(step.taken);
  return parts;
}

type CallParts = Pick<StageProfile['parts'], 'kernels' | 'runtime' | 'transfer' | 'threads'>;

/** A call of sessions side by side counts as the mean of these. */
function callParts({ sessions }: RecordedProgram, call: Span): CallParts {
  const runs = sessions.flatMap((all) => all.filter(({ start }) => start >= call.start && start < call.end));
  const side = Math.max(1, sessions.length);
  const kernels = sum(runs.flatMap((run) => run.kernels.map(({ milliseconds }) => milliseconds))) / side;
  const whole = lengthOf(call);
  const running = side === 1 ? whole : Math.min(whole, sum(runs.map(({ milliseconds }) => milliseconds)) / side);
  const transfer = Math.min(running - kernels, sum(runs.map(outsideKernels)) / side);
  return { kernels, runtime: running - kernels - transfer, transfer, threads: whole - running };
}

/** The milliseconds of a run before its first kernel and after its last. */
function outsideKernels({ milliseconds, kernels }: TimedRun): number {
  if (kernels.length === 0) return milliseconds;
  const [first, last] = [kernels[0]!.start, Math.max(...kernels.map((kernel) => kernel.start + kernel.milliseconds))];
  return Math.max(0, milliseconds - (last - first));
}

interface OpenRow extends Pick<ProfileRow, 'layer' | 'pass' | 'primitive'> {
  flops: number;
  readonly kernels: KernelUse[];
}

/** The rows of all programs, from the most time to the least. */
function rowsOf(programs: readonly RecordedProgram[], steps: number): ProfileRow[] {
  const rows = new Map<string, OpenRow>();
  const rowOf = ({ layer, pass, primitive }: Pick<ProfileRow, 'layer' | 'pass' | 'primitive'>): OpenRow => {
    const key = `${layer}|${pass}|${primitive}`;
    const row = rows.get(key) ?? { layer, pass, primitive, flops: 0, kernels: [] };
    rows.set(key, row);
    return row;
  };
  for (const { sessions, values, ownerOf } of programs) {
    const runs = sum(sessions.map(({ length }) => length)) / steps;
    for (const value of values) if (value.flops > 0) rowOf(value).flops += value.flops * runs;
    for (const { node, operator, milliseconds } of sessions.flat().flatMap(({ kernels }) => kernels)) {
      const value = ownerOf(node) ?? { layer: addedLayer, pass: 'forward' as const, primitive: operator };
      rowOf(value).kernels.push({ operator, calls: 1 / steps, milliseconds: milliseconds / steps });
    }
  }
  return [...rows.values()]
    .map(({ kernels, ...row }): ProfileRow => {
      const merged = mergedKernels(kernels);
      const total = (of: (use: KernelUse) => number) => sum(merged.map(of));
      return {
        ...row,
        calls: total(({ calls }) => calls),
        milliseconds: total(({ milliseconds }) => milliseconds),
        kernels: merged,
      };
    })
    .sort((a, b) => b.milliseconds - a.milliseconds);
}
