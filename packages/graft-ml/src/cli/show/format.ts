import { printableName } from '@graft-ml/core/internal/base/printable';

/** `1:02:03`, `2:03`, `0:07`. */
export function formatSeconds(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  const [h, m, s] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const pad = (n: number) => String(n).padStart(2, '0');
  return h > 0 ? `${h}:${pad(m)}:${pad(s)}` : `${m}:${pad(s)}`;
}

/** `71.7 %` */
export function percent(share: number): string {
  return Number.isNaN(share) ? '–' : `${(100 * share).toFixed(1)} %`;
}

/** Columns side by side. Cells that look like numbers are set to the right. */
export function table(head: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const cells = [head, ...rows].map((row) => row.map((cell) => printableName(String(cell))));
  const widths = head.map((_, column) => Math.max(...cells.map((row) => row[column]!.length)));
  const right = head.map(
    (_, column) => rows.length > 0 && rows.every((row) => /^[–\d.,+-]*( %)?$/.test(String(row[column]))),
  );
  const line = (row: readonly string[]) =>
    row
      .map((cell, column) => (right[column] ? cell.padStart(widths[column]!) : cell.padEnd(widths[column]!)))
      .join('  ');
  return [...cells.slice(0, 1), widths.map((width) => '─'.repeat(width)), ...cells.slice(1)]
    .map((row) => line(row).trimEnd())
    .join('\n');
}

/** A problem with one file, on one line. */
export function problemLine(path: string, problem: string): string {
  return `${printableName(path, 400)}: ${printableName(problem, 400)}`;
}

/** `1,234,567` */
export function formatCount(count: number): string {
  return count.toLocaleString('en');
}

/** Names in a column, and what is known of each beside it: a line each. */
export function fields(facts: readonly (readonly [name: string, fact: string])[]): string[] {
  return facts.map(([name, fact]) => `${name.padEnd(10)} ${fact}`);
}

/** A heading, and facts in a column below it; a fact of several lines stays in the column. */
export function factSheet(heading: string, facts: Readonly<Record<string, string>>): string {
  const width = Math.max(...Object.keys(facts).map((name) => name.length)) + 2;
  const rows = Object.entries(facts).map(([name, fact]) => {
    const [first, ...others] = fact.split('\n');
    return [`  ${name.padEnd(width)}${first}`, ...others.map((line) => `  ${' '.repeat(width)}${line}`)].join('\n');
  });
  return [heading, ...rows].join('\n');
}

/** A number of an evaluation with its name in front. */
export function fact(name: string, value: string): string {
  return `${name.padEnd(18)} ${value}`;
}
