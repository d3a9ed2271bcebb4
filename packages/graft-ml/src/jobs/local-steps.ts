import { UserError } from '@graft-ml/core/internal/base/errors';
import { longestOwnJson } from '@graft-ml/core/internal/base/own-json';
import type { Tensors } from '@graft-ml/core/internal/base/tensor';
import type { ImageSet } from '@graft-ml/core/internal/fit/examples';
import { imageSource } from '@graft-ml/core/internal/fit/image-batches';
import { compileSteps, type StagePrograms } from '@graft-ml/core/internal/fit/image-stage';
import { takeLocalSteps } from '@graft-ml/core/internal/fit/local-steps';
import { imageModel, type Model } from '@graft-ml/core/internal/fit/model';
import type { StageSources, TrainingTask } from '@graft-ml/core/internal/fit/task';
import { fittedTo } from '@graft-ml/core/internal/models/index';
import { resolveConfig, trainConfigSchema } from '@graft-ml/core/internal/recipe/config/index';
import { type PlannedRounds, roundsFitOptions, roundsOf, workerTask } from '@graft-ml/core/internal/recipe/rounds';
import { preprocessingSchema } from '@graft-ml/core/internal/weights/checkpoint';
import { readSealed, writeSealed } from '@graft-ml/core/internal/weights/sealed';
import { z } from 'zod';
import { openBackbone } from '../checkpoint/backbone.ts';
import { createRuntime } from '../runtime/index.ts';
import type { JobContext, JobHandler } from './job.ts';
import type { ObjectStore } from './object-store.ts';
import { readStart, type Transfer, writeEnd } from './round-files.ts';
import { filesOf, openPool, readShard, referenceSchema } from './shard-images.ts';
import { assertSameMachine, machineSchema } from './shared-program.ts';

/** A run whose steps are taken by workers: all that these need to know of it, in the store. */
export const workersRunSchema = z.object({
  config: trainConfigSchema,
  preprocessing: preprocessingSchema,
  classes: z.array(z.string()),
  /** The labels of all training images. */
  labels: z.array(z.int().min(0)),
  /** The keys of each worker's images. */
  shards: z.array(z.string()),
  data: referenceSchema,
  /** What decodes the images. */
  decoder: z.string(),
  /** The keys of the first values of all variables, and of the ONNX file that is the model. */
  initial: z.string(),
  onnx: z.string().nullable(),
  machine: machineSchema,
  threads: z.int().min(1),
  /** The lowerings in use. */
  choices: z.record(z.string(), z.string()),
});
export type WorkersRun = z.output<typeof workersRunSchema>;

const taskSchema = z.object({
  /** The key of the run. */
  run: z.string(),
  worker: z.int().min(0),
  /** From 0. */
  round: z.int().min(0),
  /** The keys of the outer values, of what its optimizer kept of the round before, and of both as it leaves them. */
  start: z.string(),
  kept: z.string().nullable(),
  end: z.string(),
  keeps: z.string(),
});
export type LocalStepsTask = z.output<typeof taskSchema>;

const reportSchema = z.object({ done: z.int(), total: z.int() });
const resultSchema = z.object({});

/** What is measured in a round, in the metadata of its end. A loss that is not a number is null. */
export const measuredSchema = z.object({ loss: z.number().nullable(), sums: z.record(z.string(), z.number()) });

/**
 * The steps of one worker in one round of DiLoCo. An end that is there stays. The process keeps the network, its
 * compiled steps, the images and what the optimizer kept for the round after.
 */
export const localStepsHandler: JobHandler<
  LocalStepsTask,
  z.output<typeof reportSchema>,
  z.output<typeof resultSchema>
> = {
  task: taskSchema,
  report: reportSchema,
  result: resultSchema,
  async run(task, context) {
    const { store, signal } = context;
    // What is kept is written first.
    if (await store.has(task.end)) return {};
    const run = await openRun(task.run, context);
    const worker = await run.worker(task.worker, context);
    const values = await readStart(await bytesOf(store, task.start));
    const kept = await keptFor(task, store);
    const { steps } = run.rounds;
    const end = await takeLocalSteps(
      worker.task,
      worker,
      { values, kept, from: task.round * steps, steps },
      { signal, onStep: (done) => context.report({ done, total: steps }) },
    );
    if (end === null) return null;
    const loss = Number.isFinite(end.loss) ? end.loss : null;
    const measured: z.output<typeof measuredSchema> = { loss, sums: end.sums };
    await store.put(task.keeps, await writeSealed(end.kept, {}));
    await store.put(task.end, await writeEnd(end.values, values, run.transfer, { measured: JSON.stringify(measured) }));
    hold({ key: task.keeps, tensors: end.kept });
    return {};
  },
};

/** How the parameters of a run travel. */
export function transferOf({ transferDtype }: WorkersRun['config'], { table }: Model): Transfer {
  return { isHalf: transferDtype === 'f16', isParameter: (name) => table.parameters.has(name) };
}

