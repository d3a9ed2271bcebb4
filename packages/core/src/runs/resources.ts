import * as z from 'zod';
import { formatOwnJson, longestOwnJson, parseOwnJson } from '../base/own-json.ts';
import type { TrainEvent } from '../fit/events.ts';
import type { RunStore } from '../fit/run-store.ts';
import { resourcesFile } from './run-files.ts';

/** The phases of a run, in their order. */
export const phases = ['weights', 'images', 'features', 'training', 'validation'] as const;
export type Phase = (typeof phases)[number];

/** The time and memory that something took. */
export interface ResourceUse {
  readonly seconds: number;
  /** The largest resident memory of the process that was seen meanwhile, in bytes. */
  readonly memory: number;
}

/** The time and memory of a run by phase, from its beginning or from where it was resumed. */
export interface ResourceSession {
  readonly phases: Partial<Readonly<Record<Phase, ResourceUse>>>;
  /** The largest resident memory of the process since it started, in bytes. */
  readonly peakMemory: number;
}

/** What an event of training has taken: opening a stage computes the features of its frozen layers and compiles. */
const phaseOf: Readonly<Record<TrainEvent['kind'], Phase>> = {
  start: 'training',
  stage: 'features',
  step: 'training',
  evaluation: 'validation',
  interrupted: 'training',
  end: 'training',
};

/** The memory is asked for at most so often, in milliseconds: a step of a small network takes less than one. */
const between = 100;

/** The memory of a process, in bytes. */
export interface MemoryUse {
  readonly now: number;
  /** The largest since it started. */
  readonly peak: number;
}

/** Measures time and memory by phase. */
export class ResourceMeter {
  readonly #measure: () => MemoryUse;
  readonly #phases = new Map<Phase, ResourceUse>();
  #asked = Number.NEGATIVE_INFINITY;
  #memory = 0;

  constructor(measure: () => MemoryUse) {
    this.#measure = measure;
  }

  /** Counts what `work` takes towards a phase. */
  async during<T>(phase: Phase, work: () => Promise<T>): Promise<T> {
    const start = performance.now();
    try {
      return await work();
    } finally {
      this.#asked = Number.NEGATIVE_INFINITY;
      this.#add(phase, start);
    }
  }

  /** Passes events on, and counts the time until each, but not what its reader does with it. */
  async *watch<E extends { readonly kind: TrainEvent['kind'] }>(events: AsyncIterable<E>): AsyncGenerator<E> {
    let start = performance.now();
    for await (const event of events) {
      this.#add(phaseOf[event.kind], start);
      yield event;
      start = performance.now();
    }
  }

  #add(phase: Phase, start: number): void {
    const now = performance.now();
    if (now - this.#asked >= between) {
      this.#asked = now;
      this.#memory = this.#measure().now;
    }
    const { seconds, memory } = this.#phases.get(phase) ?? { seconds: 0, memory: 0 };
    this.#phases.set(phase, {
      seconds: seconds + (now - start) / 1000,
      memory: Math.max(memory, this.#memory),
    });
  }

  /** What was measured so far. */
  get session(): ResourceSession {
    return { phases: Object.fromEntries(this.#phases), peakMemory: this.#measure().peak };
  }
}

const useSchema = z.object({ seconds: z.number().min(0), memory: z.number().min(0) });
const resourcesSchema = z.object({
  sessions: z.array(z.object({ phases: z.partialRecord(z.enum(phases), useSchema), peakMemory: z.number().min(0) })),
});

/** The sessions of a run; none where nothing was measured, or what was is damaged. */
export async function readResources(store: Pick<RunStore, 'names' | 'read'>): Promise<readonly ResourceSession[]> {
  if (!(await store.names()).includes(resourcesFile)) return [];
  try {
    const content = parseOwnJson(await store.read(resourcesFile, longestOwnJson), resourcesFile);
    return resourcesSchema.parse(content).sessions;
  } catch {
    return []; // a report does without
  }
}

/** Keeps a session of a run beside those before it. */
export async function addResources(store: RunStore, session: ResourceSession): Promise<void> {
  const sessions = [...(await readResources(store)), session];
  await store.replace(resourcesFile, formatOwnJson({ sessions }));
}
