/*
 * Samplers and pruners of studies beside Optuna's, on functions that cost nothing: how good the best of 60 trials is, and
 * how many epochs were trained for it.
 *   npm run build && node dist/bench/samplers.js [--seeds 30] [--trials 60] [--python PYTHON]
 * Without a Python that has Optuna (pip install optuna), that side is left out. Results: bench/results/samplers.json;
 * what is there already is not measured again.
 */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import {
  ashaPruner,
  type History,
  medianPruner,
  noPruner,
  type Parameters,
  type Pruner,
  randomSampler,
  type Sampler,
  type Space,
  type Trial,
  tpeSampler,
} from '@graft-ml/core/study';
import { mean, Results } from './study.ts';

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '30' },
    trials: { type: 'string', default: '60' },
    python: { type: 'string', default: 'python3' },
  },
});

/** A function to minimize; with `epochs`, its value goes down to it as in training. */
interface Problem {
  readonly space: Space;
  /** The least value that there is. */
  readonly least: number;
  readonly epochs: number;
  loss(parameters: Record<string, number>, epoch: number): number;
}

const unit = { kind: 'float', low: 0, high: 1 } as const;

// bench/peer/samplers.py has the same functions.
const problems: Readonly<Record<string, Problem>> = {
  Branin: {
    space: { x: { kind: 'float', low: -5, high: 10 }, y: { kind: 'float', low: 0, high: 15 } },
    least: 0.397887,
    epochs: 1,
    loss: ({ x, y }) =>
      (y! - (5.1 / (4 * Math.PI ** 2)) * x! ** 2 + (5 / Math.PI) * x! - 6) ** 2 +
      10 * (1 - 1 / (8 * Math.PI)) * Math.cos(x!) +
      10,
  },
  'Hartmann 6': {
    space: { a: unit, b: unit, c: unit, d: unit, e: unit, f: unit },
    least: -3.32237,
    epochs: 1,
    loss: (p) => hartmann([p.a!, p.b!, p.c!, p.d!, p.e!, p.f!]),
  },
  'like fine-tuning': {
    space: {
      learningRate: { kind: 'float', low: 1e-5, high: 1, log: true },
      optimizer: { kind: 'categorical', choices: [0, 1] },
      batchSize: { kind: 'int', low: 8, high: 128, step: 8 },
      dropout: { kind: 'float', low: 0, high: 0.8 },
    },
    least: 0.1,
    epochs: 27,
    // The error falls from 0.9; the good rates of two optimizers are 50 times apart, and lower ones need more epochs.
    loss: (p, epoch) => {
      const distance = Math.log10(p.learningRate!) + (p.optimizer === 1 ? 3.2 : 1.5);
      const excess =
        0.06 * distance ** 2 +
        (p.optimizer === 1 ? 0 : 0.02) +
        0.12 * (p.dropout! - 0.3) ** 2 +
        0.02 * Math.abs(Math.log2(p.batchSize! / 32));
      const last = Math.min(0.1 + excess, 0.9);
      const pace = 2 + 3 * Math.max(0, -distance) + p.batchSize! / 32;
      return last + (0.9 - last) * Math.exp(-epoch / pace);
    },
  },
};

function hartmann(x: readonly number[]): number {
  const alpha = [1, 1.2, 3, 3.2];
  const a = [
    [10, 3, 17, 3.5, 1.7, 8],
    [0.05, 10, 17, 0.1, 8, 14],
    [3, 3.5, 1.7, 10, 17, 8],
    [17, 8, 0.05, 10, 0.1, 14],
  ];
  const p = [
    [0.1312, 0.1696, 0.5569, 0.0124, 0.8283, 0.5886],
    [0.2329, 0.4135, 0.8307, 0.3736, 0.1004, 0.9991],
    [0.2348, 0.1451, 0.3522, 0.2883, 0.3047, 0.665],
    [0.4047, 0.8828, 0.8732, 0.5743, 0.1091, 0.0381],
  ];
  const term = (i: number) => x.reduce((sum, xj, j) => sum + a[i]![j]! * (xj - p[i]![j]!) ** 2, 0);
  return -alpha.reduce((sum, weight, i) => sum + weight * Math.exp(-term(i)), 0);
}

const samplers: Readonly<Record<string, (seed: number) => Sampler>> = {
  random: (seed) => randomSampler({ seed }),
  TPE: (seed) => tpeSampler({ seed }),
  'TPE, univariate': (seed) => tpeSampler({ seed, multivariate: false }),
};
const pruners: Readonly<Record<string, () => Pruner>> = {
  none: noPruner,
  median: () => medianPruner(),
  ASHA: () => ashaPruner({ reductionFactor: 3 }),
  'ASHA from epoch 5': () => ashaPruner({ reductionFactor: 3, minResource: 5 }),
};

