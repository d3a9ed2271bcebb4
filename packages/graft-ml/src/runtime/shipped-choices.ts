import type { Features } from '@graft-ml/core/graph';
import { primitives } from '@graft-ml/core/internal/ops/index';
import type { Choices } from '@graft-ml/core/internal/runtime/tuning';
import { z } from 'zod';
import { packageFile } from '../files/package-file.ts';
import { readOwnJson } from '../files/read-own-json.ts';
import { ortVersion } from './ort.ts';

/**
 * The schema of the output of `scripts/measure-kernels.ts`: choices measured on one machine, for all with its
 * instruction set.
 */
export const shippedSchema = z.object({
  /** The machine they were measured on, in words. */
  machine: z.string(),
  onnxruntime: z.string(),
  /** The day. */
  measured: z.string(),
  /** The training steps whose shapes these are. */
  models: z.array(z.object({ model: z.string(), batchSize: z.int(), size: z.int() })),
  /** The lowerings there were to choose from, by primitive. */
  lowerings: z.record(z.string(), z.array(z.string())),
  choices: z.record(z.string(), z.string()),
});
export type Shipped = z.output<typeof shippedSchema>;

/** The instruction set whose kernels this build of ORT uses here, as far as the size of its blocks tells it. */
export function instructionSet(features: Features, architecture: string = process.arch): string {
  if (architecture !== 'x64') return architecture;
  if (features.has('nchwc16')) return 'x64-avx512';
  return features.has('nchwc8') ? 'x64-avx2' : 'x64';
}

/** The path of the choices for an instruction set, whether or not there are any. */
export function shippedPath(set: string): string {
  return packageFile('assets', 'kernels', `${set}.json`);
}

/** The choices that come with Graft for an instruction set; undefined where there are none. */
export async function readShipped(set: string): Promise<Shipped | undefined> {
  try {
    return shippedSchema.parse(await readOwnJson(shippedPath(set)));
  } catch {
    return undefined; // never measured, or damaged: everything is timed
  }
}

/**
 * The choices of a file that hold for this version of ORT: of lowerings that there still are. What has come since may be
 * faster, but was not timed on that processor.
 */
export function validChoices(shipped: Shipped, onnxruntime: string): Choices {
  if (shipped.onnxruntime !== onnxruntime) return {};
  const isThere = (key: string, lowering: string) =>
    lowering in (primitives().get(key.split('(')[0]!)?.lowerings ?? {});
  return Object.fromEntries(Object.entries(shipped.choices).filter(([key, lowering]) => isThere(key, lowering)));
}

/** The choices that come with Graft for this processor. */
export async function shippedChoices(features: Features): Promise<Choices> {
  const shipped = await readShipped(instructionSet(features));
  return shipped ? validChoices(shipped, ortVersion()) : {};
}
