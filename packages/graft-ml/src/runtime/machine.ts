import { availableParallelism, cpus, totalmem } from 'node:os';
import type { Features, Value } from '@graft-ml/core/graph';
import { timeAll } from '@graft-ml/core/internal/runtime/timing';
import { allCandidates, type Choices, type TuningEvent, valueOfKey } from '@graft-ml/core/internal/runtime/tuning';
import { defaultCache } from '../cache/folder-cache.ts';
import type { FolderCache } from '../files/cache-folder.ts';
import { availableCores } from '../files/own-process.ts';
import { cpuBackend, storeOf } from './create.ts';
import { ortVersion } from './ort.ts';
import { instructionSet, readShipped, validChoices } from './shipped-choices.ts';
import { similarChoices } from './similar-choices.ts';

/** One shape of one primitive, and how it is written in ONNX here. */
export interface KernelChoice {
  readonly key: string;
  readonly lowering: string;
  /** `similar`: as for the most similar shape that is shipped. */
  readonly from: 'measured' | 'shipped' | 'similar';
}

export interface Machine {
  readonly processor: string;
  readonly cores: number;
  /** Threads inside one operator, for which the choices hold. */
  readonly threads: number;
  /** Bytes. */
  readonly memory: number;
  readonly instructionSet: string;
  /** Kernels of ORT beyond the common ones, found by trying them. */
  readonly features: readonly string[];
  readonly node: string;
  readonly onnxruntime: string;
  /** The telemetry of ONNX Runtime. */
  readonly telemetry: 'off';
  /** The folder. */
  readonly cache: string;
  /** The machine on which the shipped choices were measured; null where none hold here. */
  readonly shippedBy: string | null;
  /** The choices in the order in which they are looked up: those measured here come first. */
  readonly choices: readonly KernelChoice[];
}

export interface MachineOptions {
  /** Default: all cores, or `GRAFT_THREADS` of them. */
  readonly threads?: number;
  /** Default: `defaultCache()`. */
  readonly cache?: FolderCache;
  /** Further shapes whose choices are to be listed: those of a run. */
  readonly keys?: Iterable<string>;
}

/** Describes this machine as Graft sees it. Nothing is timed. */
export async function inspectMachine(options: MachineOptions = {}): Promise<Machine> {
  const { threads = availableCores(), cache = defaultCache(), keys = [] } = options;
  const backend = cpuBackend(threads);
  const features: Features = await backend.features();
  const set = instructionSet(features);
  const [measured, file] = [await storeOf(backend, cache).load(), await readShipped(set)];
  const shipped = file ? validChoices(file, ortVersion()) : {};
  const listed = (choices: Choices, from: KernelChoice['from']) =>
    Object.entries(choices).map(([key, lowering]): KernelChoice => ({ key, lowering, from }));
  return {
    processor: cpus()[0]?.model.trim() ?? process.arch,
    cores: availableParallelism(),
    threads,
    memory: totalmem(),
    instructionSet: set,
    features: [...features].sort(),
    node: process.versions.node,
    onnxruntime: ortVersion(),
    telemetry: 'off',
    cache: cache.folder,
    shippedBy: Object.keys(shipped).length > 0 ? file!.machine : null,
    choices: [
      ...listed(measured, 'measured'),
      ...listed(shipped, 'shipped').filter(({ key }) => !(key in measured)),
      ...listed(similarChoices(openOf(keys, { ...shipped, ...measured }), shipped, allCandidates(features)), 'similar'),
    ],
  };
}

/** The values of those keys that nothing is known of. */
function openOf(keys: Iterable<string>, known: Choices): Map<string, Value> {
  return new Map(
    [...keys].flatMap((key): [string, Value][] => {
      const value = key in known ? undefined : valueOfKey(key);
      return value ? [[key, value]] : [];
    }),
  );
}

/** The result of timing again. */
export interface Renewed {
  readonly timed: number;
  readonly changed: readonly { readonly key: string; readonly before: string | undefined; readonly now: string }[];
  /** Keys that belong to no primitive of this version. */
  readonly unknown: readonly string[];
}

/**
 * Times the kernels of these keys again, and remembers the fastest. @throws the signal's reason between two of them;
 * then nothing is remembered
 */
export async function renewChoices(
  keys: Iterable<string>,
  options: MachineOptions & { readonly onTuning?: (event: TuningEvent) => void; readonly signal?: AbortSignal } = {},
): Promise<Renewed> {
  const { threads = availableCores(), cache = defaultCache(), signal } = options;
  const onTuning = (event: TuningEvent) => {
    signal?.throwIfAborted();
    options.onTuning?.(event);
  };
  const before = new Map(
    (await inspectMachine({ threads, cache })).choices.map(({ key, lowering }) => [key, lowering]),
  );
  const values = new Map<string, Value>();
  const unknown: string[] = [];
  for (const key of keys) {
    const value = valueOfKey(key);
    if (value) values.set(key, value);
    else unknown.push(key);
  }
  const backend = cpuBackend(threads);
  const found = values.size > 0 ? await timeAll(values, backend, onTuning) : {};
  await storeOf(backend, cache).save(found);
  const changed = Object.entries(found).flatMap(([key, now]) =>
    before.get(key) === now ? [] : [{ key, before: before.get(key), now }],
  );
  return { timed: values.size, changed, unknown };
}
