import { join, resolve } from 'node:path';
import { call, option } from '@graft-ml/core/internal/base/code';
import { UserError } from '@graft-ml/core/internal/base/errors';
import { longestOwnJson, parseOwnJson } from '@graft-ml/core/internal/base/own-json';
import { problemsOf } from '@graft-ml/core/internal/base/schema-problems';
import { lineChartSvg } from '@graft-ml/core/internal/chart/index';
import type { EpisodeShape } from '@graft-ml/core/internal/meta/episode';
import { isOnnx } from '@graft-ml/core/internal/models/index';
import {
  type MetaConfig,
  type MetaConfigInput,
  metaConfigSchema,
  parseMetaConfig,
  resolveMetaConfig,
} from '@graft-ml/core/internal/recipe/meta/index';
import type { MetaRun } from '@graft-ml/core/internal/runs/meta-run';
import { isWeightsFile } from '@graft-ml/core/internal/runs/named-paths';
import { z } from 'zod';
import { parseJson } from '../files/read.ts';
import { isSignedByUser, signAsUser } from '../files/user-key.ts';
import type { Executor } from '../jobs/executor.ts';
import { downloadTask } from '../jobs/train-job.ts';
import { readMetaRun } from '../meta/read-meta-run.ts';
import { type MetaTest, testMeta } from '../meta/test-meta.ts';
import { type MetaEvent, resumeMeta, type TrainMetaOptions, trainMeta } from '../meta/train-meta.ts';
import { type OpenRunStore, openRunStore, type RunStore } from '../runs/run-store.ts';
import { withoutTexts } from '../text/options.ts';
import { type Batch, type ElsewhereEvent, type MemberEvent, runBatch } from './batch.ts';
import { type Comparison, type ComparisonRow, comparisonChart, comparisonMarkdown } from './comparison.ts';

/** One of those that are compared. */
export interface Contestant {
  /** Names its run folder, and its row of the table. */
  readonly name: string;
  readonly config: MetaConfigInput;
}

/** A contestant's run begins, is resumed, or is there already. Its events follow. */
export interface ContestantEvent {
  readonly kind: 'contestant';
  readonly name: string;
  /** The number of the contestant, from 1. */
  readonly index: number;
  readonly of: number;
  readonly out: string;
}

/** Event: all are trained and tested. */
export interface ComparisonEvent extends Comparison {
  readonly kind: 'comparison';
  readonly out: string;
}

export type CompareEvent = ContestantEvent | ComparisonEvent | MetaEvent | ElsewhereEvent;

export interface CompareOptions extends Omit<TrainMetaOptions, 'choices' | 'loggers'> {
  /** Test episodes. Default 600. */
  readonly episodes?: number | undefined;
  readonly onTest?: ((done: number, total: number) => void) | undefined;
  /**
   * Trains the contestants at once, as jobs in folders of `out`: `localExecutor({ root: out })`, or `queueExecutor`. It
   * stays its owner's. Default: this process, one after the other. Testing is this process's.
   */
  readonly executor?: Executor | undefined;
}

const planFile = 'compare.json';

/** The name of a folder beside the file: a comparison may have come from elsewhere, and must not lead anywhere else. */
const plainName = /^(?!\.)[^/\\\0]+$/;

const intervalSchema = z.object({ mean: z.number(), margin: z.number(), deviation: z.number() });

const rowSchema = z.object({
  name: z.string(),
  learner: z.string(),
  model: z.string(),
  parameters: z.int(),
  episodes: z.int(),
  accuracy: intervalSchema,
  perStep: z.array(z.object({ steps: z.int(), accuracy: intervalSchema, loss: intervalSchema })),
  validation: z.number(),
  seconds: z.number(),
  curve: z.array(z.tuple([z.int(), z.number()])),
});

const planSchema = z.object({
  folder: z.string(),
  episodes: z.int().nullable(),
  /** The signature by which its user named the paths in it. */
  signature: z.string().nullable().default(null),
  contestants: z.array(
    z.object({ name: z.string().regex(plainName), config: z.preprocess(withoutTexts, metaConfigSchema) }),
  ),
  /** The rows of those that were tested. One that cannot be read is tested again. */
  rows: z.array(rowSchema).default([]).catch([]),
  shape: z.object({ way: z.int(), shots: z.int(), queries: z.int() }).nullable().default(null).catch(null),
});

/** What is compared, and the results so far. */
interface Plan {
  readonly folder: string;
  readonly episodes: number | null;
  readonly contestants: readonly { readonly name: string; readonly config: MetaConfig }[];
  readonly rows: readonly ComparisonRow[];
  readonly shape: EpisodeShape | null;
}

