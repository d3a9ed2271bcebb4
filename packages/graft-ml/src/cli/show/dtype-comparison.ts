import { plural } from '@graft-ml/core/internal/base/plural';
import type { WeightBits } from '@graft-ml/core/internal/export/names';
import type { DtypeComparison } from '../../export/compare-dtypes.ts';
import type { Quantisation } from '../../export/int8.ts';
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

/** Which layers stayed in f32, and what decided. */
export function quantisationLines({ kept, layers, errors, heldOut }: Quantisation): string[] {
  const { part, images, tries } = heldOut ?? { part: '', images: 0, tries: [] };
  const taken = tries.at(-1);
  const outcome = taken
    ? ` ${taken.changed} of ${plural(images, `held-out ${part} image`)} ${taken.changed === 1 ? 'gets' : 'get'} another class than in fp32.`
    : '';
  if (kept.length === 0) return [`All ${plural(layers.length, 'layer')} with weights are in int8.${outcome}`];
  const errorOf = new Map(errors?.map(({ name, error }) => [name, ` (${percent(error)})`]));
  return [
    `${kept.length} of ${plural(layers.length, 'layer')} ${kept.length === 1 ? 'stays' : 'stay'} in f32: ` +
      `${kept.map((name) => `${name}${errorOf.get(name) ?? ''}`).join(', ')}.${outcome}`,
    ...(errors === null
      ? []
      : ['In brackets: how far quantising that layer alone moves the logits of training images.']),
  ];
}

/** A sentence on weights of 8 bits, from what /proc/cpuinfo says of this processor; empty where there is none. */
export function weightBitsLine(weightBits: WeightBits, cpuinfo: string): string {
  const flags = /^flags\s*:(.*)$/m.exec(cpuinfo)?.[1]?.split(' ');
  if (!flags || weightBits !== 8) return '';
  const hasVnni = flags.some((flag) => flag === 'avx512_vnni' || flag === 'avx_vnni');
  return hasVnni
    ? 'Weights have 8 bits: the file is for processors with VNNI, as this one, and for Arm.'
    : 'Weights have 8 bits, but this processor has no VNNI: sums are clipped here. Leave out --weight-bits.';
}
