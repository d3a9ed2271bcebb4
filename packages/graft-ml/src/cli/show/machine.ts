import { plural } from '@graft-ml/core/internal/base/plural';
import type { Choices } from '@graft-ml/core/runtime';
import type { MachineReport } from '../../runs/machine-report.ts';
import type { KernelChoice, Machine, Renewed } from '../../runtime/index.ts';
import type { Result } from './printer.ts';

/** What Graft knows of this machine, and which kernels it uses here. */
export function machineResult({ machine, run, renewed }: MachineReport): Result {
  const folder = run?.folder;
  return {
    lines: [
      formatMachine(machine),
      '',
      formatChoices(machine, machine.choices, { run: folder, recorded: run?.choices }),
      ...(renewed ? [`\n${formatRenewed(renewed, folder)}`] : []),
    ],
    json: { ...machine, ...(run && { run }), ...(renewed && { renewed }) },
  };
}

function formatMachine(machine: Machine): string {
  return [
    `processor        ${machine.processor}, ${machine.cores} cores, ${(machine.memory / 2 ** 30).toFixed(1)} GiB`,
    `instruction set  ${machine.instructionSet}`,
    `ONNX Runtime     ${machine.onnxruntime}, its telemetry is ${machine.telemetry}`,
    `special kernels  ${machine.features.join(', ') || 'none'}`,
    `Node             ${machine.node}`,
    `cache            ${machine.cache}`,
  ].join('\n');
}

function formatChoices(
  { threads, shippedBy }: Machine,
  choices: readonly KernelChoice[],
  { run, recorded }: { run: string | undefined; recorded: Choices | undefined },
): string {
  const count = (from: KernelChoice['from']) => choices.filter((each) => each.from === from).length;
  const shipped = shippedBy === null ? '' : ` (${shippedBy})`;
  const similar = count('similar') === 0 ? '' : `, ${count('similar')} like those of similar shapes`;
  const lines = [
    `Kernels for ${plural(threads, 'thread')}${run === undefined ? '' : `, of the shapes of ${run}`}:`,
    `  ${count('measured')} measured here, ${count('shipped')} that come with Graft${shipped}${similar}`,
    ...tally(choices).map((line) => `  ${line}`),
  ];
  if (recorded) {
    const here = new Map(choices.map(({ key, lowering }) => [key, lowering]));
    const others = Object.entries(recorded).filter(([key, lowering]) => here.get(key) !== lowering).length;
    lines.push(
      `  ${others} of the ${Object.keys(recorded).length} that the run was made with are not what a new run ` +
        'would use here',
    );
  }
  return lines.join('\n');
}

/** The number of times each lowering was chosen, by primitive. */
function tally(choices: readonly KernelChoice[]): string[] {
  const counts = new Map<string, Map<string, number>>();
  for (const { key, lowering } of choices) {
    const name = key.split('(')[0]!;
    const own = counts.get(name) ?? new Map<string, number>();
    counts.set(name, own.set(lowering, (own.get(lowering) ?? 0) + 1));
  }
  const width = Math.max(0, ...[...counts.keys()].map((name) => name.length));
  return [...counts].sort().map(([name, own]) => {
    const parts = [...own].sort(([, a], [, b]) => b - a).map(([lowering, count]) => `${lowering} ${count}`);
    return `${name.padEnd(width)}  ${parts.join(', ')}`;
  });
}

function formatRenewed({ timed, changed, unknown }: Renewed, run: string | undefined): string {
  if (timed === 0 && unknown.length === 0) {
    const hint =
      run === undefined ? ' Name a run (graft doctor --machine --renew runs/x) to time the shapes that it uses.' : '';
    return `Nothing was measured here, so there is nothing to renew.${hint}`;
  }
  return [
    `Timed ${timed} again; ${changed.length} changed.`,
    ...changed.map(({ key, before, now }) => `  ${key}: ${before ?? 'none'} → ${now}`),
    ...unknown.map((key) => `  passed over, this version has no such primitive: ${key}`),
  ].join('\n');
}
