import { type Tensors, zeros } from '@graft-ml/core/internal/base/tensor';
import type { ExportSource } from '@graft-ml/core/internal/export/index';
import { golden, pattern, withPrefix } from './golden.ts';
import { narrowModels } from './narrow-models.ts';

/** A narrow network of a family of the zoo, with the weights of its golden and preprocessing that fits its side. */
export function narrowSource(name: string): ExportSource {
  const { tensors, metadata } = golden(`model-${name}`);
  const { input: shape, numClasses } = JSON.parse(metadata.config!) as { input: number[]; numClasses: number };
  const crop = (tensors.input ?? pattern(shape)).shape[2]!;
  const mean = [0.4, 0.5, 0.6] as const;
  const preprocessing = { resize: crop + 4, crop, interpolation: 'bicubic', mean, std: [0.2, 0.25, 0.3] } as const;
  const initial = withPrefix(tensors, 'init/');
  const norms = Object.keys(initial).filter((key) => key.endsWith('running_mean'));
  const counters = norms.map((key) => [key.replace('running_mean', 'num_batches_tracked'), zeros('i64', [])]);
  return {
    model: { ...narrowModels[name]!, name, preprocessing, source: 'the test' },
    variables: { ...initial, ...Object.fromEntries(counters) } as Tensors,
    classes: Array.from({ length: numClasses }, (_, i) => `kind ${i}`),
    preprocessing,
    temperature: 1.5,
  };
}

/** Bytes of `count` images for a network whose images have this side, planar, without a pattern that repeats soon. */
export function pixelsOf(count: number, side: number): Uint8Array {
  return Uint8Array.from({ length: count * 3 * side * side }, (_, i) => (i * i * 7 + i * 31) % 251);
}
