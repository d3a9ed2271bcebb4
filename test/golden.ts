import { existsSync, readFileSync } from 'node:fs';
import { f32, formatType, type Shape, sizeOf, type Tensor, type Tensors } from '@graft-ml/core/internal/base/tensor';
import { readSafetensors } from '@graft-ml/core/internal/weights/safetensors';

/** Beside this file's folder; of a benchmark that was compiled, one above. */
const folder = ['../golden/', '../../golden/'].map((path) => new URL(path, import.meta.url)).find(existsSync);

/** A file of reference numbers from `golden/`, made by the Python script of the same name beside it. */
export function golden(name: string): ReturnType<typeof readSafetensors> {
  return readSafetensors(readFileSync(new URL(`${name}.safetensors`, folder)));
}

/** The tensors whose names start with a prefix, without it. */
export function withPrefix(tensors: Tensors, prefix: string): Record<string, Tensor> {
  return Object.fromEntries(
    Object.entries(tensors).flatMap(([name, value]) =>
      name.startsWith(prefix) ? [[name.slice(prefix.length), value]] : [],
    ),
  );
}

/** Images that a reference run did not store: (7i² + 31i) mod 65521 at position i, brought to [-2, 2). */
export function pattern(shape: Shape): Tensor {
  const at = (i: number) => (((7 * i * i + 31 * i) % 65521) - 32760) / 16384;
  return f32(
    shape,
    Array.from({ length: sizeOf(shape) }, (_, i) => at(i)),
  );
}

/** The largest error relative to the largest reference number: max |a - b| / max(|b|, floor). */
export function relativeError(actual: Tensor, expected: Tensor, floor = 1e-3): number {
  if (formatType(actual) !== formatType(expected)) {
    throw new Error(`expected ${formatType(expected)}, received ${formatType(actual)}`);
  }
  let error = 0;
  let scale = floor;
  for (let i = 0; i < expected.data.length; i++) {
    const [a, b] = [Number(actual.data[i]), Number(expected.data[i])];
    error = Math.max(error, Number.isNaN(a) ? Number.POSITIVE_INFINITY : Math.abs(a - b));
    scale = Math.max(scale, Math.abs(b));
  }
  return error / scale;
}

/** The most that a CPU result in f32 may differ from the reference, relative to its largest element. */
export const tolerance = { value: 2e-6, gradient: 5e-6, second: 2e-5, model: 1e-4 } as const;
