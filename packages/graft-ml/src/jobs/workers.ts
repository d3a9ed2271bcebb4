import { UserError } from '@graft-ml/core/internal/base/errors';
import type { Tensors } from '@graft-ml/core/internal/base/tensor';
import type { RoundEnd } from '@graft-ml/core/internal/fit/diloco';
import { fitTask } from '@graft-ml/core/internal/fit/fit-task';
import { compileSteps } from '@graft-ml/core/internal/fit/image-stage';
import { roundsFitOptions } from '@graft-ml/core/internal/recipe/rounds';
import type { OpenWorkers, WorkersOrder } from '@graft-ml/core/internal/runs/run-workers';
import { writeSealed } from '@graft-ml/core/internal/weights/sealed';
import { FolderImages } from '../transfer/folder-images.ts';
import type { Farm } from './farm.ts';
import { type LocalStepsTask, localStepsHandler, measuredSchema, transferOf, type WorkersRun } from './local-steps.ts';
import { readEnd, type Transfer, writeStart } from './round-files.ts';
import { shardOf } from './shard-images.ts';
import { isOutside, type Traffic } from './shards.ts';
import { contentHash, thisMachine } from './shared-program.ts';

/** Options of `workersElsewhere`. */
export interface WorkersElsewhereOptions {
  /** Hears how many bytes a round took between here and the store. What workers fetch and leave there is not in it. */
  readonly onTraffic?: ((traffic: Traffic) => void) | undefined;
}

/**
 * Opens the workers of a run (`workers`, `averageEvery`) on a farm: in each round a job for each of them. A worker is
 * sent the run, its images and the frozen parameters once, and the trained ones in every round; where the same process
 * takes it again in the next round, it goes on at once. All that a round depends on is in the store until the run has
 * saved what came of it: a job that is done again, or after this process was killed, comes to the same bits.
 *
 * Keys are made of the options and the content of images and weights. Two runs that have all of that in common must not
 * share a store at the same time.
 *
 * @example
 * const config = { strategy: 'full', workers: 4, averageEvery: 20 } as const;
 * for await (const event of trainFolder('photos', config, { out: 'runs/x', openWorkers: workersElsewhere(farm) })) …
 */
export function workersElsewhere(farm: Farm, options: WorkersElsewhereOptions = {}): OpenWorkers {
  return async (order) => {
    const { prefix, run, transfer } = await shareRun(farm, order);
    const at = { farm, order, prefix, run, transfer, onTraffic: options.onTraffic ?? (() => {}) };
    return {
      round: (round, values) => takeRound(at, round, values),
      saved: (round) => forget(farm, `${prefix}/rounds/`, (key) => isBefore(key.slice(prefix.length + 8), round)),
      completed: () => forget(farm, `${prefix}/`, () => true),
      [Symbol.asyncDispose]: async () => {},
    };
  };
}

interface Place {
  readonly farm: Farm;
  readonly order: WorkersOrder;
  readonly prefix: string;
  /** The key of the run. */
  readonly run: string;
  readonly transfer: Transfer;
  readonly onTraffic: (traffic: Traffic) => void;
}