/** A comparison as `compare.json` records it. */
export interface RecordedComparison extends Plan {
  readonly signature: string | null;
}

/**
 * Trains several learners on the same episodes, tests them on the same others, and makes one table: `compare.json`,
 * `compare.md` and `compare.svg` (validation accuracy against meta-steps) beside a run folder for each.
 *
 * @throws UserError where their episodes would differ, or anything is wrong with one of them
 */
export async function* compareLearners(
  folder: string,
  contestants: readonly Contestant[],
  options: CompareOptions,
): AsyncGenerator<CompareEvent, void, undefined> {
  const { out, overwrite = false, episodes } = options;
  const parsed = contestants.map(({ name, config }) => ({ name, config: parseMetaConfig(config) }));
  for (const { config } of parsed) resolveMetaConfig(config); // what is wrong with one is said before any is trained
  assertComparable(parsed);
  if (!overwrite && (await (options.openStore ?? openRunStore)(out).names()).includes(planFile)) {
    throw new UserError(
      `${out} already holds a comparison. ${call('resumeComparison', [out])} goes on with it; pass ` +
        `${option('overwrite', true)} to replace it, or another ${option('out')}.`,
    );
  }
  const plan = { folder: resolve(folder), episodes: episodes ?? null, contestants: parsed, rows: [], shape: null };
  yield* remaining(plan, options, { isNew: true });
}

/** Whether a folder is of a comparison. */
export async function holdsComparison(out: string, openStore: OpenRunStore = openRunStore): Promise<boolean> {
  return (await openStore(out).names()).includes(planFile);
}

/** The comparison in a store. @throws UserError where there is none, or its record cannot be read */
export async function readComparison(out: string, openStore: OpenRunStore = openRunStore): Promise<RecordedComparison> {
  const file = join(out, planFile);
  const read = async () => parseOwnJson(await openStore(out).read(planFile, longestOwnJson), file);
  const json = await read().catch((error: Error) => {
    throw new UserError(`${out} is no comparison: ${error.message}`, { cause: error });
  });
  const plan = planSchema.safeParse(json);
  if (!plan.success) throw new UserError(`${file} is damaged: ${problemsOf(plan.error)}.`);
  return plan.data;
}

/** Options for resuming a comparison. */
export interface ResumeComparisonOptions extends Omit<CompareOptions, 'out' | 'overwrite' | 'episodes'> {
  /** The present path of the dataset. Default: its path then. */
  readonly data?: string | undefined;
}

/** Goes on with a comparison: with the run under way, then with those that are still to come. */
export async function* resumeComparison(
  out: string,
  { data, ...options }: ResumeComparisonOptions = {},
): AsyncGenerator<CompareEvent, void, undefined> {
  const plan = await readComparison(out, options.openStore);
  const folder = await usableFolder(out, plan, data);
  yield* remaining({ ...plan, folder }, { ...options, out }, { isNew: false });
}

/** The dataset as it is named now, or was named by this user. @throws UserError where neither is so */
async function usableFolder(out: string, plan: RecordedComparison, data: string | undefined): Promise<string> {
  if (await isSignedByUser(placesOf(plan), plan.signature)) return data === undefined ? plan.folder : resolve(data);
  const foreign =
    `${out} was not made by you on this machine (or by a version of Graft before 0.2), so that the places it ` +
    'names are not opened unasked.';
  const file = plan.contestants
    .flatMap(({ config: { model, weights } }) => [
      ...(model !== null && isOnnx(model) ? [model] : []),
      ...(isWeightsFile(weights, model) ? [weights] : []),
    ])
    .at(0);
  if (file !== undefined) throw new UserError(`${foreign} It says ${file}: begin a comparison of your own.`);
  if (data === undefined)
    throw new UserError(`${foreign} Pass ${option('data')} with the folder of its images; it says ${plan.folder}.`);
  return resolve(data);
}

/** The part of a plan that is signed. */
function placesOf({ folder, contestants }: Pick<Plan, 'folder' | 'contestants'>): string {
  const places = contestants.map(({ name, config: { model, weights } }) => [name, model, weights]);
  return JSON.stringify(['comparison', folder, places]);
}

