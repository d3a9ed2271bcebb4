import * as z from 'zod';
import { UserError } from '../../base/errors.ts';
import { type Pass, passes } from './origins.ts';

/** What a wall-clock step consists of. */
export type PartName = 'batch' | 'kernels' | 'runtime' | 'transfer' | 'threads' | 'host' | 'outside';
export const partNames: readonly PartName[] = ['batch', 'kernels', 'runtime', 'transfer', 'threads', 'host', 'outside'];

const count = z.number().min(0);
const kernelSchema = z.object({ operator: z.string(), calls: count, milliseconds: count });
const rowSchema = z.object({
  layer: z.string(),
  pass: z.enum(passes),
  primitive: z.string(),
  calls: count,
  milliseconds: count,
  flops: count,
  kernels: z.array(kernelSchema),
});
const stageSchema = z.object({
  name: z.string(),
  epoch: z.int(),
  step: z.int(),
  steps: z.int(),
  preparation: count,
  milliseconds: z.object({ mean: count, median: count, smallest: count, largest: count }),
  parts: z.record(z.enum(partNames), count),
  images: z.object({ views: count, milliseconds: count, threads: z.int() }).nullable(),
  processor: count.nullable(),
  memory: count.nullable(),
  kernels: count,
  flops: count,
  sessions: z.int(),
  rows: z.array(rowSchema),
});
const profileSchema = z.object({ version: z.literal(1), machine: z.string(), stages: z.array(stageSchema) });

/** The kernels of an ONNX operator. */
export interface KernelUse {
  readonly operator: string;
  /** Kernels in a step. */
  readonly calls: number;
  /** Milliseconds in a step. */
  readonly milliseconds: number;
}

/** The part that one primitive of one layer has in a step. */
export interface ProfileRow extends Omit<KernelUse, 'operator'> {
  /**
   * The path of the layer: `features.3.squeeze`. `input` comes before the first layer, `loss` after the last, and
   * `(added)` is what ONNX Runtime added to the graph.
   */
  readonly layer: string;
  readonly pass: Pass;
  /** The primitive, `Conv2dWeightGrad`; of what ONNX Runtime added, its operator. */
  readonly primitive: string;
  /** Floating-point operations in a step; 0 where nothing is computed, or ONNX Runtime computes it with another row. */
  readonly flops: number;
  /** The operators by which it is computed. */
  readonly kernels: readonly KernelUse[];
}

/** The steps of a stage that were measured, in milliseconds and calls for each step. */
export interface StageProfile {
  /** The stage's name: `full`. */
  readonly name: string;
  /** The epoch and step (from 1) of the first that was measured. */
  readonly epoch: number;
  readonly step: number;
  /** Steps that were measured. */
  readonly steps: number;
  /** Milliseconds that preparing the stage took once: choosing kernels, sessions, features of frozen layers. */
  readonly preparation: number;
  /** Wall-clock time of a step, from one to the next. */
  readonly milliseconds: {
    readonly mean: number;
    readonly median: number;
    readonly smallest: number;
    readonly largest: number;
  };
  /**
   * The parts of the mean step, which add up to it. `batch`: waiting for images and what is fed besides. `kernels`: in
   * kernels; of sessions side by side, their mean. `runtime`: in ONNX Runtime between kernels. `transfer`: before the
   * first kernel and after the last, where inputs are handed over and outputs copied. `threads`: sessions side by side that wait for one another, and copies between threads. `host`: what
   * JavaScript makes of the results. `outside`: between two steps, in the trainer, checkpoints, logs and the reader.
   */
  readonly parts: Readonly<Record<PartName, number>>;
  /**
   * The decoding and augmentation of images, in threads beside the step: views, and the milliseconds of all threads
   * together. Null where there are none, or nobody measured it.
   */
  readonly images: { readonly views: number; readonly milliseconds: number; readonly threads: number } | null;
  /** Milliseconds of processor time of the whole process, over all cores. Null where it cannot be measured. */
  readonly processor: number | null;
  /** The largest resident memory of the process until then, in bytes. Null where it cannot be measured. */
  readonly memory: number | null;
  /** Milliseconds in kernels, of all sessions together. */
  readonly kernels: number;
  /** Floating-point operations. */
  readonly flops: number;
  /** The largest number of sessions side by side. */
  readonly sessions: number;
  /** From the most time to the least. */
  readonly rows: readonly ProfileRow[];
}

