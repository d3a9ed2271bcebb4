/// <reference lib="esnext.disposable" preserve="true" />
import { join } from 'node:path';
import { UserError } from '@graft-ml/core/internal/base/errors';
import { parseShallow } from '@graft-ml/core/internal/base/shallow-json';
import type { Best } from '@graft-ml/core/internal/fit/events';
import type { FitStore } from '@graft-ml/core/internal/fit/fit-options';
import { jsonLinesOf } from '@graft-ml/core/internal/fit/loggers/index';
import type { RunLock } from '@graft-ml/core/internal/fit/run-store';
import { readSealed, writeSealed } from '@graft-ml/core/internal/weights/sealed';
import { z } from 'zod';
import { problemsOf } from '../files/own-json.ts';
import { inFile } from '../files/random-access.ts';
import { type CheckpointName, checkpointFile, progressSchema } from './checkpoints.ts';
import { fileLogger } from './run-logs.ts';
import { isRunFile, type OpenRunStore, openRunStore, whileHeld } from './run-store.ts';

export interface CheckpointFolderOptions {
  /** Opens the store of a run. Default: in folders. */
  readonly openStore?: OpenRunStore;
}

/** The state of a fit in a folder, which is this process's from the first access until the fit ends. */
export interface CheckpointFolder<M extends string = 'accuracy'> extends FitStore<M>, AsyncDisposable {
  /** Lets others at the folder. `fit` calls it when it ends, however that comes; it may be called again. */
  finish(): Promise<void>;
}

/**
 * A folder for the state of a fit: `last.safetensors`, from which it goes on; `best.safetensors`, the values of its
 * best epoch; and `metrics.jsonl`, a line for each epoch. Checkpoints are replaced whole or not at all, and have a
 * checksum. While a fit writes to it no other one can. It is no run: a model that is done is saved as one with
 * `model.save`.
 *
 * @param options `metrics` are those of the fit. Default: `accuracy`
 * @throws UserError (by rejection) where the folder cannot be written, holds a run, or is another process's, or where
 * what is in it is damaged, or of a fit with other metrics
 * @example
 * const store = checkpointFolder('checkpoints/x');
 * for await (const event of fit(model, images, { store, resume: true })) … // begins, or goes on where it was interrupted
 */
export function checkpointFolder(path: string, options?: CheckpointFolderOptions): CheckpointFolder;
export function checkpointFolder<M extends string>(
  path: string,
  options: CheckpointFolderOptions & { readonly metrics: readonly { readonly name: M }[] },
): CheckpointFolder<M>;
export function checkpointFolder(
  path: string,
  { openStore = openRunStore, metrics }: CheckpointFolderOptions & { metrics?: readonly { name: string }[] } = {},
): CheckpointFolder | CheckpointFolder<string> {
  if (metrics === undefined) return storeIn(path, openStore, ['accuracy']);
  return storeIn<string>(
    path,
    openStore,
    metrics.map(({ name }) => name),
  );
}

function storeIn<M extends string>(path: string, openStore: OpenRunStore, metrics: readonly M[]): CheckpointFolder<M> {
  const phaseSchema = progressSchema(bestSchema(metrics));
  let lock: RunLock | null = null;
  const store = whileHeld(openStore(path), () => lock?.check());
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
    for (const name of (await store.names()).filter(isRunFile)) await store.remove(name);
  }

  async function finish(): Promise<void> {
    await lock?.release();
    lock = null;
  }

  function read(name: CheckpointName) {
    const file = checkpointFile(name);
    return inFile(join(path, file), async () => readSealed(await store.read(file)));
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
          `${join(path, checkpointFile('last'))} does not say how far the fit came: ${problemsOf(phase.error)}.`,
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
