/*
 * Transfer from ImageNet to 480 photos of rubbish, with Graft and with PyTorch, on the same splits: accuracy and time.
 * node dist/bench/trashnet.js <folder> <weights> [--seeds 3] [--python python3] [--ten-epochs]; the results in
 * bench/results/ come from ../shared/data/trashnet_600 and ../shared/weights/squeezenet1_1_imagenet1k.safetensors. With
 * --ten-epochs only ten epochs of feature extraction are timed, beside a plain loop in which PyTorch runs the frozen
 * backbone in every epoch.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { openDataset } from 'graft-ml/internal/data/dataset';
import { trainFolder } from 'graft-ml/internal/transfer/train-folder';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seeds: { type: 'string', default: '3' },
    python: { type: 'string', default: 'python3' },
    'ten-epochs': { type: 'boolean', default: false },
  },
});
const [folder, weights] = positionals;
if (!folder || !weights)
  throw new Error('usage: node dist/bench/trashnet.js <folder> <weights> [--seeds 3] [--python python3]');

const scratch = mkdtempSync(join(tmpdir(), 'graft-trashnet-'));
const peer = fileURLToPath(new URL('../../bench/peer/trashnet.py', import.meta.url));

interface Outcome {
  readonly accuracy: number;
  /** Everything: checking or opening the images, features, all epochs. */
  readonly seconds: number;
  readonly epochSeconds: number;
}

async function graft(strategy: 'feature-extraction' | 'full', seed: number, rounds: number): Promise<Outcome> {
  const start = performance.now();
  const out = join(scratch, `${strategy}-${seed}`);
  let accuracy = 0;
  const epochs: number[] = [];
  for await (const event of trainFolder(
    folder!,
    { weights: weights!, strategy, seed, epochs: rounds, disk: 0 },
    { out, overwrite: true },
  )) {
    if (event.kind === 'evaluation') epochs.push(event.seconds);
    if (event.kind === 'end') accuracy = event.best.accuracy;
  }
  const epochSeconds = epochs.reduce((a, b) => a + b, 0) / epochs.length;
  return { accuracy, seconds: (performance.now() - start) / 1000, epochSeconds };
}

/** The same split, written down for PyTorch. */
async function pytorch(strategy: string, seed: number, epochs: number): Promise<Outcome | null> {
  const split = join(scratch, `split-${seed}.json`);
  const { classes, train, validation } = await openDataset(folder!, { seed });
  const entries = (images: typeof train) => images.map(({ path, label }) => [path, label]);
  writeFileSync(split, JSON.stringify({ classes, train: entries(train), validation: entries(validation) }));
  const args = [
    '--split',
    split,
    '--weights',
    weights!,
    '--strategy',
    strategy,
    '--epochs',
    `${epochs}`,
    '--seed',
    `${seed}`,
  ];
  const { status, stdout, stderr } = spawnSync(values.python, [peer, ...args], { encoding: 'utf8' });
  if (status === 0) return JSON.parse(stdout);
  console.error(`no peer: ${stderr.trim().split('\n').at(-1)}`);
  return null;
}

const mean = (numbers: number[]) => numbers.reduce((a, b) => a + b, 0) / numbers.length;
const results = [];
const cases = values['ten-epochs']
  ? ([['feature-extraction', 10, 'frozen-loop']] as const)
  : ([
      ['feature-extraction', 30, 'feature-extraction'],
      ['full', 12, 'full'],
    ] as const);
for (const [strategy, epochs, peerStrategy] of cases) {
  const ours: Outcome[] = [];
  const theirs: Outcome[] = [];
  for (let seed = 0; seed < Number(values.seeds); seed++) {
    ours.push(await graft(strategy, seed, epochs));
    const other = await pytorch(peerStrategy, seed, epochs);
    if (other) theirs.push(other);
    console.log(strategy, seed, ours.at(-1), other);
  }
  const ratio = (key: 'seconds' | 'epochSeconds') =>
    mean(ours.map((o, i) => o[key] / (theirs[i]?.[key] ?? Number.NaN)));
  results.push({
    strategy,
    peer: peerStrategy,
    epochs,
    ours,
    theirs,
    secondsRatio: ratio('seconds'),
    epochRatio: ratio('epochSeconds'),
  });
}
console.table(
  results.map(({ strategy, ours, theirs, secondsRatio, epochRatio }) => ({
    strategy,
    'graft accuracy': mean(ours.map((o) => o.accuracy)).toFixed(4),
    'pytorch accuracy': mean(theirs.map((o) => o.accuracy)).toFixed(4),
    'graft seconds': mean(ours.map((o) => o.seconds)).toFixed(1),
    'pytorch seconds': mean(theirs.map((o) => o.seconds)).toFixed(1),
    ratio: secondsRatio.toFixed(2),
    'epoch ratio': epochRatio.toFixed(2),
  })),
);
const machine = { processor: cpus()[0]?.model, cores: cpus().length, node: process.versions.node };
const file = fileURLToPath(
  new URL(`../../bench/results/${values['ten-epochs'] ? 'ten-epochs' : 'trashnet'}.json`, import.meta.url),
);
writeFileSync(file, `${JSON.stringify({ date: new Date().toISOString().slice(0, 10), machine, results }, null, 2)}\n`);