/** Puts the run into the store, and everything of it that stays the same. @throws UserError where workers do not see its images */
async function shareRun({ store, ship, reference }: Farm, order: WorkersOrder) {
  const { config, model, onnx, images, shards, rounds, begins } = order;
  const { image, runtime } = model;
  if (!(images instanceof FolderImages) || !image) throw new UserError('workers: they train on images in files.');
  const { base, root } = images.origin.dataset;
  if (ship && images.images.some((each) => isOutside(base, each))) {
    throw new UserError(
      `${root}: its images lie in an unpacked archive, which workers do not see. Unpack it, and name the folder.`,
    );
  }
  // The workers' steps are compiled here first, so that all take the lowerings that are noted with the run.
  const task = fitTask(model, { train: images }, roundsFitOptions(config, rounds, model, images.labels));
  await (await compileSteps(task, 0, runtime)).close();
  const initial = await writeSealed(model.variables, {});
  const machine = await thisMachine();
  const { labels, keys, decoder } = images;
  const { preprocessing, classes } = image;
  const threads = runtime.threads;
  const common = { config, preprocessing, classes: [...classes], labels: [...labels], decoder, machine, threads };
  const contents = [contentHash(initial), onnx && contentHash(onnx), keys, begins];
  const prefix = `local-steps/${contentHash(JSON.stringify([common, contents])).slice(0, 32)}`;
  const put = async (name: string, content: Uint8Array): Promise<string> => {
    const key = `${prefix}/${name}`;
    await store.put(key, content);
    return key;
  };
  const shared: WorkersRun = {
    ...common,
    preprocessing: { ...preprocessing, mean: [...preprocessing.mean], std: [...preprocessing.std] },
    shards: await Promise.all(
      shards.map((own, worker) => {
        const listed = own.map((index) => ({ file: images.images[index]!, index }));
        return put(`shard-${worker}.json`, shardOf(base, listed));
      }),
    ),
    data: await reference(base),
    initial: await put('initial.safetensors', initial),
    onnx: onnx && (await put('model.onnx', onnx)),
    choices: { ...runtime.choices },
  };
  const run = await put('run.json', new TextEncoder().encode(JSON.stringify(shared)));
  return { prefix, run, transfer: transferOf(config, model) };
}

/** What the workers come to in a round; null where the run's signal came first. */
async function takeRound(place: Place, round: number, values: Tensors): Promise<RoundEnd[] | null> {
  const { farm, order, prefix, transfer, onTraffic } = place;
  const { signal, rounds } = order;
  if (signal?.aborted) return null;
  const start = `${prefix}/rounds/${round}/start.safetensors`;
  const content = await writeStart(values, transfer);
  await farm.store.put(start, content);
  onTraffic({ sent: content.length, received: 0 });
  const stop = new AbortController();
  const asked = signal ? AbortSignal.any([signal, stop.signal]) : stop.signal;
  const ends = Array.from({ length: rounds.workers }, (_, worker) =>
    takeTurn(place, { round, worker, start }, values, asked),
  );
  try {
    return await Promise.all(ends);
  } catch (error) {
    if (signal?.aborted && error === signal.reason) return null;
    throw error;
  } finally {
    stop.abort(new Error('local-steps: another worker of the round failed'));
    await Promise.allSettled(ends);
  }
}

/** Where one worker comes to. */
async function takeTurn(
  { farm, order, prefix, run, onTraffic }: Place,
  { round, worker, start }: Pick<LocalStepsTask, 'round' | 'worker' | 'start'>,
  values: Tensors,
  signal: AbortSignal,
): Promise<RoundEnd> {
  const of = (at: number, name: string) => `${prefix}/rounds/${at}/${name}-${worker}.safetensors`;
  const kept = round === order.begins ? null : of(round - 1, 'kept');
  const task: LocalStepsTask = { run, worker, round, start, kept, end: of(round, 'end'), keeps: of(round, 'kept') };
  const name = `local-steps-${prefix.slice(-16)}-${round}-${worker}`;
  // A queue remembers the jobs of an earlier run of the same options, what they made is gone.
  for (let attempt = 1; attempt <= 9; attempt++) {
    const id = attempt === 1 ? name : `${name}-${attempt}`;
    await farm.result({ id, kind: 'local-steps', task }, localStepsHandler.result, signal);
    const bytes = await farm.store.get(task.end);
    if (!bytes) continue;
    onTraffic({ sent: 0, received: bytes.length });
    const end = await readEnd(bytes, values);
    const { loss, sums } = measuredSchema.parse(JSON.parse(end.metadata.measured ?? 'null'));
    return { values: end.values, loss: loss ?? Number.NaN, sums: { accuracy: sums.accuracy ?? 0 } };
  }
  throw new UserError(`${farm.store.place}: ${task.end} is not there, though its job is done.`);
}

/** Whether a file belongs to a round whose end is saved, and is not what the next one begins with. */
function isBefore(path: string, round: number): boolean {
  const [of = '', file = ''] = path.split('/');
  return Number(of) < (file.startsWith('kept-') ? round - 1 : round);
}

async function forget({ store }: Farm, prefix: string, isOld: (key: string) => boolean): Promise<void> {
  const old: string[] = [];
  for await (const key of store.list(prefix)) if (isOld(key)) old.push(key);
  for (const key of old) await store.remove(key);
}
