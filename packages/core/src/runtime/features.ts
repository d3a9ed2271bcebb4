import { f32, sizeOf, type Tensor } from '../base/tensor.ts';
import { encode, type Feature, type Features, input, makeValue, type Value } from '../graph/index.ts';
import { channelCombine, conv2d } from '../ops/index.ts';
import type { Backend } from './backend.ts';
import { Program } from './program.ts';

/** A small value of each primitive that has a lowering which requires something. */
function examples(): Value[] {
  const images = (name: string) => input(name, 'f32', [2, 16, 5, 5]);
  const perChannel = (name: string) => input(name, 'f32', [16]);
  return [
    conv2d(images('x'), input('w', 'f32', [16, 16, 3, 3]), {
      strides: [1, 1],
      pads: [1, 1, 1, 1],
      dilations: [1, 1],
      groups: 1,
    }),
    channelCombine(images('x'), images('y'), perChannel('a'), perChannel('b'), perChannel('c')),
  ];
}

/**
 * The features that a backend has: those with which a lowering gives the same numbers as the one that requires nothing.
 * A kernel for another block size does not fail but computes something else, so numbers decide.
 */
export async function probeFeatures(backend: Pick<Backend, 'load' | 'wrap'>): Promise<Features> {
  const found = new Set<Feature>();
  for (const value of examples()) {
    for (const [name, { requires }] of Object.entries(value.op.lowerings)) {
      if (requires && (await agrees(value, name, requires, backend))) found.add(requires);
    }
  }
  return found;
}

async function agrees(
  value: Value,
  lowering: string,
  feature: Feature,
  backend: Pick<Backend, 'load' | 'wrap'>,
): Promise<boolean> {
  const twin = makeValue(value.op, value.inputs, value.attributes);
  const choose = (each: Value) => (each === twin ? lowering : undefined);
  const graph = encode({ 'out/plain': value, 'out/special': twin }, { choose, features: new Set([feature]) });
  try {
    const program = new Program(await backend.load(graph.model), graph, backend.wrap);
    const feeds = Object.fromEntries([...graph.inputs].map(([name, { shape }], k) => [name, ramp(shape, k)]));
    const { plain, special } = await program.run(feeds);
    await program.release();
    return plain!.data.every((expected, i) => Math.abs(Number(expected) - Number(special!.data[i])) < 1e-4);
  } catch {
    return false; // ORT does not know the operator
  }
}

/** Numbers in [-1/2, 1/2] that do not repeat soon. */
function ramp(shape: readonly number[], k: number): Tensor {
  return f32(
    shape,
    Array.from({ length: sizeOf(shape) }, (_, i) => ((i * 37 + k * 11) % 101) / 101 - 0.5),
  );
}
