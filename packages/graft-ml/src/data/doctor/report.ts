import { call, placeholder } from '@graft-ml/core/internal/base/code';
import { plural } from '@graft-ml/core/internal/base/plural';
import { printableJson, printableName } from '@graft-ml/core/internal/base/printable';
import { groupBy } from '@graft-ml/core/internal/image/group-by';
import type { CleanPlan } from './clean-plan.ts';
import type { Diagnosis } from './diagnose.ts';
import { type Finding, findingKinds, type Severity } from './finding.ts';

const severityTitles: { readonly [S in Severity]: string } = {
  serious: 'SERIOUS',
  warning: 'WARNINGS',
  note: 'NOTES',
};

/**
 * A diagnosis as text, the most serious first; of each kind `examples` findings are written out.
 *
 * ```
 * photos: 598 images in 6 classes of 83 to 120, not divided into splits.
 *
 * SERIOUS
 *
 * truncated images: 2 (truncated)
 *   It is left out of training. Replace it; a clean copy leaves it out.
 *     glass/12.jpg: the file ends before the image does
 * ```
 */
export function formatDiagnosis(diagnosis: Diagnosis, { examples = 5 }: { examples?: number } = {}): string {
  const bySeverity = groupBy(diagnosis.findings, ({ kind }) => findingKinds[kind].severity);
  const chapters = Object.entries(severityTitles).flatMap(([severity, title]) => {
    const findings = bySeverity.get(severity as Severity);
    if (!findings) return [];
    const kinds = groupBy(findings, ({ kind }) => kind);
    return [title, ...[...kinds.values()].map((some) => section(some, examples))];
  });
  return [overview(diagnosis), ...chapters, summary(diagnosis, bySeverity)].join('\n\n');
}

/** A summary of the dataset. */
function overview({ root, splits, classes, specimens }: Diagnosis): string {
  const sizes = classes.map(({ train, validation, test }) => train + validation + test).sort((a, b) => a - b);
  const range = sizes.length === 0 ? '' : ` of ${sizes[0]} to ${sizes.at(-1)}`;
  const counts = splits.map((split) => `${specimens.filter((one) => one.part.split === split).length} ${split}`);
  const division = splits.length === 0 ? 'not divided into splits' : counts.join(', ');
  return `${root}: ${plural(specimens.length, 'usable image')}, ${plural(classes.length, 'class', 'classes')}${range}, ${division}.`;
}

/** The longest line, in characters: a few paths. */
const longestLine = 1500;

function section(findings: readonly Finding[], examples: number): string {
  const { kind } = findings[0]!;
  const { title, advice } = findingKinds[kind];
  const lines = findings.slice(0, examples).map(({ paths, message }) => {
    const where = paths.slice(0, examples).join(' = ') + (paths.length > examples ? ' = …' : '');
    return `    ${printableName(`${where}${where && ': '}${message}`, longestLine)}`;
  });
  if (findings.length > examples) lines.push(`    and ${findings.length - examples} more`);
  return [`${title}: ${findings.length} (${kind})`, `  ${advice}`, ...lines].join('\n');
}

function summary(
  { findings, root, specimens }: Diagnosis,
  bySeverity: ReadonlyMap<Severity, readonly Finding[]>,
): string {
  if (findings.length === 0) return specimens.length === 0 ? 'There is nothing to check.' : 'Nothing is wrong.';
  const count = (severity: Severity) => bySeverity.get(severity)?.length ?? 0;
  const counts = `${count('serious')} serious, ${plural(count('warning'), 'warning')}, ${plural(count('note'), 'note')}`;
  if (specimens.length === 0) return `${plural(findings.length, 'finding')}: ${counts}. There is no image to train on.`;
  const diagnosed = placeholder(`await diagnose(${printableJson(root)})`);
  const copy = call('writeCleanCopy', [diagnosed, placeholder('target')]);
  return `${plural(findings.length, 'finding')}: ${counts}. A clean copy: ${copy}`;
}

/** The result of a clean copy. */
export function formatCleanCopy({ kept, leftOut }: CleanPlan, target: string): string {
  const renamed = kept.filter(({ specimen, to }) => specimen.place !== to).length;
  const reasons = [...groupBy(leftOut, ({ kind }) => kind)].map(([kind, some]) => `${some.length} ${kind}`);
  const without = leftOut.length === 0 ? 'none left out' : `${leftOut.length} left out (${reasons.join(', ')})`;
  return `${target}: ${plural(kept.length, 'image')}, ${renamed} renamed, ${without}.`;
}

/** A diagnosis as data: every finding with its severity, and what a clean copy kept, renamed and left out. */
export function diagnosisJson(
  { root, splits, classes, findings, specimens }: Diagnosis,
  copy: { readonly folder: string; readonly plan: CleanPlan } | null,
) {
  const graded = findings.map((finding) => ({ severity: findingKinds[finding.kind].severity, ...finding }));
  const json = { folder: root, images: specimens.length, splits, classes, findings: graded };
  if (!copy) return json;
  const { kept, leftOut } = copy.plan;
  const renamed = kept.flatMap(({ specimen, to }) => (specimen.place === to ? [] : [{ from: specimen.place, to }]));
  return { ...json, copy: { folder: copy.folder, images: kept.length, renamed, leftOut } };
}
