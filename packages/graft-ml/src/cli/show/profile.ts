import { plural } from '@graft-ml/core/internal/base/plural';
import {
  type Profile,
  type ProfileGroup,
  profileByLayer,
  profileByPrimitive,
  type StageProfile,
} from '@graft-ml/core/internal/fit/profile/profile';
import { formatSeconds, percent, table } from './format.ts';
import type { Result } from './printer.ts';

/** How much of a profile is shown. */
export interface ProfileLook {
  /** Layers, and primitives, of each stage. */
  readonly rows: number;
  /** The width of the terminal, in characters. */
  readonly width: number;
}

/** The steps that were measured: parts, primitives and layers of each stage. */
export function profileResult(profile: Profile, look: ProfileLook): Result {
  const lines = profile.stages.flatMap((stage) => stageLines(stage, look));
  return { lines: [`measured on ${profile.machine}`, ...lines], json: profile };
}

function stageLines(stage: StageProfile, { rows, width }: ProfileLook): string[] {
  const columns = width < 100 ? (width < 72 ? 'few' : 'some') : 'all';
  const primitives = profileByPrimitive(stage).filter(({ milliseconds }) => milliseconds > 0);
  const layers = profileByLayer(stage).filter(({ milliseconds }) => milliseconds > 0);
  return [
    '',
    ...summary(stage, width).map((line) => shortened(line, width)),
    '',
    groupTable('primitive', primitives, { rows, width, columns }),
    '',
    groupTable('layer', layers, { rows, width, columns }),
  ];
}

function summary(stage: StageProfile, width: number): string[] {
  const { name, epoch, step, steps, milliseconds, parts, images, processor, memory, sessions } = stage;
  const { mean, median, smallest, largest } = milliseconds;
  const side = sessions > 1 ? ` (${plural(sessions, 'session')} side by side)` : '';
  const rate = stage.flops > 0 && stage.kernels > 0 ? `${Math.round(stage.flops / stage.kernels / 1e6)} GFLOP/s` : '';
  const labels = sessions > 1 ? 34 : 22;
  const part = (label: string, value: number, more = '') =>
    `  ${label.padEnd(labels)} ${ms(value).padStart(7)} ms  ${percent(value / mean).padStart(7)}  ${more}`.trimEnd();
  const shown = [
    part('waiting for the batch', parts.batch),
    part(`kernels${side}`, parts.kernels, rate),
    part('between kernels', parts.runtime),
    part('into and out of ORT', parts.transfer),
    ...(parts.threads > 0 ? [part('waiting between sessions', parts.threads)] : []),
    part('JavaScript in the step', parts.host),
    part('between steps', parts.outside),
  ];
  const more = [
    ...(images ? [imagesText(images)] : []),
    ...(processor === null ? [] : [`processor ${ms(processor)} ms a step`]),
    ...(memory === null ? [] : [`memory at most ${(memory / 2 ** 30).toFixed(2)} GiB`]),
    `prepared in ${formatSeconds(stage.preparation / 1000)}`,
  ];
  return [
    `stage ${name}, ${plural(steps, 'step')} from step ${step} of epoch ${epoch} on`,
    `  ${ms(mean)} ms a step (${ms(smallest)} to ${ms(largest)}, median ${ms(median)})`,
    ...shown,
    ...filled(more, width),
  ];
}

function imagesText({ views, milliseconds, threads }: NonNullable<StageProfile['images']>): string {
  return `${Math.round(views)} images decoded in ${plural(threads, 'thread')} beside it, ${ms(milliseconds)} ms`;
}

/** Groups as a table; those that are left out as one row. */
function groupTable(
  kind: string,
  groups: readonly ProfileGroup[],
  { rows, width, columns }: { readonly rows: number; readonly width: number; readonly columns: 'few' | 'some' | 'all' },
): string {
  const others = groups.slice(rows);
  const time = (group: ProfileGroup, ...passes: (keyof ProfileGroup['passes'])[]) => {
    const total = passes.reduce((sum, pass) => sum + (group.passes[pass] ?? 0), 0);
    return total > 0 ? ms(total) : '';
  };
  const hasSecond = groups.some(({ passes }) => (passes['second-order'] ?? 0) > 0);
  const inColumns = columns !== 'few';
  const head = [
    'ms',
    'share',
    ...(inColumns ? ['forward', 'backward', ...(hasSecond ? ['second'] : []), 'update'] : []),
    ...(columns === 'few' ? [] : ['GFLOP/s']),
    kind,
  ];
  const cells = groups
    .slice(0, rows)
    .map((group) => [
      ms(group.milliseconds),
      percent(group.share),
      ...(inColumns
        ? [
            time(group, 'forward'),
            time(group, 'backward'),
            ...(hasSecond ? [time(group, 'second-order')] : []),
            time(group, 'optimizer'),
          ]
        : []),
      ...(columns === 'few'
        ? []
        : [group.gigaflops === null ? '' : group.gigaflops.toFixed(group.gigaflops < 10 ? 1 : 0)]),
      columns === 'all' ? `${group.name}${operators(group)}` : group.name,
    ]);
  if (others.length > 0) {
    const rest = others.reduce((sum, { milliseconds }) => sum + milliseconds, 0);
    const share = others.reduce((sum, group) => sum + group.share, 0);
    const blank = head.slice(3).map(() => '');
    cells.push([ms(rest), percent(share), ...blank, `${others.length} more`]);
  }
  return table(head, cells)
    .split('\n')
    .map((line) => shortened(line, width))
    .join('\n');
}

/** The operators that take most of a group's time. */
function operators({ kernels }: ProfileGroup): string {
  const names = kernels.slice(0, 3).map(({ operator, milliseconds }) => `${operator} ${ms(milliseconds)}`);
  return names.length > 0 ? ` (${names.join(', ')})` : '';
}

/** Milliseconds: `1,234`, `12.3`, `0.12`. */
function ms(value: number): string {
  if (value >= 100) return Math.round(value).toLocaleString('en');
  return value.toFixed(value >= 10 ? 1 : 2);
}

function shortened(line: string, width: number): string {
  return line.length > width ? `${line.slice(0, width - 1)}…` : line;
}

/** Facts beside one another, in as few lines as they need. */
function filled(facts: readonly string[], width: number): string[] {
  const lines: string[] = [];
  for (const fact of facts) {
    const longer = `${lines.at(-1) ?? ''} · ${fact}`;
    if (lines.length > 0 && longer.length <= width) lines[lines.length - 1] = longer;
    else lines.push(`  ${fact}`);
  }
  return lines;
}
