import type { OnnxBuilder, Value } from '../../graph/index.ts';
import type { ConvGeometry, InputGradAttributes } from '../conv-geometry.ts';
import type { LoweringRule } from '../define.ts';
import {
  type Blocking,
  blockDepthwise,
  domain,
  filledUp,
  fits,
  isDepthwise,
  isThin,
  merged,
  mergeGroups,
  reorder,
  unblock,
} from './blocked-nodes.ts';
import { reach, reshape, transpose } from './nodes.ts';

/** The convolution of images and weights that are both blocked already; its result in the common layout. */
function convolve(
  b: OnnxBuilder,
  x: string,
  weights: string,
  value: Value,
  geometry: Omit<ConvGeometry, 'groups'>,
  groups: number,
) {
  const attributes = { ...geometry, group: groups, kernel_shape: value.inputs[1]!.shape.slice(2) };
  return unblock(b, b.emit('Conv', [x, weights], attributes, domain), value.shape[1]!);
}

/** A convolution of images and weights that are blocked first. */
export function blockedConv({ feature, block }: Blocking): LoweringRule<ConvGeometry> {
  return {
    requires: feature,
    applies: (value, { groups }) => fits(value, groups, block, isThin(value, groups, block)),
    lower: (b, [x, w], value, { groups, ...geometry }) => {
      const { shape } = value.inputs[1]!;
      const [filters, perGroup, kh, kw] = shape as [number, number, number, number];
      if (isDepthwise(value, groups)) {
        const weights = blockDepthwise(b, w!, shape, block);
        return convolve(b, reorder(b, x!), weights, value, geometry, filledUp(groups, block));
      }
      // (o, i, kh, kw) → [o/B, i/B, kh, kw, B(i), B(o)]: ReorderInput blocks o, then whole blocks move. It uses all
      // threads, where a transpose of single numbers uses one and takes ten times as long.
      const thin = isThin(value, groups, block);
      const taken = thin ? { count: 1, groups } : merged(value, groups, block)!;
      const inputs = taken.count * perGroup;
      const outputs = (filters / groups) * taken.count * taken.groups;
      const taps = kh * kw;
      const kernels = mergeGroups(b, w!, shape, groups, taken);
      const rows = reorder(b, reshape(b, kernels, [1, outputs, inputs * taps, 1]));
      const blocks = [outputs / block, inputs / block, block, taps, block];
      const isOrdered = thin || taps === 1;
      const moved = isOrdered ? rows : transpose(b, reshape(b, rows, blocks), [0, 1, 3, 2, 4]);
      const weights = reshape(b, moved, [outputs, inputs, kh, kw]);
      return convolve(b, thin ? x! : reorder(b, x!), weights, value, geometry, taken.groups);
    },
  };
}

/** The rows (or columns) of an input gradient that are `stride` apart: a convolution with the taps that meet them. */
interface Phase {
  /** In reverse, as a convolution needs them. */
  readonly taps: readonly number[];
  readonly before: number;
  readonly after: number;
}

/**
 * The phases along one axis. Row stride·t + r of dx meets tap k where r + pad - k is a multiple of the stride, and there
 * row t + (r + pad - k) / stride of dy. With stride 1 it is one phase: the convolution with the kernel flipped.
 */
function phasesAlong(axis: 0 | 1, { inputs: [dy, w] }: Value, attributes: InputGradAttributes): Phase[] {
  const [stride, pad, dilation] = [attributes.strides[axis], attributes.pads[axis], attributes.dilations[axis]];
  return Array.from({ length: stride }, (_, r) => {
    const taps = Array.from({ length: w!.shape[axis + 2]! }, (_, k) => k);
    const met = taps.filter((k) => (r + pad - k) % stride === 0).reverse();
    const shift = Math.floor((r + pad) / stride);
    const rows = attributes.size[axis] / stride;
    return { taps: met, before: reach(met.length, dilation) - shift, after: rows + shift - dy!.shape[axis + 2]! };
  });
}

/**
 * The kernels pad only, and do not dilate where taps are `stride` apart. Phases that no tap meets are left to others, as
 * are phases of different lengths.
 */
