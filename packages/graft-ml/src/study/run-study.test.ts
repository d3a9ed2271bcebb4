import { mkdirSync, mkdtempSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { hparamsFile } from '@graft-ml/core/internal/fit/loggers/names';
import { expect, test } from 'vitest';
import { temporaryFolder } from '../../../../test/images.ts';
import type { Executor, JobEvent } from '../jobs/executor.ts';
import type { Job } from '../jobs/job.ts';
import type { StudyDefinitionInput } from './definition.ts';
import { resumeStudy, runStudy } from './run-study.ts';
import { openStudy, type Study } from './study.ts';
import type { StudyEvent } from './study-events.ts';

const root = temporaryFolder();
const newFolder = () => mkdtempSync(join(root, 'study-'));

/** A task as a study submits it. */
interface Task {
  readonly config: { readonly learningRate: number; readonly seed: number; readonly optimizer: string };
}

interface Situation {
  readonly concurrency: number;
  /** Milliseconds from one epoch of a run to the next: runs overtake each other. */
  readonly pace?: (task: Task['config'], epoch: number) => number;
  /** The process ends, as by SIGKILL, when so many reports have been told. */
  readonly killedAfter?: number;
  /** Epochs that runs had when an earlier process was killed, by job. */
  readonly kept?: Map<string, number>;
  readonly fails?: (task: Task['config']) => string | null;
  /** The folder of the folders of runs. */
  readonly folders?: string;
}

const epochs = 3;

/** A training whose validation accuracy is a formula of its options: best at a learning rate of 0.01. */
function accuracyOf({ learningRate, seed, optimizer }: Task['config'], epoch: number): number {
  const distance = Math.abs(Math.log10(learningRate / 0.01));
  return (0.9 - 0.2 * distance - (optimizer === 'sgd' ? 0.1 : 0)) * (1 - 0.5 ** epoch) + 0.001 * seed;
}

class Killed extends Error {}

/** Does jobs by that formula, so many at once, in this process. */
function formulas({
  concurrency,
  pace = () => 0,
  killedAfter,
  kept = new Map(),
  fails,
  folders = '',
}: Situation): Executor {
  const told: JobEvent[] = [];
  const waiting: Job[] = [];
  const cancelled = new Set<string>();
  let [active, reports, isOver, isKilled, wake] = [0, 0, false, false, () => {}];
  const tell = (event: JobEvent) => {
    if (isKilled) return;
    told.push(event);
    if (event.kind === 'report' && ++reports === killedAfter) isKilled = true;
    wake();
  };
  const work = async ({ id, task }: Job) => {
    const { config } = task as Task;
    tell({ kind: 'started', id, attempt: 1, worker: 'formula' });
    const message = fails?.(config) ?? null;
    if (message !== null) return tell({ kind: 'failed', id, message });
    for (let epoch = 1; epoch <= epochs; epoch++) {
      const isRepeated = epoch <= (kept.get(id) ?? 0);
      if (!isRepeated) await delay(pace(config, epoch));
      if (isKilled) return;
      kept.set(id, Math.max(kept.get(id) ?? 0, epoch));
      const accuracy = accuracyOf(config, epoch);
      tell({ kind: 'report', id, report: { kind: 'evaluation', epoch, accuracy, loss: 1 - accuracy, seconds: 0.5 } });
      if (cancelled.has(id)) return tell({ kind: 'cancelled', id });
    }
    const accuracy = accuracyOf(config, epochs);
    const best = { accuracy, loss: 1 - accuracy, epoch: epochs };
    tell({ kind: 'done', id, result: { best, parameters: { trained: 100 } } });
  };
  const pump = () => {
    while (active < concurrency && waiting.length > 0) {
      active++;
      void work(waiting.shift()!).finally(() => {
        active--;
        pump();
      });
    }
  };
  return {
    concurrency: async () => concurrency,
    async submit(job) {
      waiting.push(job);
      pump();
    },
    async *events() {
      for (;;) {
        while (told.length > 0) yield told.shift()!;
        if (isKilled) throw new Killed();
        if (isOver) return;
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    },
    async cancel(id) {
      cancelled.add(id);
    },
    async resume(id) {
      cancelled.delete(id);
    },
    folder: async (id) => join(folders, id),
    async close() {
      isOver = true;
      wake();
    },
    async [Symbol.asyncDispose]() {
      await this.close();
    },
  };
}

const rate = { kind: 'float', low: 1e-5, high: 1, log: true } as const;

const definition: StudyDefinitionInput = {
  data: root,
  space: {
    learningRate: rate,
    optimizer: { kind: 'categorical', choices: ['sgd', 'adamw'] },
    momentum: { kind: 'float', low: 0, high: 0.9 },
  },
  options: { epochs },
  sampler: { kind: 'tpe', startupTrials: 4 },
  pruner: { kind: 'asha', reductionFactor: 2 },
  budget: { trials: 12 },
  parallel: 4,
};

async function eventsOf(events: AsyncIterable<StudyEvent>): Promise<StudyEvent[]> {
  const all: StudyEvent[] = [];
  for await (const event of events) all.push(event);
  return all;
}

/** What a study has come to, without when and where. */
function tableOf({ trials }: Study) {
  return trials.map(({ number, state, parameters, value, intermediate, message, runs }) => ({
    ...{ number, state, parameters, value, message, intermediate: [...intermediate] },
    runs: runs.map(({ name, seed, best }) => ({ name, seed, best })),
  }));
}

async function studyOf(input: StudyDefinitionInput, situation: Situation, out = newFolder()): Promise<Study> {
  await eventsOf(runStudy(input, { out, executor: formulas(situation), test: false }));
  return openStudy(out);
}

test('a study finds the better options, prunes the worse ones, and says so', async () => {
  const out = newFolder();
  const events = await eventsOf(runStudy(definition, { out, executor: formulas({ concurrency: 2 }), test: false }));
  const study = await openStudy(out);
  expect(study.status).toBe('done');
  expect(study.trials).toHaveLength(12);
  const pruned = study.trials.filter(({ state }) => state === 'pruned');
  expect(pruned.length).toBeGreaterThan(2);
  expect(pruned.every(({ intermediate, value }) => [...intermediate.values()].at(-1) === value)).toBe(true);
  expect(study.best!.value).toBeGreaterThan(0.7);
  expect(study.best!.parameters.optimizer).toBe('adamw');
  const kinds = events.map(({ kind }) => kind);
  expect([kinds[0], kinds.at(-1)]).toEqual(['study', 'end']);
  expect(kinds.filter((kind) => kind === 'pruned')).toHaveLength(pruned.length);
  const bests = events.filter((event) => event.kind === 'best').map(({ value }) => value);
  expect(bests).toEqual(bests.toSorted((a, b) => a - b));
  expect(bests.at(-1)).toBe(study.best!.value);
});

test('the same study, whichever trials overtake each other and however many are done at once', async () => {
  const one = tableOf(await studyOf(definition, { concurrency: 1 }));
  for (const concurrency of [2, 5]) {
    const pace = ({ learningRate }: Task['config'], epoch: number) => (learningRate * 1e5 * epoch * concurrency) % 5;
    expect(tableOf(await studyOf(definition, { concurrency, pace }))).toEqual(one);
  }
});

test('killed again and again and resumed, a study comes to the same end', async () => {
  const whole = tableOf(await studyOf(definition, { concurrency: 2 }));
  const out = newFolder();
  const kept = new Map<string, number>();
  const killed = { concurrency: 2, killedAfter: 7, kept };
  await expect(eventsOf(runStudy(definition, { out, executor: formulas(killed) }))).rejects.toThrow(Killed);
  for (let kills = 0; (await openStudy(out)).status !== 'done'; kills++) {
    expect(kills).toBeLessThan(20);
    const resumed = resumeStudy(out, { executor: formulas({ ...killed, killedAfter: 13 }), test: false });
    await eventsOf(resumed).catch((error: unknown) => expect(error).toBeInstanceOf(Killed));
  }
  expect(tableOf(await openStudy(out))).toEqual(whole);
});

test('a study that is stopped by its signal is resumed, one that is complete only with a larger budget', async () => {
  const out = newFolder();
  const controller = new AbortController();
  const executor = formulas({ concurrency: 2 });
  const events: StudyEvent[] = [];
  for await (const event of runStudy(definition, { out, executor, signal: controller.signal, test: false })) {
    events.push(event);
    if (event.kind === 'complete') controller.abort();
  }
  expect(events.at(-1)!.kind).toBe('interrupted');
  expect((await openStudy(out)).status).toBe('interrupted');
  const resume = (trials?: number) =>
    eventsOf(
      resumeStudy(out, {
        executor: formulas({ concurrency: 2 }),
        test: false,
        ...(trials !== undefined && { budget: { trials } }),
      }),
    );
  await resume();
  expect((await openStudy(out)).trials).toHaveLength(12);
  await expect(resume()).rejects.toThrow(/complete.*12 trials.*`budget`/);
  await resume(13);
  const { trials, definition: extended, isOwn } = await openStudy(out);
  expect([trials.length, extended.budget.trials, isOwn]).toEqual([13, 13, true]);
});

test('seeds: the metric is the mean of the runs, and the pruner hears of epochs that all of them have had', async () => {
  const pace = ({ seed }: Task['config']) => seed * 2;
  const study = await studyOf({ ...definition, seeds: 3, budget: { trials: 5 } }, { concurrency: 3, pace });
  for (const { state, runs, value, intermediate } of study.trials) {
    expect(runs.map(({ name, seed }) => [name.slice(10), seed])).toEqual(
      [0, 1, 2].map((seed) => [`-seed-${seed}`, seed]),
    );
    if (state === 'complete')
      expect(value).toBeCloseTo(runs.reduce((sum, { best }) => sum + best!.accuracy, 0) / 3, 12);
    for (const [step, mean] of intermediate) {
      expect(mean).toBeCloseTo(runs.reduce((sum, { reports }) => sum + reports.get(step)!.accuracy, 0) / 3, 12);
    }
  }
});

test('a trial that fails is told, and the others go on', async () => {
  const fails = ({ optimizer }: Task['config']) => (optimizer === 'sgd' ? 'The loss became infinite.' : null);
  const { trials, status } = await studyOf(definition, { concurrency: 2, fails });
  const failed = trials.filter(({ state }) => state === 'failed');
  expect(failed.length).toBeGreaterThan(0);
  for (const { parameters, message, value } of failed) {
    expect([parameters.optimizer, message, value]).toEqual(['sgd', 'The loss became infinite.', null]);
  }
  expect(status).toBe('done');
});

test('options that contradict each other fail their trial before it runs', async () => {
  const study = await studyOf(
    {
      data: root,
      space: { schedule: { kind: 'categorical', choices: ['constant', 'step'] }, learningRate: rate },
      options: { epochs, strategy: 'full', unfreeze: [{ epoch: 1, train: ['head'] }] },
      budget: { trials: 3 },
    },
    { concurrency: 1 },
  ).catch((error: unknown) => error);
  expect(String(study)).toMatch(/first 3 trials failed.*unfreeze means something only with/);
});

test('where all trials fail, so does the study, with the message of the last', async () => {
  const fails = () => 'No such weights.';
  const whole = studyOf(definition, { concurrency: 2, fails });
  await expect(whole).rejects.toThrow(/first 5 trials failed.*No such weights/);
});

test('a grid has every combination once, and then ends', async () => {
  const study = await studyOf(
    {
      data: root,
      space: {
        optimizer: { kind: 'categorical', choices: ['sgd', 'adamw'] },
        learningRate: { kind: 'float', low: 0.1, high: 0.3, step: 0.1 },
      },
      sampler: { kind: 'grid' },
    },
    { concurrency: 2 },
  );
  expect(study.trials.map(({ parameters }) => [parameters.optimizer, parameters.learningRate])).toEqual(
    ['sgd', 'adamw'].flatMap((optimizer) => [0.1, 0.2, 0.3].map((rate) => [optimizer, rate])),
  );
});

test('runs that log to TensorBoard get the options of their trial for its HParams', async () => {
  const out = newFolder();
  for (const name of ['trial-0000-seed-0', 'trial-0000-seed-1', 'trial-0001-seed-0']) mkdirSync(join(out, name));
  const logged = { ...definition, options: { epochs, log: ['tensorboard'] }, seeds: 2, budget: { trials: 2 } } as const;
  await studyOf(logged, { concurrency: 1, folders: out }, out);
  const files = readdirSync(out, { recursive: true, encoding: 'utf8' }).filter((path) => path.includes('tfevents'));
  expect(files.sort()).toEqual(
    ['trial-0000-seed-0', 'trial-0000-seed-1', 'trial-0001-seed-0'].map((name) => join(name, hparamsFile)),
  );
  const [first, second, other] = files.map((file) => readFileSync(join(out, file), 'latin1'));
  for (const text of [first!, second!, other!]) {
    for (const name of ['learningRate', 'momentum', 'adamw', 'accuracy/validation']) expect(text).toContain(name);
  }
  expect([first, second, other].map((text) => /trial-\d{4}/.exec(text!)![0])).toEqual([
    'trial-0000',
    'trial-0000',
    'trial-0001',
  ]);
});

test('a folder that holds a study, and one that is trained elsewhere, are not overwritten', async () => {
  const out = newFolder();
  await studyOf({ ...definition, budget: { trials: 1 } }, { concurrency: 1 }, out);
  await expect(studyOf(definition, { concurrency: 1 }, out)).rejects.toThrow(/already holds a study.*resumeStudy/);
  const other = newFolder();
  const running = runStudy(definition, { out: other, executor: formulas({ concurrency: 1 }) });
  await running.next();
  await expect(eventsOf(resumeStudy(other, { executor: formulas({ concurrency: 1 }) }))).rejects.toThrow(
    /this process/,
  );
  await running.return();
});
