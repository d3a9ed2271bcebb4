import { appendFile, mkdir, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import writeFileAtomic from 'write-file-atomic';
import { z } from 'zod';
import { UserError } from '../../base/errors.ts';
import type { Tensors } from '../../base/tensor.ts';
import { readSafetensorsFile, writeSafetensorsFile } from '../../weights/index.ts';
import type { CheckpointStore, Phase } from '../checkpoint.ts';
import { trainConfigSchema } from '../config.ts';
import type { EvaluationEvent } from '../events.ts';
import { describeCheckpoint, preprocessingSchema } from './pretrained.ts';

const evaluationSchema = z.object({ loss: z.number(), accuracy: z.number(), epoch: z.int() });

/** `run.json`: what the run is. Enough to repeat it. */
export const runSchema = z.object({
  graft: z.string(),
  status: z.enum(['running', 'interrupted', 'done']),
  config: trainConfigSchema,
  folder: z.string(),
  classes: z.array(z.string()),
  preprocessing: preprocessingSchema,
  batchNorm: z.string(),
  dataset: z.object({
    fingerprint: z.string(),
    train: z.int(),
    validation: z.int(),
    test: z.int(),
    leftOut: z.array(z.object({ path: z.string(), kind: z.string() })),
  }),
  parameters: z.object({ total: z.int(), trained: z.int() }),
  versions: z.object({ node: z.string(), onnxruntime: z.string() }),
  device: z.string(),
  threads: z.int(),
  /** The lowerings that were chosen by timing. With them a run is repeated to the bit. */
  choices: z.record(z.string(), z.string()),
  best: evaluationSchema.nullable(),
});

export type Run = z.output<typeof runSchema>;

const phaseSchema = z.object({
  epoch: z.int().min(0),
  step: z.int().min(0),
  lossSum: z.number(),
  correctSum: z.number(),
  best: evaluationSchema.nullable(),
});

/** A run on disk: `run.json`, `metrics.jsonl`, `best.safetensors`, `last.safetensors`. Every file is replaced whole. */
export class RunFolder implements CheckpointStore {
  readonly path: string;
  readonly #frozen: Tensors;
  #run: Run;

  private constructor(path: string, run: Run, frozen: Tensors) {
    this.path = path;
    this.#run = run;
    this.#frozen = frozen;
  }

  /**
   * A new run. `frozen` are tensors of the model that training does not see: they complete `best.safetensors`.
   * @throws UserError where a run stands there already.
   */
  static async create(
    path: string,
    run: Run,
    frozen: Tensors,
    { overwrite }: { overwrite: boolean },
  ): Promise<RunFolder> {
    if (!overwrite && (await exists(join(path, 'run.json')))) {
      throw new UserError(
        `${path} already holds a run. Pass --resume to go on with it, --overwrite to replace it, or another --out.`,
      );
    }
    await mkdir(path, { recursive: true });
    for (const name of ['metrics.jsonl', 'best.safetensors', 'last.safetensors'])
      await rm(join(path, name), { force: true });
    const folder = new RunFolder(path, run, frozen);
    await folder.update({});
    return folder;
  }

  /** A run that is to go on. Lines of the log that are ahead of the checkpoint are dropped: those epochs come again. */
  static async reopen(path: string, run: Run, frozen: Tensors, completedEpochs: number): Promise<RunFolder> {
    await dropMetricsAfter(join(path, 'metrics.jsonl'), completedEpochs);
    const folder = new RunFolder(path, run, frozen);
    await folder.update({ status: 'running' });
    return folder;
  }

  get run(): Run {
    return this.#run;
  }

  async update(change: Partial<Run>): Promise<void> {
    this.#run = { ...this.#run, ...change };
    await writeFileAtomic(join(this.path, 'run.json'), `${JSON.stringify(this.#run, null, 2)}\n`);
  }

  async saveLast(tensors: Tensors, phase: Phase): Promise<void> {
    await writeSafetensorsFile(join(this.path, 'last.safetensors'), tensors, { phase: JSON.stringify(phase) });
  }

  async saveBest(tensors: Tensors, best: z.output<typeof evaluationSchema>): Promise<void> {
    const { config, classes, preprocessing } = this.#run;
    await writeSafetensorsFile(
      join(this.path, 'best.safetensors'),
      { ...this.#frozen, ...tensors },
      { ...describeCheckpoint(config.model, classes, preprocessing), best: JSON.stringify(best) },
    );
  }

  async log(event: EvaluationEvent, learningRate: number): Promise<void> {
    const { kind: _, ...metrics } = event;
    await appendFile(join(this.path, 'metrics.jsonl'), `${JSON.stringify({ ...metrics, learningRate })}\n`);
  }
}

/** Reads `run.json`. @throws UserError where there is none, or it is not one of ours. */
export async function readRun(path: string): Promise<Run> {
  const file = join(path, 'run.json');
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch {
    throw new UserError(`${path} is not a run: it has no run.json. \`graft train <folder> --out ${path}\` makes one.`);
  }
  const run = runSchema.safeParse(parseJson(text));
  if (!run.success) throw new UserError(`${file} is damaged: ${z.prettifyError(run.error)}`);
  return run.data;
}

/** The state to go on from. @throws UserError where there is none yet. */
export async function readLast(path: string): Promise<{ tensors: Tensors; phase: Phase }> {
  const file = join(path, 'last.safetensors');
  if (!(await exists(file))) {
    throw new UserError(
      `${path} has no checkpoint yet: the run ended before its first one. Start it anew with --overwrite.`,
    );
  }
  const { tensors, metadata } = await readSafetensorsFile(file);
  const phase = phaseSchema.safeParse(parseJson(metadata.phase ?? ''));
  if (!phase.success) throw new UserError(`${file} does not say how far the run came: ${z.prettifyError(phase.error)}`);
  return { tensors, phase: phase.data };
}

async function dropMetricsAfter(path: string, epoch: number): Promise<void> {
  const text = await readFile(path, 'utf8').catch(() => '');
  const kept = text
    .split('\n')
    .filter(
      (line) =>
        (z.object({ epoch: z.int() }).safeParse(parseJson(line)).data?.epoch ?? Number.POSITIVE_INFINITY) <= epoch,
    );
  await writeFileAtomic(path, kept.map((line) => `${line}\n`).join(''));
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