/** Where the time of training goes: what `profile.json` holds. */
export interface Profile {
  readonly version: 1;
  /** Device, processor, threads inside one operator, and the version of ONNX Runtime. */
  readonly machine: string;
  /** A stage for each one of which steps were measured. */
  readonly stages: readonly StageProfile[];
}

/** The profile in the content of `profile.json`. @throws UserError where it is none, or of a later version */
export function profileIn(content: unknown): Profile {
  const { data, error } = profileSchema.safeParse(content);
  if (data) return data;
  const version = z.object({ version: z.number() }).safeParse(content).data?.version ?? 1;
  const reason = version > 1 ? `is of version ${version}, this Graft reads version 1` : 'is not one that Graft wrote';
  throw new UserError(`The profile ${reason}.`, { cause: error });
}

/** The time of a layer by pass, or of a primitive. */
export interface ProfileGroup {
  /** The layer, or the primitive. */
  readonly name: string;
  readonly calls: number;
  readonly milliseconds: number;
  /** The part of all time in kernels, from 0 to 1. */
  readonly share: number;
  readonly flops: number;
  /** FLOPs of a second in units of 10⁹; null where nothing is computed, or in no time. */
  readonly gigaflops: number | null;
  /** Milliseconds by pass, of those that take any. */
  readonly passes: Readonly<Partial<Record<Pass, number>>>;
  /** Milliseconds by ONNX operator, from the most to the least. */
  readonly kernels: readonly KernelUse[];
}

/** The rows of a stage by layer, from the most time to the least. */
export function profileByLayer(stage: StageProfile): ProfileGroup[] {
  return grouped(stage, ({ layer }) => layer);
}

/** The rows of a stage by primitive, from the most time to the least. */
export function profileByPrimitive(stage: StageProfile): ProfileGroup[] {
  return grouped(stage, ({ primitive }) => primitive);
}

function grouped({ rows, kernels: all }: StageProfile, keyOf: (row: ProfileRow) => string): ProfileGroup[] {
  const groups = new Map<string, ProfileRow[]>();
  for (const row of rows) groups.set(keyOf(row), [...(groups.get(keyOf(row)) ?? []), row]);
  return [...groups]
    .map(([name, own]): ProfileGroup => {
      const sum = (of: (row: ProfileRow) => number) => own.reduce((total, row) => total + of(row), 0);
      const [milliseconds, flops] = [sum((row) => row.milliseconds), sum((row) => row.flops)];
      const byPass = passes.flatMap((pass) => {
        const time = sum((row) => (row.pass === pass ? row.milliseconds : 0));
        return time > 0 ? [[pass, time] as const] : [];
      });
      return {
        name,
        calls: sum(({ calls }) => calls),
        milliseconds,
        share: all > 0 ? milliseconds / all : 0,
        flops,
        gigaflops: flops > 0 && milliseconds > 0 ? flops / milliseconds / 1e6 : null,
        passes: Object.fromEntries(byPass),
        kernels: mergedKernels(own.flatMap(({ kernels }) => kernels)),
      };
    })
    .sort((a, b) => b.milliseconds - a.milliseconds);
}

/** The uses of each operator together, from the most time to the least. */
export function mergedKernels(uses: readonly KernelUse[]): KernelUse[] {
  const merged = new Map<string, KernelUse>();
  for (const { operator, calls, milliseconds } of uses) {
    const before = merged.get(operator) ?? { operator, calls: 0, milliseconds: 0 };
    merged.set(operator, {
      operator,
      calls: before.calls + calls,
      milliseconds: before.milliseconds + milliseconds,
    });
  }
  return [...merged.values()].sort((a, b) => b.milliseconds - a.milliseconds);
}