/** What optimizers kept in rounds of this process, the latest last. */
const held: { readonly key: string; readonly tensors: Tensors }[] = [];
/** Workers whose state a process holds: it does one job at a time, and may be given another worker's in the next round. */
const mostHeld = 4;

function hold(kept: (typeof held)[number]): void {
  held.push(kept);
  held.splice(0, held.length - mostHeld);
}

async function keptFor({ kept }: LocalStepsTask, store: ObjectStore): Promise<Tensors> {
  if (kept === null) return {};
  const own = held.find(({ key }) => key === kept);
  return own ? own.tensors : (await readSealed(await bytesOf(store, kept))).tensors;
}

interface OpenWorker {
  readonly task: TrainingTask;
  readonly sources: StageSources;
  /** Those of all workers of the run. */
  readonly programs: StagePrograms;
}

interface OpenRun {
  readonly rounds: PlannedRounds;
  readonly transfer: Transfer;
  /** A worker's images, opened once. */
  worker(index: number, context: Pick<JobContext<never>, 'data'>): Promise<OpenWorker>;
  close(): Promise<void>;
}

/** The run that this process is at. */
let opened: { readonly key: string; readonly run: Promise<OpenRun> } | null = null;

async function openRun(key: string, { store }: Pick<JobContext<never>, 'store'>): Promise<OpenRun> {
  if (opened?.key === key) return opened.run;
  await opened?.run.then((run) => run.close()).catch(() => {});
  const run = load(key, store);
  opened = { key, run };
  run.catch(() => {
    opened = null;
  });
  return run;
}

async function load(key: string, store: ObjectStore): Promise<OpenRun> {
  const json = new TextDecoder().decode(await bytesOf(store, key, longestOwnJson));
  const run = workersRunSchema.parse(JSON.parse(json));
  await assertSameMachine(run.machine);
  const config = resolveConfig(run.config);
  const { tensors: initial } = await readSealed(await bytesOf(store, run.initial));
  const { onnx, preprocessing, classes, threads, choices } = run;
  const onnxFile = onnx === null ? undefined : { path: config.model, sha256: null, read: () => bytesOf(store, onnx) };
  // All values are there: the weights that the run began with are not asked for.
  const { model: named } = await openBackbone({ ...config, weights: null }, { onnxFile });
  const runtime = createRuntime({ threads, cache: null, choices });
  const model = imageModel({
    architecture: fittedTo(named, initial),
    preprocessing,
    classes,
    runtime,
    seed: config.seed,
  });
  model.load(initial);
  const rounds = roundsOf(config, run.labels.length);
  const options = roundsFitOptions(config, rounds, model, run.labels);
  const workers = new Map<number, Promise<OpenWorker>>();
  let programs: Promise<StagePrograms> | undefined;
  const openWorker = async (index: number, context: Pick<JobContext<never>, 'data'>): Promise<OpenWorker> => {
    const [images, first] = await openShard(run, index, store, context);
    // Nothing is evaluated here, and frozen layers see one image too many.
    const task = workerTask({ worker: index, rounds, images, validation: first }, model, options);
    programs ??= compileSteps(task, 0, runtime);
    return { task, sources: await task.stages[0]!.open(initial), programs: await programs };
  };
  return {
    rounds,
    transfer: transferOf(run.config, model),
    worker(index, context) {
      const worker = workers.get(index) ?? openWorker(index, context);
      workers.set(index, worker);
      worker.catch(() => workers.delete(index));
      return worker;
    },
    async close() {
      for (const worker of workers.values()) await worker.then(({ sources }) => sources.close());
      await programs?.then((compiled) => compiled.close());
    },
  };
}

/** The images of a worker, and the first of them alone. */
async function openShard(
  { shards, labels, data, decoder }: WorkersRun,
  worker: number,
  store: ObjectStore,
  context: Pick<JobContext<never>, 'data'>,
): Promise<[images: ImageSet, first: ImageSet]> {
  const shard = await readShard(store, shards[worker]!);
  const files = await filesOf(shard, data, context);
  const pool = openPool(decoder);
  const own = shard.map(({ index }) => labels[index]!);
  const view: Parameters<typeof imageSource>[0]['view'] = (place, request, size) =>
    pool.view(files[place]!, request.kind === 'training' ? { ...request, index: shard[place]!.index } : request, size);
  const setOf = (of: readonly number[]): ImageSet => ({
    size: of.length,
    labels: of,
    decoder,
    view: (how) => imageSource({ labels: of, view }, how),
  });
  return [setOf(own), setOf(own.slice(0, 1))];
}

async function bytesOf(store: ObjectStore, key: string, most?: number): Promise<Uint8Array> {
  const bytes = await store.get(key, most);
  if (bytes) return bytes;
  throw new UserError(`${store.place}: ${key} is gone, and with it what the workers of this run had reached.`);
}
