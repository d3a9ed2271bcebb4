import { join } from 'node:path';
import { UserError } from '@graft-ml/core/internal/base/errors';
import { formatOwnJson } from '@graft-ml/core/internal/base/own-json';
import { metaRuns } from '@graft-ml/core/internal/runs/meta-run';
import { trainingRuns } from '@graft-ml/core/internal/runs/run-file';
import { z } from 'zod';
import { exists } from '../files/read.ts';
import { readOwnJson } from '../files/read-own-json.ts';
import { replaceFile } from '../files/write.ts';
import { signPaths } from '../runs/own-paths.ts';
import { isRun, kindOfRun, readRunFileOf } from '../runs/read-run.ts';
import type { DataReference, Job } from './job.ts';
import { namedFiles, referenceSchema } from './train-job.ts';

/** The part of the task of a job that trains by which it names files. */
const trainingSchema = z.looseObject({
  data: referenceSchema,
  config: z.looseObject({ model: z.string().nullish(), weights: z.string().nullish() }),
});

/** A file that a job names is not there: the job fails, as it would on this machine. */
export class MissingFiles extends UserError {}

/**
 * The job with the dataset, the weights and the model that it names sent to where workers find them.
 *
 * @param ship sends a file or folder, and returns it by content
 * @throws MissingFiles
 */
export async function withShippedFiles(job: Job, ship: (path: string) => Promise<DataReference>): Promise<Job> {
  const task = trainingSchema.safeParse(job.task).data;
  if (!task) return job;
  const send = async (path: string) => {
    if (!(await exists(path))) throw new MissingFiles(`${path} does not exist.`);
    return ship(path);
  };
  const data = task.data.sha256 === null ? await send(task.data.path) : task.data;
  const { model, weights } = namedFiles(task.config);
  return {
    ...job,
    task: {
      ...task,
      data,
      ...(model !== undefined && { model: await send(model) }),
      ...(weights !== undefined && { weights: await send(weights) }),
    },
  };
}

/**
 * Notes in a run that was trained elsewhere where its dataset, weights and model are here: those that its job was
 * submitted with, so that it is opened and resumed like any other of this user's.
 */
export async function adoptRun(folder: string, task: unknown): Promise<void> {
  const named = trainingSchema.safeParse(task).data;
  if (!named || !(await isRun(folder))) return;
  const file = join(folder, 'run.json');
  const isMeta = (await kindOfRun(folder)) === 'meta';
  const { config } = isMeta ? await readRunFileOf(file, metaRuns) : await readRunFileOf(file, trainingRuns);
  const files = namedFiles(named.config);
  const record = { folder: named.data.path, config: { ...config, ...files } };
  const content = { ...(await readOwnJson(file)), ...record, signature: await signPaths(record) };
  await replaceFile(file, formatOwnJson(content));
}
