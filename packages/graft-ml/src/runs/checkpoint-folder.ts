import { join } from 'node:path';
import { UserError } from '@graft-ml/core/internal/base/errors';
import { parseShallow } from '@graft-ml/core/internal/base/shallow-json';
import type { Progress } from '@graft-ml/core/internal/fit/checkpoint';
import type { FitStore } from '@graft-ml/core/internal/fit/fit';
import { z } from 'zod';
import { readSealed, writeSealed } from '../checkpoint/sealed.ts';
import { inFile } from '../files/random-access.ts';
import { type OpenRunStore, openRunStore, type RunStore } from './run-store.ts';

const numbers = z.record(z.string(), z.number());

const phaseSchema = z.object({
  epoch: z.int().min(0),
  step: z.int().min(0),
  lossSum: z.number(),
  correctSum: z.number(),
  sums: numbers.optional(),
  losses: z.array(z.number()),
  best: numbers.nullable(),
});

export interface CheckpointFolderOptions {
  /** Opens the store of a run. Default: in folders. */
  readonly openStore?: OpenRunStore;
}

/**
 * A folder for the state of a fit: `last.safetensors`, from which it goes on, and `best.safetensors`, the values of its
 * best epoch. Each is replaced whole or not at all, and has a checksum. It is no run: a model that is done is saved as
 * one with `model.save`.
 *
 * @throws UserError (by rejection) where the folder cannot be written, or what is in it is damaged
 * @example
 * const store = checkpointFolder('checkpoints/x');
 * for await (const event of fit(model, images, { store, resume: true })) … // begins, or goes on where it was interrupted
 */
export function checkpointFolder<M extends string = 'accuracy'>(
  path: string,
  { openStore = openRunStore }: CheckpointFolderOptions = {},
): FitStore<M> {
  const store = openStore(path);
  let isMade = false;
  const write = async (name: 'best' | 'last', content: Uint8Array) => {
    if (!isMade) await store.make();
    isMade = true;
    await store.replace(`${name}.safetensors`, content);
  };
  return {
    record: async () => {},
    saveLast: (tensors, phase) => write('last', writeSealed(tensors, { phase: JSON.stringify(phase) })),
    saveBest: (tensors, best) => write('best', writeSealed(tensors, { best: JSON.stringify(best) })),
    async load() {
      const names = await store.names();
      if (!names.includes('last.safetensors')) return null;
      const { tensors, metadata } = await read(store, 'last');
      const phase = phaseSchema.safeParse(parseShallow(metadata.phase ?? '', 4));
      if (!phase.success) {
        throw new UserError(
          `${join(path, 'last.safetensors')} does not say how far the fit came: ${z.prettifyError(phase.error)}`,
        );
      }
      const best = names.includes('best.safetensors') ? (await read(store, 'best')).tensors : undefined;
      return { tensors, phase: phase.data as Progress<M>, best };
    },
  };
}

function read(store: RunStore, name: 'best' | 'last') {
  const file = `${name}.safetensors`;
  return inFile(join(store.path, file), async () => readSealed(await store.read(file)));
}
