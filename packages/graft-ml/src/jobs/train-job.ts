import { join } from 'node:path';
import { isOnnx } from '@graft-ml/core/internal/models/index';
import { parseConfig } from '@graft-ml/core/internal/recipe/config/index';
import { isWeightsFile } from '@graft-ml/core/internal/runs/named-paths';
import { loggedEpochs } from '@graft-ml/core/internal/runs/run-curves';
import type { RunRecord } from '@graft-ml/core/internal/runs/run-file';
import { z } from 'zod';
import type { FetchOptions } from '../files/download/fetch-file.ts';
import { exists } from '../files/read.ts';
import { isRun, readRun } from '../runs/read-run.ts';
import { openRunStore } from '../runs/run-store.ts';
import { resumeTraining, trainFolder } from '../transfer/train-folder.ts';
import type { DataReference, JobContext, JobHandler } from './job.ts';

export const referenceSchema = z.object({ path: z.string(), sha256: z.string().nullable() });

export const runTaskSchema = z.object({
  data: referenceSchema,
  /** Options of `trainFolder`. */
  config: z.record(z.string(), z.json()),
  /** The file of the weights, where the options name one. Default: by that name. */
  weights: referenceSchema.optional(),
  /** The file of the model, where that is an ONNX file. Default: by the name in the options. */
  model: referenceSchema.optional(),
  /** Lowerings that stand, so that the run is the same on another machine. */
  choices: z.record(z.string(), z.string()).optional(),
  /** Whether lowerings are timed; without, the run is the same on all processors of one instruction set. */
  tune: z.boolean().default(true),
  /** The sources of published weights, as `FetchOptions` names them. Default: those of the process that does the job. */
  download: z
    .object({
      offline: z.boolean().optional(),
      mirror: z.string().nullable().optional(),
      expectSha256: z.string().optional(),
    })
    .optional(),
});
export type TrainTask = z.output<typeof runTaskSchema>;

/** What a process that does jobs is told of downloads: the rest of `FetchOptions` is its own. */
export function downloadTask(options: FetchOptions = {}): Pick<TrainTask, 'download'> {
  const { offline, mirror, expectSha256 } = options;
  const download = {
    ...(offline && { offline }),
    ...(mirror !== undefined && { mirror }),
    ...(expectSha256 !== undefined && { expectSha256 }),
  };
  return Object.keys(download).length === 0 ? {} : { download };
}

/** JSON has no NaN. */
const numberSchema = z.number().nullable();

export const runReportSchema = z.object({
  kind: z.literal('evaluation'),
  epoch: z.int(),
  accuracy: numberSchema,
  loss: numberSchema,
  seconds: z.number(),
});

export const runResultSchema = z.object({
  best: z.object({ accuracy: numberSchema, loss: numberSchema, epoch: z.int() }),
  parameters: z.object({ total: z.int(), trained: z.int() }),
});

export type RunJobReport = z.output<typeof runReportSchema>;
export type RunJobResult = z.output<typeof runResultSchema>;

/** Trains a run of `trainFolder`, or goes on with it from its last checkpoint. */
export const trainHandler: JobHandler<TrainTask, RunJobReport, RunJobResult> = {
  task: runTaskSchema,
  report: runReportSchema,
  result: runResultSchema,
  async run(task, context) {
    const { folder, signal } = context;
    const run = (await isRun(folder)) ? await readRun(folder) : null;
    if (run) await reportLogged(folder, context);
    if (run?.status === 'done') return resultOf(run);
    const data = await context.data(task.data);
    const files = await filesOf(task, parseConfig(task.config), context);
    const events =
      run && (await exists(join(folder, 'last.safetensors')))
        ? resumeTraining(folder, {
            data,
            signal,
            tune: task.tune,
            ...(task.download && { download: task.download }),
            ...(files.weights !== undefined && { weights: files.weights }),
          })
        : trainFolder(data, parseConfig({ ...task.config, ...files }), {
            ...{ out: folder, overwrite: true, signal, tune: task.tune },
            ...(task.download && { download: task.download }),
            ...(task.choices && { choices: task.choices }),
          });
    let isOwn = true;
    for await (const event of events) {
      // What `auto` compares it with is a run of its own.
      if (event.kind === 'scratch') isOwn = false;
      if (event.kind !== 'evaluation' || !isOwn) continue;
      context.report(reportOf(event));
      // While nobody takes the next event, nobody writes to the run.
      await context.saved();
    }
    // Stopped before its first step, there is no run.
    const ended = (await isRun(folder)) ? await readRun(folder) : null;
    return ended?.status === 'done' ? resultOf(ended) : null;
  },
};

/** Reports the epochs that a run has had: whoever waits for the job may have been killed before hearing of them. */
export async function reportLogged(
  folder: string,
  { report }: Pick<JobContext<RunJobReport>, 'report'>,
): Promise<void> {
  for (const { metrics, ...epoch } of await loggedEpochs(openRunStore(folder))) {
    report(reportOf({ ...epoch, accuracy: metrics.accuracy ?? Number.NaN }));
  }
}

export function reportOf({ epoch, accuracy, loss, seconds }: RunEpoch): RunJobReport {
  return { kind: 'evaluation', epoch, accuracy: finite(accuracy), loss: finite(loss), seconds: finite(seconds) ?? 0 };
}

interface RunEpoch {
  readonly epoch: number;
  readonly accuracy: number;
  readonly loss: number;
  readonly seconds: number;
}

/** The files that the options name, as they are on this machine. */
export async function filesOf(
  task: TrainTask,
  config: { readonly model: string | null; readonly weights: string | null },
  context: Pick<JobContext<RunJobReport>, 'data'>,
): Promise<{ readonly model?: string; readonly weights?: string }> {
  const named = namedFiles(config);
  const find = async (name: 'model' | 'weights') => {
    const path = named[name];
    if (path === undefined) return {};
    return { [name]: await context.data(task[name] ?? { path, sha256: null }) };
  };
  return { ...(await find('model')), ...(await find('weights')) };
}

/** The paths in the options of a run. */
export function namedFiles({
  model = null,
  weights = null,
}: {
  readonly model?: string | null | undefined;
  readonly weights?: string | null | undefined;
}): Partial<Record<'model' | 'weights', DataReference['path']>> {
  return {
    ...(model !== null && isOnnx(model) && { model }),
    ...(isWeightsFile(weights, model) && { weights }),
  };
}

/** What a run that is done has come to. */
export function resultOf({ best, parameters }: Pick<RunRecord, 'best' | 'parameters'>): RunJobResult {
  if (best === null) throw new Error('a run that is done has a best epoch');
  const { accuracy, loss, epoch } = best;
  return { best: { accuracy: finite(accuracy), loss: finite(loss), epoch }, parameters };
}

function finite(value: number): number | null {
  return Number.isFinite(value) ? value : null;
}
