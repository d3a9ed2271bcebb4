import { createHash } from 'node:crypto';
import type { EncodedGraph } from '@graft-ml/core/graph';
import { UserError } from '@graft-ml/core/internal/base/errors';
import { Program } from '@graft-ml/core/internal/runtime/program';
import type { InferenceSession } from 'onnxruntime-common';
import { z } from 'zod';
import { cpuBackend } from '../runtime/create.ts';
import { ortVersion } from '../runtime/ort.ts';
import { instructionSet } from '../runtime/shipped-choices.ts';
import type { ObjectStore } from './object-store.ts';

/** What of a machine decides how results are rounded. */
export const machineSchema = z.object({ instructionSet: z.string(), onnxruntime: z.string() });

const typesSchema = z.record(
  z.string(),
  z.object({ dtype: z.enum(['f32', 'f64', 'i32', 'i64', 'u8', 'bool']), shape: z.array(z.int().min(0)).readonly() }),
);

/**
 * A compiled graph in the store, for whoever runs it: an ONNX model with its values and the lowerings that were chosen,
 * so that a worker knows neither the network nor its weights.
 */
export const sharedProgramSchema = z.object({
  /** The model's key in the store. */
  key: z.string(),
  inputs: typesSchema,
  outputs: typesSchema,
  /** The machines that compute it to the same bit. */
  machine: machineSchema,
  /** Threads inside one operator. */
  threads: z.int().min(1),
  /** Whether ORT optimizes the graph when it loads it. */
  isOptimized: z.boolean(),
});
export type SharedProgram = z.output<typeof sharedProgramSchema>;

/** The kernels of this machine, as far as they decide how results are rounded. */
export async function thisMachine(): Promise<SharedProgram['machine']> {
  return { instructionSet: instructionSet(await cpuBackend(1).features()), onnxruntime: ortVersion() };
}

/** @throws UserError where this machine would round otherwise */
export async function assertSameMachine(machine: SharedProgram['machine']): Promise<void> {
  const here = await thisMachine();
  if (here.instructionSet === machine.instructionSet && here.onnxruntime === machine.onnxruntime) return;
  const named = (of: typeof machine) => `${of.instructionSet} with onnxruntime ${of.onnxruntime}`;
  throw new UserError(
    `This work was begun on ${named(machine)}, this worker has ${named(here)}: its results would differ in their ` +
      'last bits. Let workers of one kind take from a queue.',
  );
}

/** SHA-256 in hexadecimal. */
export function contentHash(content: Uint8Array | string): string {
  return createHash('sha256').update(content).digest('hex');
}

/** Puts a graph into a store where it is not there yet. Returns it with the bytes that were written. */
export async function shareProgram(
  store: ObjectStore,
  { model, inputs, outputs }: EncodedGraph,
  { threads, isOptimized }: Pick<SharedProgram, 'threads' | 'isOptimized'>,
): Promise<{ readonly program: SharedProgram; readonly sent: number }> {
  const key = `programs/${contentHash(model)}.onnx`;
  const isThere = await store.has(key);
  if (!isThere) await store.put(key, model);
  const types = (of: EncodedGraph['inputs']) =>
    Object.fromEntries([...of].map(([name, { dtype, shape }]) => [name, { dtype, shape: [...shape] }]));
  const program = {
    key,
    inputs: types(inputs),
    outputs: types(outputs),
    machine: await thisMachine(),
    threads,
    isOptimized,
  };
  return { program, sent: isThere ? 0 : model.length };
}

/** The programs that this process holds for later jobs, the latest last. A job's process computes one thing at a time. */
const opened = new Map<string, Promise<Program>>();
/** A run's graph, and that of its validation. */
const most = 2;

/**
 * A program from the store, which stays open for the next job that names it.
 *
 * @throws UserError where this machine would round otherwise, or the store has lost it
 */
export async function openSharedProgram(store: ObjectStore, shared: SharedProgram): Promise<Program> {
  await assertSameMachine(shared.machine);
  const name = JSON.stringify([shared.key, shared.threads, shared.isOptimized]);
  const found = opened.get(name) ?? load(store, shared);
  opened.delete(name);
  opened.set(name, found);
  found.catch(() => opened.delete(name));
  for (const [old, program] of [...opened].slice(0, -most)) {
    opened.delete(old);
    await program.then((one) => one.release()).catch(() => {});
  }
  return found;
}

async function load(
  store: ObjectStore,
  { key, inputs, outputs, threads, isOptimized }: SharedProgram,
): Promise<Program> {
  const model = await store.get(key);
  if (!model || `programs/${contentHash(model)}.onnx` !== key) {
    throw new UserError(`${store.place}: ${key} is ${model ? 'damaged' : 'gone'}. Submit the work again.`);
  }
  const options: InferenceSession.SessionOptions = isOptimized ? {} : { graphOptimizationLevel: 'disabled' };
  const { load: open, wrap } = cpuBackend(threads, options);
  const types = (of: typeof inputs) => new Map(Object.entries(of));
  return new Program(await open(model), { model, inputs: types(inputs), outputs: types(outputs) }, wrap);
}
