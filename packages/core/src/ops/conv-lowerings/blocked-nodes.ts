import { f32, zeros } from '../../base/tensor.ts';
import { constantTensor, type OnnxBuilder, type Value } from '../../graph/index.ts';
import { reshape } from './nodes.ts';

/*
 * ORT's convolutions in blocked layout (NCHWc: channels in blocks of 8 or 16 that lie together, as one vector
 * register). Its optimizer uses them for constant weights only; a graph may also name them, and reorder weights that
 * change itself. Both reorders included they took 43 to 57 ms for ResNet's four 3x3 layers where plain convolutions
 * took 50 to 64 (one thread of an AVX2 processor, batch 16), and depthwise ones a fifth. The weight gradient does not
 * gain (there 85 to 109 ms, a product per tap 50 to 65; with AVX-512 15 to 11 padded first, a product per tap 14 to 11),
 * so it has no such form, but for depthwise convolutions: a fifth there, too, and for groups of few channels.
 */

export const domain = 'com.microsoft.nchwc';

export interface Blocking {
  readonly feature: 'nchwc8' | 'nchwc16';
  readonly block: number;
}
export const blockings: readonly Blocking[] = [
  { feature: 'nchwc8', block: 8 },
  { feature: 'nchwc16', block: 16 },
];

export const isDepthwise = (value: Value, groups: number) =>
  groups === value.shape[1] && value.inputs[0]!.shape[1] === groups;

/** Fewer input channels than a block (a first layer): they are read in the common layout. */
export const isThin = (value: Value, groups: number, block: number) =>
  groups === 1 && value.inputs[0]!.shape[1]! < block;

/** Groups as the kernels take them. */
export interface MergedGroups {
  /** How many are taken together, with zeros in the weights between them, so that they have whole blocks of channels. */
  readonly count: number;
  /** How many there are then; groups of zeros fill up the last. */
  readonly groups: number;
}

/** Undefined where no number of groups makes whole blocks. */
export function merged(value: Value, groups: number, block: number): MergedGroups | undefined {
  const sides = [value.inputs[0]!.shape[1]! / groups, value.shape[1]! / groups];
  const counts = Array.from({ length: Math.min(groups, block) }, (_, i) => i + 1);
  const count = counts.find((each) => sides.every((side) => (each * side) % block === 0));
  if (count === undefined) return undefined;
  const whole = filledUp(groups, count);
  // Reordering fills up one block and no more.
  const isWhole = sides.every((side) => canFillUp(groups * side) && whole * side === filledUp(groups * side, block));
  return isWhole ? { count, groups: whole / count } : undefined;
}

/** Reordering takes channels by fours. */
const canFillUp = (channels: number) => channels % 4 === 0;

/** The next multiple. */
export const filledUp = (count: number, block: number) => Math.ceil(count / block) * block;

/**
 * The kernels know whole blocks of channels in every group on both sides, and depthwise convolution. Channels and groups
 * that are missing in the last block are zeros: reordering adds them and takes them away again.
 */
export function fits(value: Value, groups: number, block: number, thin = false): boolean {
  // Where the weights are constants ORT does all this itself, and keeps the blocks from layer to layer.
  if (value.dtype !== 'f32' || constantTensor(value.inputs[1]!) !== undefined) return false;
  const to = value.shape[1]!;
  if (thin) return to % block === 0;
  return isDepthwise(value, groups) ? to >= block && canFillUp(to) : merged(value, groups, block) !== undefined;
}

/** The weights of merged groups: (g·o, i, kh, kw) → (g·o, count·i, kh, kw), zero between channels of two groups. */
export function mergeGroups(
  b: OnnxBuilder,
  w: string,
  shape: readonly number[],
  groups: number,
  taken: MergedGroups,
): string {
  const [outputs, inputs, kh, kw] = shape as [number, number, number, number];
  const { count } = taken;
  if (count === 1) return w;
  const perGroup = outputs / groups;
  const missing = (count * taken.groups - groups) * perGroup;
  const all =
    missing === 0 ? w : b.emit('Concat', [w, b.constant(zeros('f32', [missing, inputs, kh, kw]))], { axis: 0 });
  const spread = reshape(b, all, [taken.groups, count, perGroup, 1, inputs * kh * kw]);
  const identity = Array.from({ length: count * count }, (_, i) => (i % (count + 1) === 0 ? 1 : 0));
  const diagonal = b.emit('Mul', [spread, b.constant(f32([1, count, 1, count, 1], identity))]);
  return reshape(b, diagonal, [-1, count * inputs, kh, kw]);
}

export const reorder = (b: OnnxBuilder, x: string) => b.emit('ReorderInput', [x], {}, domain);

export const unblock = (b: OnnxBuilder, y: string, channels: number) =>
  b.emit('ReorderOutput', [y], { channels }, domain);

/** (c, 1, kh, kw) → [c/B, kh, kw, B], with zeros in the last block. */
export function blockDepthwise(b: OnnxBuilder, w: string, shape: readonly number[], block: number): string {
  const [channels, , kh, kw] = shape as [number, number, number, number];
  return reshape(b, reorder(b, reshape(b, w, [1, channels, kh, kw])), [filledUp(channels, block), 1, kh, kw]);
}
