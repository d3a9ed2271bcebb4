/// <reference lib="esnext.disposable" preserve="true" />
import * as z from 'zod';
import { inFile, UserError } from '../base/errors.ts';
import { problemsOf } from '../base/schema-problems.ts';
import { parseShallow } from '../base/shallow-json.ts';
import { readSealed, writeSealed } from '../weights/sealed.ts';
import type { Best } from './events.ts';
import type { FitStore } from './fit-options.ts';
import { fileLogger } from './loggers/file-logger.ts';
import { jsonLinesOf } from './loggers/index.ts';
import { type RunLock, type RunStore, whileHeld } from './run-store.ts';

/** The checkpoints of a run: the state after the last step that was saved, and the variables of the best epoch. */
export type CheckpointName = 'best' | 'last';
export const checkpoints = ['best', 'last'] as const satisfies readonly CheckpointName[];

/** The name of its file. */
export function checkpointFile(name: CheckpointName): string {
  return `${name}.safetensors`;
}

/** The schema of the progress that a checkpoint records, with that of the best evaluation. */
export function progressSchema<B extends z.ZodType>(best: B) {
  return z.object({
    epoch: z.int().min(0),
    step: z.int().min(0),
    lossSum: z.number(),
    correctSum: z.number(),
    sums: z.record(z.string(), z.number()).optional(),
    losses: z.array(z.number()),
    best: best.nullable(),
  });
}

/** The files of a fit, which are this one's from the first access until it ends. */
export interface FitFiles<M extends string = 'accuracy'> extends FitStore<M>, AsyncDisposable {
  /** Lets others at the files. `fit` calls it when it ends, however that comes; it may be called again. */
  finish(): Promise<void>;
}

const fitFiles: ReadonlySet<string> = new Set(['best.safetensors', 'last.safetensors', 'metrics.jsonl']);
const isOfFit = (name: string) => fitFiles.has(name);

/**
 * The checkpoints of a fit in a store of files, whatever keeps these: `last.safetensors`, from which it goes on;
 * `best.safetensors`, the values of its best epoch; and `metrics.jsonl`, a line for each epoch.
 *
 * @param isOwn says which files of an earlier fit give way to this one
 * @throws UserError (by rejection) where the store cannot be written, holds a run, or is another's, or where what is in it
 * is damaged, or of a fit with other metrics
 */
export function checkpointsIn<M extends string>(
  opened: RunStore,
  metrics: readonly M[],
  isOwn: (name: string) => boolean = isOfFit,
): FitFiles<M> {
  const { path } = opened;
  const phaseSchema = progressSchema(bestSchema(metrics));
  let lock: RunLock | null = null;
  const store = whileHeld(opened, () => lock?.check());
  const log = fileLogger(store, jsonLinesOf<M>());

  async function occupy(): Promise<void> {
    await store.inspect();
    await store.make();
    lock = await store.lock();
    if (!(await store.names()).includes('run.json')) return;
    await finish();
    throw new UserError(`${path} holds a run. Name another folder for the checkpoints of a fit.`);
  }

  /** Takes the place of an earlier fit, unless this one goes on with it. */
  async function begin(): Promise<void> {
    if (lock) return;
    await occupy();
    for (const name of (await store.names()).filter(isOwn)) await store.remove(name);
  }

  async function finish(): Promise<void> {
    await lock?.release();
    lock = null;
  }

  function read(name: CheckpointName) {
    const file = checkpointFile(name);
    return inFile(`${path}/${file}`, async () => readSealed(await store.read(file)));
  }

  return {
    async record(event) {
      await begin();
      await log.log(event);
    },
    async saveLast(tensors, phase) {
      await begin();
      await store.replace(checkpointFile('last'), await writeSealed(tensors, { phase: JSON.stringify(phase) }));
    },
    async saveBest(tensors, best) {
      await begin();
      await store.replace(checkpointFile('best'), await writeSealed(tensors, { best: JSON.stringify(best) }));
    },
    async load() {
      if (!(await store.names()).includes(checkpointFile('last'))) return null;
      await occupy();
      const { tensors, metadata } = await read('last');
      const phase = phaseSchema.safeParse(parseShallow(metadata.phase ?? '', 4));
      if (!phase.success) {
        throw new UserError(
          `${path}/${checkpointFile('last')} does not say how far the fit came: ${problemsOf(phase.error)}.`,
        );
      }
      await log.resume?.(phase.data);
      const hasBest = (await store.names()).includes(checkpointFile('best'));
      return { tensors, phase: phase.data, best: hasBest ? (await read('best')).tensors : undefined };
    },
    finish,
    [Symbol.asyncDispose]: finish,
  };
}

const numbers = z.record(z.string(), z.number());

/** The schema of the best evaluation, which has a number for each of these metrics. */
function bestSchema<M extends string>(metrics: readonly M[]) {
  const names = ['loss', 'epoch', ...metrics];
  return z.custom<Best<M>>(
    (value) => {
      const best = numbers.safeParse(value).data;
      return best !== undefined && names.every((name) => Object.hasOwn(best, name));
    },
    { error: `expected a number for each of ${names.join(', ')}` },
  );
}