function hasPhases(value: Value, attributes: InputGradAttributes): boolean {
  return ([0, 1] as const).every((axis) => {
    const stride = attributes.strides[axis];
    if (attributes.size[axis] % stride !== 0 || (stride > 1 && attributes.dilations[axis] > 1)) return false;
    return phasesAlong(axis, value, attributes).every(
      ({ taps, before, after }) => taps.length > 0 && before >= 0 && after >= 0,
    );
  });
}

/** Puts images that are phases of one together, row by row of blocks: (n, c, h, w) each → (n, c, h·rows, w·columns). */
function interleave(b: OnnxBuilder, phases: readonly (readonly string[])[], shape: readonly number[], block: number) {
  const [n, channels, height, width] = shape as [number, number, number, number];
  const lines = (n * channels * height) / block / phases.length;
  const line = [lines, width / phases[0]!.length, block];
  const join = (names: readonly string[], axis: number) =>
    names.length === 1 ? names[0]! : b.emit('Concat', names, { axis });
  const reshaped = (name: string, to: readonly number[], count: number) => (count === 1 ? name : reshape(b, name, to));
  const rows = phases.map((row) => {
    const joined = join(
      row.map((phase) => reshaped(phase, line, row.length)),
      2,
    );
    return reshaped(joined, [lines, width * block], phases.length);
  });
  return reshaped(join(rows, 1), shape, phases.length * phases[0]!.length);
}

/** The weights of an input gradient, blocked, with the taps along one axis: [g·i/B, o/B, taps, B(o)·B(i)]. */
function exchangedWeights(b: OnnxBuilder, w: string, value: Value, groups: number, block: number): string {
  const { shape } = value.inputs[1]!;
  const [outputs, perGroup, kh, kw] = shape as [number, number, number, number];
  const taps = kh * kw;
  if (isDepthwise(value, groups)) {
    return reshape(b, blockDepthwise(b, w, shape, block), [filledUp(outputs, block) / block, 1, taps, -1]);
  }
  const taken = merged(value, groups, block)!;
  const [from, to] = [((outputs / groups) * taken.count) / block, (taken.count * perGroup) / block];
  // (g·o, i, kh, kw) → [g·i/B, o/B, taps, B(o), B(i)]: ReorderInput blocks i, whole blocks move after that.
  const rows = reorder(b, mergeGroups(b, w, shape, groups, taken));
  const blocks = transpose(b, reshape(b, rows, [taken.groups, from, block, to, taps, block]), [0, 3, 1, 4, 2, 5]);
  return reshape(b, blocks, [taken.groups * to, from, taps, -1]);
}

/**
 * Convolutions with the kernel flipped and its channels exchanged: one with stride 1; else one for each phase, with the
 * taps that meet it, and a concatenation.
 */
export function blockedInputGrad({ feature, block }: Blocking): LoweringRule<InputGradAttributes> {
  return {
    requires: feature,
    applies: (value, attributes) => hasPhases(value, attributes) && fits(value, attributes.groups, block),
    lower: (b, [dy, w], value, attributes) => {
      const { groups, dilations } = attributes;
      const [kh, kw] = value.inputs[1]!.shape.slice(2) as [number, number];
      const group = isDepthwise(value, groups) ? filledUp(groups, block) : merged(value, groups, block)!.groups;
      const [n, channels, ...size] = value.shape as [number, number, number, number];
      const from = filledUp(value.inputs[0]!.shape[1]!, block);
      const to = filledUp(channels, block);
      const kernels = exchangedWeights(b, w!, value, groups, block);
      const images = reorder(b, dy!);
      const convolved = (row: Phase, column: Phase) => {
        const met = row.taps.flatMap((i) => column.taps.map((j) => i * kw + j));
        const kernel = [row.taps.length, column.taps.length];
        const some = kh * kw === 1 ? kernels : b.emit('Gather', [kernels, b.integers(met)], { axis: 2 });
        const weights = reshape(b, some, [to, from / group, ...kernel]);
        const pads = [row.before, column.before, row.after, column.after];
        return b.emit(
          'Conv',
          [images, weights],
          { strides: [1, 1], pads, dilations, group, kernel_shape: kernel },
          domain,
        );
      };
      const columns = phasesAlong(1, value, attributes);
      const phases = phasesAlong(0, value, attributes).map((row) => columns.map((column) => convolved(row, column)));
      return unblock(b, interleave(b, phases, [n, to, ...size], block), channels);
    },
  };
}