async function* remaining(
  { folder, episodes, contestants, rows, shape: known }: Plan,
  { executor, ...options }: CompareOptions,
  { isNew }: { readonly isNew: boolean },
): AsyncGenerator<CompareEvent, void, undefined> {
  const { out, overwrite, openStore = openRunStore, signal, cache, decoder, backend, onPreparation, onTest } = options;
  const configs = new Map(contestants.map(({ name, config }) => [name, config]));
  const signature = await signAsUser(placesOf({ folder, contestants }));
  let shape: EpisodeShape | null = known;
  const summary = (results: ReadonlyMap<string, ComparisonRow>) => {
    const all = [...results.values()];
    const isWhole = all.length === contestants.length;
    return { ...(shape && { shape }), rows: all, episodes: isWhole ? all[0]!.episodes : episodes };
  };
  const batch: Batch<MetaEvent, ComparisonRow> = {
    file: planFile,
    members: [...configs.keys()],
    results: new Map(shape ? rows.flatMap((row) => (configs.has(row.name) ? [[row.name, row] as const] : [])) : []),
    train: (name, path) => trainMeta(folder, configs.get(name)!, { ...options, out: path, overwrite: true }),
    resume: (_, path) => {
      const { overwrite: _overwrite, ...others } = options;
      return resumeMeta(path, { ...others, data: folder });
    },
    job: (name) => ({
      id: name,
      kind: 'meta-train',
      task: { data: { path: folder, sha256: null }, config: configs.get(name)!, ...downloadTask(options.download) },
    }),
    async state(_, path) {
      const run = await readMetaRun(path, openStore).catch(() => null);
      return run === null ? 'none' : run.status === 'done' ? 'done' : 'begun';
    },
    async result(name, path) {
      const test = await testMeta(path, {
        ...{
          episodes: episodes ?? undefined,
          signal,
          cache,
          decoder,
          backend,
          openStore,
          onPreparation,
          onProgress: onTest,
        },
      });
      shape ??= test.shape;
      return rowOf(name, openStore(path), test, await readMetaRun(path, openStore));
    },
    record: (results) => ({ folder, contestants, signature, ...summary(results) }),
  };
  const results = yield* asContestants(runBatch(batch, { out, isNew, overwrite, openStore, executor, signal }));
  if (!results || !shape) return;
  const comparison: Comparison = { ...summary(results), shape, episodes: [...results.values()][0]!.episodes };
  const store = openStore(out);
  await store.replace('compare.md', comparisonMarkdown(comparison));
  await store.replace('compare.svg', await lineChartSvg(comparisonChart(comparison)));
  yield { kind: 'comparison', out, ...comparison };
}

/** The members of the batch are contestants. */
async function* asContestants<T>(
  events: AsyncGenerator<MemberEvent | MetaEvent | ElsewhereEvent, T, undefined>,
): AsyncGenerator<ContestantEvent | MetaEvent | ElsewhereEvent, T, undefined> {
  for (;;) {
    const { value, done } = await events.next();
    if (done) return value;
    yield value.kind === 'member' ? { ...value, kind: 'contestant' } : value;
  }
}

/** The result of a run that was tested. @throws UserError where its log is damaged */
export async function rowOf(
  name: string,
  store: RunStore,
  test: MetaTest,
  { best, parameters }: Pick<MetaRun, 'best' | 'parameters'>,
): Promise<ComparisonRow> {
  const log = Buffer.from(await store.read('metrics.jsonl')).toString('utf8');
  const lines = log.split('\n').filter((line) => line !== '');
  const epochs = lines.map((line, i) => {
    const parsed = epochSchema.safeParse(parseJson(line));
    if (parsed.success) return parsed.data;
    throw new UserError(
      `${join(store.path, 'metrics.jsonl')}, line ${i + 1}, is damaged: ${problemsOf(parsed.error)}.`,
    );
  });
  return {
    ...{ name, learner: test.learner, model: test.model, episodes: test.episodes },
    ...{ accuracy: test.accuracy, perStep: test.perStep, parameters: parameters.total },
    validation: best!.accuracy,
    seconds: epochs.reduce((sum, { seconds }) => sum + seconds, 0),
    curve: epochs.map(({ step, accuracy }) => [step, accuracy] as const),
  };
}

const epochSchema = z.object({ step: z.int(), accuracy: z.number(), seconds: z.number() });

/** The options that decide the episodes: the same for all. */
const shared = ['way', 'shots', 'queries', 'split', 'rotations', 'fixedLabels', 'seed', 'imageSize'] as const;

/** @throws UserError where two contestants have one name, or would be given different episodes */
function assertComparable(contestants: Plan['contestants']): void {
  if (contestants.length < 2)
    throw new UserError('meta compare: there is nothing to compare: name two learners or more.');
  const [first, ...others] = contestants;
  for (const { name, config } of others) {
    const key = shared.find((one) => config[one] !== first!.config[one]);
    if (key === undefined) continue;
    throw new UserError(
      `meta compare: ${first!.name} and ${name} would see different episodes: ${key} is ${first!.config[key]} ` +
        `and ${config[key]}.`,
    );
  }
  const twice = contestants.find(({ name }, i) => contestants.findIndex((other) => other.name === name) !== i);
  if (twice) throw new UserError(`meta compare: ${twice.name} is named twice.`);
}
