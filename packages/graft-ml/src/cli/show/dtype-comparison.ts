import { plural } from '@graft-ml/core/internal/base/plural';
import type { DtypeComparison } from '../../export/compare-dtypes.ts';
import { percent, table } from './format.ts';

/** A network in several number formats: accuracy, size and speed, a line for each. */
export function dtypeLines({ images, part, rows }: DtypeComparison): string[] {
  const points = (share: number) => (100 * share).toFixed(1);
  const cells = rows.map(({ dtype, accuracy, interval: [low, high], agreement, bytes, milliseconds }) => [
    dtype,
    percent(accuracy),
    `${points(low)} to ${points(high)}`,
    percent(agreement),
    (bytes / 2 ** 20).toFixed(2),
    milliseconds.toFixed(2),
  ]);
  return [
    '',
    `On ${plural(images, part === 'all' ? 'image' : `${part} image`)}${origins[part] ?? ''}:`,
    table(['dtype', 'accuracy', '95 % interval', 'as fp32', 'MiB', 'ms an image'], cells),
  ];
}

const origins: Readonly<Record<string, string>> = {
  test: ', which the run never looked at',
  validation: ', by which the run chose its best epoch',
  all: ', of which the run kept none aside',
};

/** A sentence on the bits of weights, from what /proc/cpuinfo says of this processor; empty where there is none. */
export function weightBitsLine(weightBits: number, cpuinfo: string): string {
  const flags = /^flags\s*:(.*)$/m.exec(cpuinfo)?.[1]?.split(' ');
  if (!flags) return '';
  const hasVnni = flags.some((flag) => flag === 'avx512_vnni' || flag === 'avx_vnni');
  if (weightBits === 8) {
    return hasVnni
      ? 'Weights have 8 bits: the file is for processors with VNNI, as this one, and for Arm.'
      : 'Weights have 8 bits, but this processor has no VNNI: sums are clipped here. Leave out --weight-bits.';
  }
  return hasVnni
    ? 'Weights have 7 bits, right on every processor. This one has VNNI: --weight-bits 8 is right here, too.'
    : '';
}
