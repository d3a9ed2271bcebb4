import { join } from 'node:path';
import { parseMetaConfig } from '@graft-ml/core/internal/recipe/meta/index';
import { exists } from '../files/read.ts';
import { readMetaRun } from '../meta/read-meta-run.ts';
import { resumeMeta, trainMeta } from '../meta/train-meta.ts';
import { isRun } from '../runs/read-run.ts';
import type { JobHandler } from './job.ts';
import {
  filesOf,
  type RunJobReport,
  type RunJobResult,
  reportLogged,
  reportOf,
  resultOf,
  runReportSchema,
  runResultSchema,
  runTaskSchema,
  type TrainTask,
} from './train-job.ts';

/** Trains a run of `trainMeta`, or goes on with it from its last checkpoint. */
export const metaTrainHandler: JobHandler<TrainTask, RunJobReport, RunJobResult> = {
  task: runTaskSchema,
  report: runReportSchema,
  result: runResultSchema,
  async run(task, context) {
    const { folder, signal } = context;
    const run = (await isRun(folder)) ? await readMetaRun(folder) : null;
    if (run) await reportLogged(folder, context);
    if (run?.status === 'done') return resultOf(run);
    const data = await context.data(task.data);
    const files = await filesOf(task, parseMetaConfig(task.config), context);
    const events =
      run && (await exists(join(folder, 'last.safetensors')))
        ? resumeMeta(folder, {
            data,
            signal,
            tune: task.tune,
            ...(task.download && { download: task.download }),
            ...(files.weights !== undefined && { weights: files.weights }),
          })
        : trainMeta(data, parseMetaConfig({ ...task.config, ...files }), {
            ...{ out: folder, overwrite: true, signal, tune: task.tune },
            ...(task.download && { download: task.download }),
            ...(task.choices && { choices: task.choices }),
          });
    for await (const event of events) {
      if (event.kind !== 'evaluation') continue;
      context.report(reportOf(event));
      // While nobody takes the next event, nobody writes to the run.
      await context.saved();
    }
    // Stopped before its first step, there is no run.
    const ended = (await isRun(folder)) ? await readMetaRun(folder) : null;
    return ended?.status === 'done' ? resultOf(ended) : null;
  },
};