/** A study of one problem, sampler and pruner. */
interface Setting {
  readonly problem: string;
  readonly sampler: string;
  readonly pruner: string;
}

/** By seed. */
interface Outcome {
  /** How far the best complete trial is above the least value. */
  readonly regret: readonly number[];
  /** Epochs of all trials. */
  readonly epochs: readonly number[];
}

interface Measured {
  readonly ours: Outcome;
  readonly optuna: Outcome | null;
  readonly version: string | null;
}

function study({ problem, sampler, pruner }: Setting, seed: number): { regret: number; epochs: number } {
  const { space, loss, least, epochs } = problems[problem]!;
  const [suggesting, pruning] = [samplers[sampler]!(seed), pruners[pruner]!()];
  const trials: Trial[] = [];
  const history = (): History => ({ space, direction: 'minimize', trials });
  for (let number = 0; number < Number(values.trials); number++) {
    const parameters = suggesting.suggest(history(), number)!;
    trials.push(trained({ parameters, number, loss, epochs }, (trial) => pruning.shouldPrune(history(), trial)));
  }
  const complete = trials.flatMap(({ value }) => value ?? []);
  return {
    regret: Math.min(...complete) - least,
    epochs: trials.reduce((sum, { intermediate }) => sum + intermediate.size, 0),
  };
}

function trained(
  { parameters, number, loss, epochs }: { parameters: Parameters; number: number } & Pick<Problem, 'loss' | 'epochs'>,
  shouldPrune: (trial: Trial) => boolean,
): Trial {
  const intermediate = new Map<number, number>();
  const trial = { number, parameters, intermediate, value: null };
  for (let epoch = 1; epoch <= epochs; epoch++) {
    intermediate.set(epoch, loss(parameters as Record<string, number>, epoch));
    if (epoch < epochs && shouldPrune({ ...trial, state: 'running' })) return { ...trial, state: 'pruned' };
  }
  return { ...trial, state: 'complete', value: intermediate.get(epochs)! };
}

const seeds = Array.from({ length: Number(values.seeds) }, (_, seed) => seed);

function byOptuna(setting: Setting): { version: string; outcome: Outcome } | null {
  const script = fileURLToPath(new URL('../../bench/peer/samplers.py', import.meta.url));
  const { space, least, epochs } = problems[setting.problem]!;
  const input = JSON.stringify({ ...setting, space, least, epochs, seeds, trials: Number(values.trials) });
  const { status, stdout, stderr } = spawnSync(values.python, [script], { input, encoding: 'utf8' });
  if (status === 0) return JSON.parse(stdout) as { version: string; outcome: Outcome };
  console.log(`Without Optuna: ${stderr?.trim().split('\n').at(-1) ?? `no ${values.python}`}`);
  return null;
}

function measured(setting: Setting): Measured {
  const ours = seeds.map((seed) => study(setting, seed));
  const theirs = byOptuna(setting);
  return {
    ours: { regret: ours.map(({ regret }) => regret), epochs: ours.map(({ epochs }) => epochs) },
    optuna: theirs?.outcome ?? null,
    version: theirs?.version ?? null,
  };
}

/** The mean over seeds, and its standard error. */
function shown(numbers: readonly number[] | undefined, digits: number): string {
  if (!numbers) return '–';
  const middle = mean(numbers);
  const variance = mean(numbers.map((each) => (each - middle) ** 2)) / (numbers.length - 1);
  return `${middle.toFixed(digits)} ± ${Math.sqrt(variance).toFixed(digits)}`;
}

const settings: readonly Setting[] = [
  ...Object.keys(problems).flatMap((problem) =>
    Object.keys(samplers).map((sampler) => ({ problem, sampler, pruner: 'none' })),
  ),
  ...['median', 'ASHA', 'ASHA from epoch 5'].map((pruner) => ({ problem: 'like fine-tuning', sampler: 'TPE', pruner })),
];
const results = new Results<Measured>('samplers');
console.log('| problem | sampler | pruner | best above the least | Optuna’s | epochs | Optuna’s |');
console.log('|---|---|---|---|---|---|---|');
for (const setting of settings) {
  const { problem, sampler, pruner } = setting;
  const key = `${problem}, ${sampler}, ${pruner}, ${values.trials} trials, ${seeds.length} seeds`;
  const { ours, optuna } = await results.keep(key, async () => measured(setting));
  const regrets = [ours.regret, optuna?.regret].map((each) => shown(each, 4));
  const epochs = [ours.epochs, optuna?.epochs].map((each) => shown(each, 0));
  console.log(`| ${[problem, sampler, pruner, ...regrets, ...epochs].join(' | ')} |`);
}
