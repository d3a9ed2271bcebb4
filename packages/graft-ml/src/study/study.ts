import { join } from 'node:path';
import { isJsonObject, parseShallow } from '@graft-ml/core/internal/base/shallow-json';
import { groupBy } from '@graft-ml/core/internal/image/group-by';
import { bestTrial, type Direction, type Parameters, type Trial } from '@graft-ml/core/internal/study/study';
import { z } from 'zod';
import { isSignedByUser, signAsUser } from '../files/user-key.ts';
import { damaged, type Rows, readCopy, studyFile } from './database.ts';
import { checkedStudy, directionOf, type StudyDefinition } from './definition.ts';
import { momentOf, numberOfColumns, states, storedValue } from './optuna.ts';
import { format } from './schema.ts';

/** How a study stands: under way or killed, stopped, or at its end. */
export type StudyStatus = 'running' | 'interrupted' | 'done';

/** The numbers of a validation. */
export interface RunNumbers {
  /** In [0, 1]. */
  readonly accuracy: number;
  readonly loss: number;
}

/** The validation of a run after an epoch. */
export interface RunReport extends RunNumbers {
  /** The time that the epoch took, its validation included. */
  readonly seconds: number;
}

/** A run of a trial: an ordinary run folder. */
export interface StudyRun {
  /** The name of its folder in the study's: `trial-0007`, or `trial-0007-seed-1`. */
  readonly name: string;
  readonly path: string;
  readonly seed: number;
  /** The number of its trained parameters; null before its end. */
  readonly trained: number | null;
  /** Its best epoch; null before its end. */
  readonly best: (RunNumbers & { readonly epoch: number }) | null;
  /** Its validation after each epoch, or in meta-learning after each so many meta-steps, by their number. */
  readonly reports: ReadonlyMap<number, RunReport>;
}

/** A trial with its runs. */
export interface StudyTrial extends Trial {
  readonly runs: readonly StudyRun[];
  readonly started: Date | null;
  readonly ended: Date | null;
  /** The time that its runs took, one after the other; 0 before its end. */
  readonly seconds: number;
  /** Why it failed; null where it has not. */
  readonly message: string | null;
}

/**
 * What the best trial came to on a test side, by which nothing was chosen. Its validation number was the best of many:
 * it is optimistic.
 */
export interface StudyTest {
  /** The trial, and its run with the best validation. */
  readonly trial: number;
  readonly run: string;
  readonly accuracy: number;
  /** The 95 % interval. */
  readonly interval: readonly [low: number, high: number];
  /** How many test images, or in meta-learning episodes of test classes. */
  readonly count: number;
  readonly of: 'images' | 'episodes';
}

/** A study as its folder holds it. */
export interface Study {
  readonly path: string;
  readonly definition: StudyDefinition;
  readonly direction: Direction;
  readonly status: StudyStatus;
  /** For how long it has run. */
  readonly seconds: number;
  /** In the order of their numbers. */
  readonly trials: readonly StudyTrial[];
  /** The complete trial with the best value; null where there is none. */
  readonly best: StudyTrial | null;
  /** Null before the end, and where the dataset has no test side. */
  readonly test: StudyTest | null;
  /** Whether this user began it on this machine, so that the paths in it may be opened. */
  readonly isOwn: boolean;
}

const numberOrNull = z.number().nullable();

const studyRow = z.object({
  format: z.int(),
  definition: z.string().max(10_000_000),
  signature: z.string().max(1000).nullable(),
  status: z.enum(['running', 'interrupted', 'done']),
  seconds: z.number().min(0),
  test: z.string().max(10_000).nullable(),
});

const testSchema: z.ZodType<StudyTest> = z.object({
  trial: z.int().min(0),
  run: z.string(),
  accuracy: z.number(),
  interval: z.tuple([z.number(), z.number()]),
  count: z.int(),
  of: z.enum(['images', 'episodes']),
});

const id = z.int();
const trialRow = z.object({
  id,
  number: z.int().min(0),
  state: z.enum(Object.keys(states) as [keyof typeof states]),
  start: z.string().max(40).nullable(),
  complete: z.string().max(40).nullable(),
  seconds: z.number().min(0),
  message: z.string().max(100_000).nullable(),
});
const parameterRow = z.object({ id, name: z.string().max(512), value: z.number() });
const valueRow = z.object({ id, value: numberOrNull, kind: z.string().max(10) });
const intermediateRow = valueRow.extend({ step: z.int() });
const runRow = z.object({
  id,
  // A name that leads nowhere else.
  folder: z.string().regex(/^trial-\d{4,9}(-seed-\d{1,16})?$/),
  seed: z.int(),
  trained: z.int().nullable(),
  accuracy: numberOrNull,
  loss: numberOrNull,
  epoch: z.int().nullable(),
});
const reportRow = z.object({
  folder: z.string(),
  step: z.int(),
  accuracy: numberOrNull,
  loss: numberOrNull,
  seconds: z.number(),
});

/**
 * Reads a study: its definition, its trials and the best of them. Another process may be running it.
 *
 * @param out the study's folder
 * @throws UserError where there is none, or it is damaged
 * @example const { best } = await openStudy('runs/study');
 */
