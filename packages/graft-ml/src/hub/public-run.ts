import { join } from 'node:path';
import { UserError } from '@graft-ml/core/internal/base/errors';
import { formatOwnJson } from '@graft-ml/core/internal/base/own-json';
import { type CheckpointName, checkpointFile } from '@graft-ml/core/internal/fit/checkpoint-files';
import { isOnnx } from '@graft-ml/core/internal/models/index';
import { type MetaRun, metaRuns } from '@graft-ml/core/internal/runs/meta-run';
import { isWeightsFile } from '@graft-ml/core/internal/runs/named-paths';
import { averagedFrom, type Run, trainedByProgram, trainingRuns } from '@graft-ml/core/internal/runs/run-file';
import { onnxFile } from '@graft-ml/core/internal/runs/run-files';
import { readSealed, writeSealed } from '@graft-ml/core/internal/weights/sealed';
import { replaceFile } from '../files/write.ts';
import { kindOfRun, readRunOf } from '../runs/read-run.ts';
import { type OpenRunStore, openRunStore } from '../runs/run-store.ts';

export interface PublicRunOptions {
  readonly checkpoint?: CheckpointName | undefined;
  readonly openStore?: OpenRunStore | undefined;
  /** Whether the record of the images that it has seen, by the beginnings of their hashes, goes with it. */
  readonly withSeen: boolean;
}

/**
 * Writes what others need of a run to predict with it, adapt it or train it further: `run.json` without the places and
 * names of files of this machine, and its checkpoint as `best.safetensors`.
 *
 * @throws UserError where the run has no such checkpoint
 */
export async function writePublicRun(path: string, folder: string, options: PublicRunOptions): Promise<void> {
  const { checkpoint = 'best', openStore = openRunStore, withSeen } = options;
  const store = openStore(path);
  const names = await store.names();
  const file = checkpointFile(checkpoint);
  if (!names.includes(file)) throw new UserError(`${path} has no ${file} yet.`);
  const record =
    (await kindOfRun(path, openStore)) === 'meta'
      ? publicRecord(await readRunOf<MetaRun>(path, metaRuns, openStore), withSeen)
      : publicTraining(await readRunOf<Run>(path, trainingRuns, openStore), withSeen);
  const { tensors, metadata } = await readSealed(await store.read(file));
  const { seen, ...others } = metadata;
  const kept = withSeen && seen !== undefined ? metadata : others;
  await replaceFile(join(folder, 'run.json'), formatOwnJson(record));
  await replaceFile(join(folder, checkpointFile('best')), await writeSealed(tensors, kept));
  if (names.includes(onnxFile)) await replaceFile(join(folder, onnxFile), await store.read(onnxFile));
}

function publicTraining(run: Run, withSeen: boolean): Run {
  const { config, adaptedFrom } = run;
  const names = { parts: null, labelRegex: null, pathColumn: null, labelColumn: null, splitColumn: null };
  return {
    ...publicRecord(run, withSeen),
    config: { ...publicConfig(config), ...names },
    warnings: [],
    adaptedFrom: adaptedFrom === null ? null : 'a meta-learned run',
  };
}

/** A record without places: of the dataset, of weights and models of one's own, and of what was left out. */
function publicRecord<R extends Run | MetaRun>(run: R, withSeen: boolean): R {
  return {
    ...run,
    folder: '',
    signature: null,
    changes: run.changes.flatMap(publicChange),
    before: withSeen ? run.before : null,
    config: publicConfig(run.config),
    dataset: { ...run.dataset, leftOut: [] },
  };
}

/** Of the changes of a run those that say how it was made; the others may name places. */
function publicChange({ epoch, change }: Run['changes'][number]): Run['changes'] {
  if (change === trainedByProgram) return [{ epoch, change }];
  return change.startsWith(averagedFrom) ? [{ epoch, change: `${averagedFrom}not published with it` }] : [];
}

function publicConfig<C extends { readonly model: string | null; readonly weights: string | null }>(config: C): C {
  const { model, weights } = config;
  return {
    ...config,
    model: model !== null && isOnnx(model) ? onnxFile : model,
    weights: isWeightsFile(weights, model) ? null : weights,
  };
}
