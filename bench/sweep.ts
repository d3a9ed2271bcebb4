/*
 * A study on trashnet_600: which rate, optimizer, batch size and strategy a SqueezeNet 1.1 of ImageNet wants, by TPE with
 * median stopping. Once whole; and once with a child killed, then the parent, and resumed: both must come to the same.
 *   npm run build && node dist/bench/sweep.js [--data DIR] [--weights FILE] [--trials 24] [--out DIR]
 * Results: bench/results/sweep.json. The folders stay where --out says, so that a page can be made of them.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { isDeepStrictEqual, parseArgs } from 'node:util';
import { openStudy, parameterImportance, type Study } from 'graft-ml/study';

const { values } = parseArgs({
  options: {
    data: { type: 'string', default: '../shared/data/trashnet_600' },
    weights: { type: 'string', default: '../shared/weights/squeezenet1_1_imagenet1k.safetensors' },
    trials: { type: 'string', default: '24' },
    jobs: { type: 'string', default: String(cpus().length) },
    out: { type: 'string' },
  },
});
const out = values.out ?? mkdtempSync(join(tmpdir(), 'graft-sweep-'));
const trials = Number(values.trials);
const graft = fileURLToPath(new URL('../../packages/graft-ml/bin/graft.js', import.meta.url));

const study = [
  resolve(values.data),
  'learningRate=1e-4..1e-1:log',
  'optimizer=sgd,adamw',
  'momentum=0..0.95',
  'batchSize=8..64:log',
  'labelSmoothing=0..0.2:step=0.1',
  'strategy=feature-extraction,partial',
  `weights=${resolve(values.weights)}`,
  'model=squeezenet1_1',
  'epochs=3',
  'imageSize=112',
  '--pruner=median',
  `--trials=${trials}`,
  `--jobs=${values.jobs}`,
  '--parallel=4',
];

function sweep(args: readonly string[]): { child: ChildProcess; ended: Promise<number | null> } {
  const child = spawn(process.execPath, [graft, 'sweep', ...args], { stdio: ['ignore', 'inherit', 'inherit'] });
  return { child, ended: new Promise((done) => child.on('exit', done)) };
}

/** Waits until so many trials of a study have ended. */
async function ended(folder: string, count: number): Promise<void> {
  const isThere = async () =>
    existsSync(join(folder, 'study.db')) &&
    (await openStudy(folder).catch(() => null))?.trials.filter(({ ended: at }) => at !== null).length;
  while (Number((await isThere()) ?? 0) < count) await delay(200);
}

/** A child process that trains, of a parent: its number. */
function childOf(parent: number): number {
  const found = readFileSync(`/proc/${parent}/task/${parent}/children`, 'utf8').trim().split(' ').map(Number);
  const [first] = found.filter((pid) => readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('job-process-main'));
  if (first === undefined) throw new Error(`process ${parent} has no job under way`);
  return first;
}

/** What a study has come to, without when. */
function tableOf({ trials: all }: Study) {
  return all.map(({ number, state, parameters, value, intermediate }) => ({
    ...{ number, state, parameters, value },
    epochs: Object.fromEntries(intermediate),
  }));
}

const [whole, killed] = [join(out, 'whole'), join(out, 'killed')];
const start = performance.now();
if (!existsSync(whole)) await sweep([...study, `--out=${whole}`]).ended;
const seconds = (performance.now() - start) / 1000;
if (!existsSync(killed)) {
  const first = sweep([...study, `--out=${killed}`]);
  await ended(killed, Math.floor(trials / 4));
  process.kill(childOf(first.child.pid!), 'SIGKILL');
  await ended(killed, Math.floor(trials / 2));
  first.child.kill('SIGKILL');
  await first.ended;
  await sweep([`--resume=${killed}`, `--jobs=${values.jobs}`]).ended;
}

const [one, other] = [await openStudy(whole), await openStudy(killed)];
const isSame = isDeepStrictEqual(tableOf(one), tableOf(other));
const { definition, best, direction } = one;
const importance = parameterImportance({ space: definition.space, direction, trials: one.trials });
const count = (state: string) => one.trials.filter((trial) => trial.state === state).length;
const results = {
  machine: { processor: cpus()[0]?.model, cores: cpus().length, node: process.versions.node },
  definition: { ...definition, data: 'trashnet_600', options: { ...definition.options, weights: 'squeezenet1_1' } },
  seconds: one.seconds,
  wallSeconds: seconds,
  complete: count('complete'),
  pruned: count('pruned'),
  failed: count('failed'),
  killedAndResumedIsTheSame: isSame,
  best: { trial: best?.number, accuracy: best?.value, parameters: best?.parameters },
  importance,
  trials: tableOf(one),
};
writeFileSync('bench/results/sweep.json', `${JSON.stringify(results, null, 1)}\n`);
console.log(
  `${one.trials.length} trials, the best ${best?.value}; killed and resumed: ${isSame ? 'the same' : 'NOT the same'}`,
);
process.exitCode = isSame ? 0 : 1;
