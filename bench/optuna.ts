/*
 * The file of a study in PyPI's Optuna and in its dashboard: the same trials, parameters, curves and best; with a
 * screenshot of the dashboard's page.
 *   pip install optuna optuna-dashboard pandas scikit-learn
 *   npm run build && node dist/bench/optuna.js --python PYTHON [--data DIR] [--study DIR]
 * Without --study, one of twelve short trials is made. Results: bench/results/optuna.json, docs/images/studies/.
 */
import { spawn, spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { isDeepStrictEqual, parseArgs } from 'node:util';
import { localExecutor, openStudy, runStudy } from 'graft-ml/study';
import { chromium } from 'playwright-core';
import { z } from 'zod';

const { values } = parseArgs({
  options: {
    python: { type: 'string', default: 'python3' },
    data: { type: 'string', default: '../shared/data/trashnet_600' },
    study: { type: 'string' },
    chromium: { type: 'string', default: '/usr/bin/chromium' },
  },
});

const scratch = mkdtempSync(join(tmpdir(), 'graft-optuna-'));
const folder = values.study ?? (await makeStudy());
const study = await openStudy(folder);
// Optuna and its dashboard write into what they open.
const file = join(scratch, 'study.db');
copyFileSync(join(folder, 'study.db'), file);

async function makeStudy(): Promise<string> {
  const out = join(scratch, 'study');
  await using executor = localExecutor({ root: out });
  const events = runStudy(
    {
      data: values.data,
      space: {
        learningRate: { kind: 'float', low: 1e-4, high: 1e-1, log: true },
        batchSize: { kind: 'int', low: 8, high: 64, step: 8 },
        optimizer: { kind: 'categorical', choices: ['sgd', 'adamw'] },
        head: { kind: 'categorical', choices: [null, [16, 'relu']] },
      },
      options: { model: 'conv4', imageSize: 32, epochs: 3 },
      pruner: { kind: 'median', startupTrials: 3 },
      sampler: { kind: 'tpe', startupTrials: 5 },
      budget: { trials: 12 },
    },
    { out, executor },
  );
  for await (const event of events) if (event.kind === 'complete') console.log(event);
  return out;
}

const read = z
  .object({
    version: z.string(),
    direction: z.string(),
    best: z.object({ number: z.int(), value: z.number(), params: z.record(z.string(), z.unknown()) }),
    importances: z.record(z.string(), z.number()),
    rows: z.int(),
    columns: z.array(z.string()),
    askedParams: z.record(z.string(), z.unknown()),
    trials: z.array(
      z.object({
        number: z.int(),
        state: z.string(),
        value: z.number().nullable(),
        params: z.record(z.string(), z.unknown()),
        intermediate: z.record(z.string(), z.number()),
        userAttributes: z.object({ run: z.string() }).loose(),
        hasDuration: z.boolean(),
      }),
    ),
  })
  .parse(JSON.parse(python([fileURLToPath(new URL('../../bench/peer/optuna_file.py', import.meta.url)), file])));

function python(args: readonly string[]): string {
  const { stdout, stderr, status } = spawnSync(values.python, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(stderr);
  return stdout;
}

const states: Readonly<Record<string, string>> = { complete: 'COMPLETE', pruned: 'PRUNED', failed: 'FAIL' };

/** The numbers of a trial; a structured choice is its text in Optuna. */
const numbersOf = (parameters: Readonly<Record<string, unknown>>) =>
  Object.fromEntries(Object.entries(parameters).filter(([, value]) => typeof value === 'number'));

const agreements = {
  trials: isDeepStrictEqual(
    read.trials.map(({ number, state, value, params, intermediate, userAttributes }) => ({
      ...{ number, state, value, intermediate, run: userAttributes.run },
      numbers: numbersOf(params),
    })),
    study.trials.map(({ number, state, value, parameters, intermediate, runs }) => ({
      ...{ number, state: states[state], value, intermediate: Object.fromEntries(intermediate) },
      run: runs.map(({ name }) => name).join(', '),
      numbers: numbersOf(parameters),
    })),
  ),
  best: read.best.number === study.best?.number && read.best.value === study.best.value,
  direction: read.direction === study.direction.toUpperCase(),
  dataframe: read.rows === study.trials.length,
  asks: isDeepStrictEqual(Object.keys(read.askedParams).sort(), Object.keys(study.definition.space).sort()),
};

copyFileSync(join(folder, 'study.db'), file);
const port = await freePort();
const program = join(dirname(values.python), 'optuna-dashboard');
const dashboard = spawn(program, [`sqlite:///${file}`, '--host', '127.0.0.1', '--port', String(port)], {
  stdio: 'ignore',
});
const address = `http://127.0.0.1:${port}`;
try {
  const listed = await answer('api/studies', z.object({ study_summaries: z.array(z.object({ study_id: z.int() })) }));
  const details = await answer(
    `api/studies/${listed.study_summaries[0]!.study_id}`,
    z.object({
      best_trial: z.object({ number: z.int() }).optional(),
      best_trials: z.array(z.object({ number: z.int() })).optional(),
      trials: z.array(z.object({ number: z.int(), state: z.string() })),
    }),
  );
  const best = details.best_trial ?? details.best_trials?.[0];
  Object.assign(agreements, {
    dashboardTrials: details.trials.length === study.trials.length,
    dashboardBest: best?.number === study.best?.number,
  });
  await screenshot(`${address}/dashboard/studies/${listed.study_summaries[0]!.study_id}`);
} finally {
  dashboard.kill();
}

/** The answer of the dashboard, which takes seconds to start. */
async function answer<T>(path: string, schema: z.ZodType<T>): Promise<T> {
  for (let attempt = 0; ; attempt++) {
    const response = await fetch(`${address}/${path}`).catch(() => null);
    if (response?.ok) return schema.parse(await response.json());
    if (attempt > 300) throw new Error(`the dashboard does not answer: ${path} ${response?.status}`);
    await delay(200);
  }
}

async function screenshot(url: string): Promise<void> {
  const browser = await chromium.launch({ executablePath: values.chromium, args: ['--no-sandbox'] });
  try {
    const page = await browser.newPage({ viewport: { width: 1280, height: 1000 } });
    await page.goto(url);
    await page.waitForSelector('.js-plotly-plot .plot-container, canvas', { timeout: 60_000 });
    await delay(5000);
    mkdirSync('docs/images/studies', { recursive: true });
    await page.screenshot({ path: 'docs/images/studies/optuna-dashboard.png' });
  } finally {
    await browser.close();
  }
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const bound = server.address();
  await new Promise((done) => server.close(done));
  if (bound === null || typeof bound === 'string') throw new Error('no port');
  return bound.port;
}

const result = {
  optuna: read.version,
  trials: study.trials.length,
  states: Object.fromEntries(
    ['complete', 'pruned', 'failed'].map((state) => [
      state,
      study.trials.filter((trial) => trial.state === state).length,
    ]),
  ),
  best: read.best,
  importances: read.importances,
  columns: read.columns,
  agreements,
};
writeFileSync('bench/results/optuna.json', `${JSON.stringify(result, null, 1)}\n`);
console.log(JSON.stringify(agreements));
process.exitCode = Object.values(agreements).every(Boolean) ? 0 : 1;
