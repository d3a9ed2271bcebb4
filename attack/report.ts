import type { Result } from './campaign.ts';

/** A kind's line in the table. */
interface Line {
  readonly kind: string;
  readonly cases: number;
  readonly commands: number;
  readonly done: number;
  readonly refused: number;
  readonly ended: number;
  readonly failed: number;
  readonly slowest: number;
  readonly largest: number;
}

function lineOf(kind: string, results: readonly Result[]): Line {
  const outcomes = results.flatMap(({ outcomes: all }) => all);
  const count = (of: (status: number | null) => boolean) => outcomes.filter(({ status }) => of(status)).length;
  return {
    kind,
    cases: results.length,
    commands: outcomes.length,
    done: count((status) => status === 0),
    refused: count((status) => status === 1 || status === 2),
    ended: count((status) => status === null || status > 2),
    failed: results.filter(({ failures }) => failures.length > 0).length,
    slowest: Math.max(0, ...outcomes.map(({ seconds }) => seconds)),
    largest: Math.max(0, ...outcomes.map(({ mebibytes }) => mebibytes)),
  };
}

function linesOf(results: readonly Result[]): Line[] {
  const kinds = [...new Set(results.map(({ kind }) => kind))].sort();
  const lines = kinds.map((kind) =>
    lineOf(
      kind,
      results.filter((result) => result.kind === kind),
    ),
  );
  return lines.length > 1 ? [...lines, lineOf('all', results)] : lines;
}

/** Cases of one kind that failed for the same reasons. */
function grouped(results: readonly Result[]): Map<string, Result[]> {
  const groups = new Map<string, Result[]>();
  for (const result of results.filter(({ failures }) => failures.length > 0)) {
    // Numbers differ from case to case: times, sizes, and where it happened.
    const key = `${result.kind}: ${result.failures.join('; ').replaceAll(/\d+/g, '0')}`;
    groups.set(key, [...(groups.get(key) ?? []), result]);
  }
  return groups;
}

const MOST_NAMED = 4;

function describeGroup(group: readonly Result[], seed: number): string {
  const { name, failures } = group[0]!;
  const others = group.slice(1, MOST_NAMED).map(({ name: other }) => other);
  const more = group.length > MOST_NAMED ? [`${group.length - MOST_NAMED} more`] : [];
  const alike = group.length > 1 ? [`  also ${[...others, ...more].join(', ')}`] : [];
  const repeat = `  npm run attack -- --seed ${seed} --case '${name}'`;
  return [name, ...failures.map((failure) => `  ${failure}`), repeat, ...alike].join('\n');
}

/** The table, and each failure with the command that repeats it. */
export function formatReport(results: readonly Result[], seed: number): string {
  const head = ['kind', 'cases', 'commands', 'done', 'refused', 'ended', 'slowest s', 'largest MiB', 'failed'];
  const rows = linesOf(results).map((line) => [
    line.kind,
    ...[line.cases, line.commands, line.done, line.refused, line.ended].map(String),
    line.slowest.toFixed(1),
    line.largest.toFixed(0),
    String(line.failed),
  ]);
  const widths = head.map((_, i) => Math.max(...[head, ...rows].map((row) => row[i]!.length)));
  const format = (row: readonly string[]) =>
    row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!))).join('  ');
  const lines = [head, widths.map((width) => '-'.repeat(width)), ...rows].map(format);
  const groups = [...grouped(results).values()].map((group) => describeGroup(group, seed));
  return [lines.join('\n'), ...groups].join('\n\n');
}

/** The same for machines. */
export function reportJson(results: readonly Result[], seed: number) {
  const played = results.map(({ name, outcomes, failures }) => ({
    name,
    commands: outcomes.map(({ command, status, signal, seconds, mebibytes }) => ({
      command,
      status,
      signal,
      seconds: Number(seconds.toFixed(3)),
      mebibytes: Math.round(mebibytes),
    })),
    failures,
  }));
  return { seed, kinds: linesOf(results), cases: played };
}
