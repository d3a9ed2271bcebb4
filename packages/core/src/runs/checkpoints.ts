import * as z from 'zod';
import { call, option, placeholder } from '../base/code.ts';
import { inFile, UserError } from '../base/errors.ts';
import { problemsOf } from '../base/schema-problems.ts';
import { parseShallow } from '../base/shallow-json.ts';
import type { Tensors } from '../base/tensor.ts';
import type { Progress } from '../fit/checkpoint.ts';
import { type CheckpointName, checkpointFile, progressSchema } from '../fit/checkpoint-files.ts';
import type { OpenRunStore } from '../fit/run-store.ts';
import { averageName } from '../fit/step.ts';
import type { Safetensors } from '../weights/safetensors.ts';
import { readSealed } from '../weights/sealed.ts';
import { evaluationSchema, type RunKind, type RunRecord } from './run-file.ts';

/** The state from which a run is resumed. */
export interface Last {
  readonly tensors: Tensors;
  readonly phase: Progress;
  /** It holds variables alone, and the optimizer's state begins anew. */
  readonly isFresh?: boolean;
}

const phaseSchema = progressSchema(evaluationSchema);

/** @throws UserError where the checkpoint cannot be read, with what can be done about it */
export async function readRunCheckpoint(
  path: string,
  name: CheckpointName,
  resumedBy: string,
  openStore: OpenRunStore,
): Promise<Safetensors> {
  return orElse(path, name, resumedBy, () => readTensors(path, name, openStore), openStore);
}

/** @throws UserError with the path where the checkpoint cannot be read, or is not what was written */
function readTensors(path: string, name: CheckpointName, openStore: OpenRunStore): Promise<Safetensors> {
  const file = checkpointFile(name);
  return inFile(`${path}/${file}`, async () => readSealed(await openStore(path).read(file)));
}

/** Whether a run has this checkpoint. */
export async function hasCheckpoint(path: string, name: CheckpointName, openStore: OpenRunStore): Promise<boolean> {
  return (await openStore(path).names()).includes(checkpointFile(name));
}

/** Reads a checkpoint of a run. @throws UserError where that fails, with what can be done about it */
export async function orElse<T>(
  path: string,
  name: CheckpointName,
  resumedBy: string,
  read: () => Promise<T>,
  openStore: OpenRunStore,
): Promise<T> {
  return read().catch(async (error: unknown) => {
    if (!(error instanceof UserError)) throw error;
    throw new UserError(`${error.message} ${await adviceFor(path, name, resumedBy, openStore)}`, { cause: error });
  });
}

/** The variables in a state to go on from, as they are evaluated: moving averages in place of those that have one. */
export function variablesOfState(tensors: Tensors): Tensors {
  const own = Object.entries(tensors).filter(([name]) => !/^(optimizer|sum|average)\//.test(name));
  return Object.fromEntries(own.map(([name, value]) => [name, tensors[averageName(name)] ?? value]));
}

/** Advice for a checkpoint that is damaged. */
async function adviceFor(
  path: string,
  damaged: CheckpointName,
  resumedBy: string,
  openStore: OpenRunStore,
): Promise<string> {
  const other = damaged === 'best' ? 'last' : 'best';
  const sound = await readTensors(path, other, openStore).catch(() => null);
  if (sound === null) return `${other}.safetensors beside it cannot be read either.`;
  if (damaged === 'last') {
    return (
      `best.safetensors beside it is sound${epochText(bestOf(sound)?.epoch)}: ${call(resumedBy, [path], { from: 'best' })} goes on ` +
      'from there, with the optimizer’s memory anew.'
    );
  }
  const phase = phaseOf(sound);
  return (
    `last.safetensors beside it is sound${epochText(phase.success ? phase.data.epoch : undefined)}: ` +
    `${option('checkpoint', 'last')} uses that where a run is evaluated, predicts or is exported, and resuming goes ` +
    'on from it.'
  );
}

function epochText(epoch: number | undefined): string {
  return epoch === undefined ? '' : ` (epoch ${epoch})`;
}

function phaseOf({ metadata }: Safetensors) {
  return phaseSchema.safeParse(parseShallow(metadata.phase ?? '', 4));
}

function bestOf({ metadata }: Safetensors) {
  return evaluationSchema.safeParse(parseShallow(metadata.best ?? '', 2)).data;
}

/** The state to go on from. @throws UserError where there is none, or it is damaged. */
export async function readLast(
  path: string,
  { begunBy, resumedBy }: Pick<RunKind<RunRecord>, 'begunBy' | 'resumedBy'>,
  openStore: OpenRunStore,
): Promise<Last> {
  if (!(await hasCheckpoint(path, 'last', openStore))) {
    throw new UserError(
      `${path} has no last.safetensors to go on from: the run ended before its first checkpoint, or the file was ` +
        `removed. ${call(begunBy, [placeholder('folder'), placeholder('run.config')], { out: path, overwrite: true })} ` +
        'starts it anew.',
    );
  }
  const read = await readRunCheckpoint(path, 'last', resumedBy, openStore);
  const phase = phaseOf(read);
  if (!phase.success) {
    throw new UserError(
      `${path}/${checkpointFile('last')} does not say how far the run came: ${problemsOf(phase.error)}.`,
    );
  }
  return { tensors: read.tensors, phase: phase.data };
}

/**
 * The best epoch as a state to go on from, where the last one is damaged or to be given up. What was counted and
 * averaged since is gone; validation losses until then come from the log.
 *
 * @throws UserError where it cannot be read, or does not say which epoch it is
 */
export async function readBest(
  path: string,
  { resumedBy }: Pick<RunKind<RunRecord>, 'resumedBy'>,
  openStore: OpenRunStore,
): Promise<Last> {
  const read = await readRunCheckpoint(path, 'best', resumedBy, openStore);
  const best = bestOf(read);
  if (best === undefined) throw new UserError(`${path}/${checkpointFile('best')} does not say of which epoch it is.`);
  const log = await openStore(path)
    .read('metrics.jsonl')
    .catch(() => new Uint8Array());
  const losses = new TextDecoder()
    .decode(log)
    .split('\n')
    .flatMap((line) => lineSchema.safeParse(parseShallow(line, 32)).data ?? [])
    .filter(({ epoch }) => epoch <= best.epoch)
    .map(({ loss }) => loss);
  const phase = { epoch: best.epoch, step: 0, lossSum: 0, correctSum: 0, losses, best };
  return { tensors: read.tensors, phase, isFresh: true };
}

const lineSchema = z.object({ epoch: z.int(), loss: z.number() });