export async function openStudy(out: string): Promise<Study> {
  const path = join(out, studyFile);
  const { study, ...read } = await readCopy(out, (rows) => readAll(rows, path));
  const content = parseShallow(study.definition, 12);
  if (study.format !== format) throw damaged(path, `it is of format ${study.format}, and this version reads ${format}`);
  if (!isJsonObject(content)) throw damaged(path, 'its definition is not JSON');
  const definition = checkedStudy(content);
  const direction = directionOf(definition);
  const trials = trialsOf(read, definition, out);
  const best = bestTrial({ space: definition.space, direction, trials });
  const test = study.test === null ? null : testSchema.safeParse(parseShallow(study.test, 4));
  return {
    path: out,
    definition,
    direction,
    status: study.status,
    seconds: study.seconds,
    trials,
    best: trials.find(({ number }) => number === best?.number) ?? null,
    test: test?.data ?? null,
    isOwn: await isSignedByUser(signedText(definition), study.signature),
  };
}

function readAll(rows: Rows, path: string) {
  const [study] = rows(studyRow, 'SELECT format, definition, signature, status, seconds, test FROM graft_study');
  if (!study) throw damaged(path, 'it has no definition');
  const joined = 'JOIN trials USING (trial_id) WHERE study_id = 1';
  return {
    study,
    trials: rows(
      trialRow,
      'SELECT trial_id AS id, number, state, datetime_start AS start, datetime_complete AS complete, seconds, message ' +
        'FROM trials JOIN graft_trials USING (trial_id) WHERE study_id = 1 ORDER BY number',
    ),
    parameters: rows(
      parameterRow,
      `SELECT trial_id AS id, param_name AS name, param_value AS value FROM trial_params ${joined}`,
    ),
    values: rows(
      valueRow,
      `SELECT trial_id AS id, value, value_type AS kind FROM trial_values ${joined} AND objective = 0`,
    ),
    intermediate: rows(
      intermediateRow,
      'SELECT trial_id AS id, step, intermediate_value AS value, intermediate_value_type AS kind ' +
        `FROM trial_intermediate_values ${joined} ORDER BY step`,
    ),
    runs: rows(
      runRow,
      'SELECT trial_id AS id, folder, seed, trained, accuracy, loss, epoch FROM graft_runs ORDER BY trial_id, seed',
    ),
    reports: rows(reportRow, 'SELECT folder, step, accuracy, loss, seconds FROM graft_reports ORDER BY folder, step'),
  };
}

type Read = Omit<ReturnType<typeof readAll>, 'study'>;

function trialsOf(read: Read, { space }: StudyDefinition, out: string): StudyTrial[] {
  const byId = <T extends { id: number }>(rows: readonly T[]) => groupBy(rows, (row) => row.id);
  const parameters = byId(read.parameters);
  const values = byId(read.values);
  const intermediate = byId(read.intermediate);
  const runs = byId(read.runs);
  const reports = groupBy(read.reports, ({ folder }) => folder);
  return read.trials.map((trial): StudyTrial => {
    const [value] = values.get(trial.id) ?? [];
    const steps = intermediate.get(trial.id) ?? [];
    return {
      number: trial.number,
      state: states[trial.state],
      parameters: parametersOf(parameters.get(trial.id) ?? [], space),
      intermediate: new Map(steps.map((row) => [row.step, numberOfColumns(row.value, row.kind)])),
      value: value ? numberOfColumns(value.value, value.kind) : null,
      runs: (runs.get(trial.id) ?? []).map((run) => runOf(run, reports.get(run.folder) ?? [], out)),
      started: momentOf(trial.start),
      ended: momentOf(trial.complete),
      seconds: trial.seconds,
      message: trial.message,
    };
  });
}

function parametersOf(rows: readonly z.output<typeof parameterRow>[], space: StudyDefinition['space']): Parameters {
  // In the order of the space, and without what an option cannot have: the file may have been changed.
  const stored = new Map(rows.map(({ name, value }) => [name, value]));
  const known = Object.entries(space).flatMap(([option, distribution]) => {
    const number = stored.get(option);
    const value = number === undefined ? undefined : storedValue(distribution, number);
    return value === undefined ? [] : [[option, value] as const];
  });
  return Object.fromEntries(known);
}

function runOf(
  { folder, seed, trained, accuracy, loss, epoch }: z.output<typeof runRow>,
  reports: readonly z.output<typeof reportRow>[],
  out: string,
): StudyRun {
  const hasEnded = epoch !== null;
  return {
    name: folder,
    path: join(out, folder),
    seed,
    trained,
    best: hasEnded ? { accuracy: accuracy ?? Number.NaN, loss: loss ?? Number.NaN, epoch } : null,
    reports: new Map(
      reports.map(({ step, seconds, ...row }) => [
        step,
        { accuracy: row.accuracy ?? Number.NaN, loss: row.loss ?? Number.NaN, seconds },
      ]),
    ),
  };
}

/** The signature by which the paths and options of a study are known as this user's. Null where this user has no key. */
export function signStudy(definition: StudyDefinition): Promise<string | null> {
  return signAsUser(signedText(definition));
}

function signedText(definition: StudyDefinition): string {
  return JSON.stringify(['study', definition]);
}
