import { mkdirSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus, loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import { ortVersion } from 'graft-ml/internal/runtime/index';
import { classifierComparison } from './classifier.ts';
import { type Comparison, type Contender, interleave, median, summarise } from './harness.ts';
import { startPeer } from './peer.ts';

const comparisons: readonly Comparison[] = [
  classifierComparison('step', 'resnet18', 3),
  classifierComparison('forward', 'resnet18', 6),
  classifierComparison('step', 'squeezenet1_1', 5, 'adamw'),
];

const howToGetThePeer =
  'Graft alone: to compare, give a Python with PyTorch and torchvision (pip install torch torchvision), --python PATH.';

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    python: { type: 'string', default: 'python3' },
    blocks: { type: 'string', default: '7' },
    repetitions: { type: 'string' },
    threads: { type: 'string', default: String(availableParallelism()) },
  },
});

async function compare(comparison: Comparison): Promise<void> {
  const threads = Number(options.threads);
  const load = loadavg()[0]!;
  const { script, options: peerOptions } = comparison.peer;
  console.log(`\n${comparison.name}: ${comparison.work}, ${threads} threads`);
  if (load > 1) console.log(`  The machine is busy (load ${load.toFixed(1)}): repeat this when it is not.`);
  const ours = await comparison.ours(threads);
  let peer: Contender | undefined;
  try {
    peer = await startPeer(options.python, script, [...peerOptions, '--threads', String(threads)]);
  } catch (error) {
    console.log(`  ${howToGetThePeer} (${(error as Error).message})`);
  }
  const times = await interleave(ours, peer, {
    repetitions: Number(options.repetitions ?? comparison.repetitions),
    blocks: Number(options.blocks),
  });
  await ours.close();
  await peer?.close();

  const summary = summarise(times);
  console.log('  | | median ms | fastest ms |\n  |---|---|---|');
  const row = (name: string, blocks: readonly (readonly number[])[]) =>
    console.log(`  | ${name} | ${median(blocks.flat()).toFixed(1)} | ${Math.min(...blocks.flat()).toFixed(1)} |`);
  row('Graft', times.ours);
  if (peer) row(`PyTorch ${peer.versions.pytorch}`, times.peer);
  if (summary.ratio !== undefined) {
    const range = `${Math.min(...summary.ratios).toFixed(2)} to ${Math.max(...summary.ratios).toFixed(2)}`;
    console.log(`  Graft / PyTorch ${summary.ratio.toFixed(2)} (pairs of blocks: ${range})`);
  }
  save(comparison, { threads, load, versions: { ...ours.versions, ...peer?.versions }, summary, milliseconds: times });
}

function save(comparison: Comparison, result: object): void {
  const machine = `${cpus()[0]?.model.trim()}, ${cpus().length} cores, ${process.platform} ${process.arch}`;
  const onnxruntime = ortVersion();
  const { name, work } = comparison;
  const record = { name, work, date: new Date().toISOString(), machine, onnxruntime, ...result };
  mkdirSync('bench/results', { recursive: true });
  writeFileSync(`bench/results/${name}.json`, `${JSON.stringify(record, null, 1)}\n`);
}

const wanted = positionals.includes('all')
  ? comparisons
  : positionals.map((name) => {
      const found = comparisons.find((comparison) => comparison.name === name);
      if (!found) throw new Error(`bench: "${name}" is not one of: all, ${comparisons.map((c) => c.name).join(', ')}.`);
      return found;
    });

if (wanted.length === 0) {
  console.log('npm run bench -- NAME… [--python PATH] [--blocks 7] [--repetitions N] [--threads N]\n');
  for (const { name, work } of [...comparisons, { name: 'all', work: 'every one of these' }]) {
    console.log(`  ${name.padEnd(18)} ${work}`);
  }
}
for (const comparison of wanted) await compare(comparison);
