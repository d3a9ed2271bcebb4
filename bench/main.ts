import { existsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { commandKinds, compareCommands, rowNames } from './speed/commands.ts';
import { compare } from './speed/compare.ts';
import { thisMachine } from './speed/machine.ts';
import type { Tried } from './speed/peers.ts';
import { type Row, readResults, resultsOf, writeResults } from './speed/results.ts';
import { allWorks, batches, isMeta, models, nameOf, type Work } from './speed/works.ts';

const help = `npm run bench -- KIND… [--python PATH] [--models resnet18,…] [--batches 4,16] [--minutes M]

Times Graft beside PyTorch and others, in turns, each in a process of its own that is stopped while the other runs. Rows that
--out has are not measured again, so that a long series can be cut into parts.

  full          training step, everything trained
  frozen        forward pass of a network that does not change
  last-third    training step of the last third of the blocks, from the features that Graft keeps
  head          the same of the head alone
  maml, fomaml, protonet
                outer step of meta-training, conv-4 at 28 and 84 px
  start         graft --help; from the command to the first training step
  predict       from the command to the labels of 1 and of 120 images
  job           from a folder of images to a trained run
  all           every one of these

  --models      of ${models.join(', ')}
  --batches     of ${batches.join(', ')}
  --sides       of 28, 84: pixels, in meta-training
  --python      a Python with PyTorch and torchvision (default: python3); "none": Graft alone
  --images      root/class/*.jpg, and
  --weights     SqueezeNet 1.1's weights (.safetensors): for start, predict, job
  --compile     torch.compile as a side of its own
  --javascript  a folder with @tensorflow/tfjs and @tensorflow/tfjs-backend-wasm in node_modules: a side of its own in
                ResNet-18's forward pass
  --threads     of each side (default: all cores)
  --turns       of each side (default: 7)
  --minutes     begins no row that would not end in so many minutes
  --again       measures rows that are there already
  --list        prints the rows without measuring
  --json        prints the rows as JSON
  --out         default: a file for this machine in bench/results/speed

npm run bench -- full --models resnet18 --batches 16 --python /tmp/venv/bin/python
npm run bench -- maml protonet --sides 28
npm run bench -- start predict --images photos --weights squeezenet1_1.safetensors`;

const { values: options, positionals: kinds } = parseArgs({
  allowPositionals: true,
  options: {
    models: { type: 'string' },
    batches: { type: 'string' },
    sides: { type: 'string' },
    python: { type: 'string', default: 'python3' },
    images: { type: 'string' },
    weights: { type: 'string' },
    compile: { type: 'boolean', default: false },
    javascript: { type: 'string' },
    threads: { type: 'string', default: String(availableParallelism()) },
    turns: { type: 'string', default: '7' },
    minutes: { type: 'string', default: 'Infinity' },
    again: { type: 'boolean', default: false },
    list: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    out: { type: 'string' },
    help: { type: 'boolean', short: 'h', default: false },
  },
});

const listed = (text: string | undefined) => text?.split(',');
const [wantedModels, wantedBatches, wantedSides] = [options.models, options.batches, options.sides].map(listed);

function isWanted(work: Work): boolean {
  if (!kinds.includes('all') && !kinds.includes(work.kind)) return false;
  if (isMeta(work)) return wantedSides?.includes(String(work.side)) ?? true;
  return (wantedModels?.includes(work.model) ?? true) && (wantedBatches?.includes(String(work.batch)) ?? true);
}

/** The settings found for one batch size hold for the others. */
const settingName = (work: Work, way: string) => [work.kind, isMeta(work) ? work.side : work.model, way].join(' · ');

/** A row that can be measured. */
interface Measurable {
  readonly name: string;
  measure(settings: Record<string, readonly Tried[]>): Promise<Row>;
}

function wantedRows(): Measurable[] {
  const python = options.python === 'none' ? null : options.python;
  const threads = Number(options.threads);
  const turns = Number(options.turns);
  const works = allWorks()
    .filter(isWanted)
    .map(
      (work): Measurable => ({
        name: nameOf(work),
        measure: (settings) =>
          compare(work, {
            ...{ python, threads, turns, compiles: options.compile, javascript: options.javascript ?? null },
            known: (way) => settings[settingName(work, way)],
            onSettings: (way, tried) => {
              settings[settingName(work, way)] = tried;
            },
            onProgress: (text) => console.error(text),
          }),
      }),
    );
  const { images, weights } = options;
  if (python === null || !images || !weights) return works;
  const names = commandKinds.flatMap((kind) => (kinds.includes('all') || kinds.includes(kind) ? rowNames[kind] : []));
  const runs = Math.min(5, turns);
  const commands = names.map(
    (name): Measurable => ({
      name,
      measure: () => compareCommands(name, { python, threads, runs, images, weights }),
    }),
  );
  return [...works, ...commands];
}

async function measureAll(rows: readonly Measurable[]): Promise<Row[]> {
  const deadline = performance.now() + Number(options.minutes) * 60_000;
  const measured: Row[] = [];
  let longest = 0;
  for (const { name, measure } of rows) {
    const began = performance.now();
    if (began + longest > deadline) break;
    const settings = { ...readResults(out, machine).settings };
    try {
      const row = await measure(settings);
      const { rows: before } = readResults(out, machine);
      await writeResults(out, { machine, settings, rows: { ...before, [name]: row } });
      measured.push(row);
      if (!options.json) console.log(lineOf(row));
    } catch (error) {
      console.error(`${name}: ${(error as Error).message}`);
    }
    longest = Math.max(longest, performance.now() - began);
  }
  return measured;
}

function lineOf({ name, graft, peers }: Row): string {
  const ofPeers = Object.entries(peers).map(([peer, { ratio, milliseconds, setting, peak }]) => {
    const [low, high] = ratio.interval.map((end) => end.toFixed(2));
    const memory = `${(peak / 1e9).toFixed(2)} GB`;
    return `${ratio.ratio.toFixed(2)} (${low} to ${high}) of ${peer} ${milliseconds.median.toFixed(1)} ms, ${memory}, ${setting}`;
  });
  return [`${name}: ${graft.milliseconds.median.toFixed(1)} ms, ${(graft.peak / 1e9).toFixed(2)} GB`, ...ofPeers].join(
    '; ',
  );
}

const machine = thisMachine();
const out = options.out ?? resultsOf(machine);
if (options.help || kinds.length === 0) console.log(help);
else {
  const done = existsSync(out) && !options.again ? readResults(out, machine).rows : {};
  const open = wantedRows().filter(({ name }) => !(name in done));
  if (options.list) console.log(open.map(({ name }) => name).join('\n'));
  else {
    const rows = await measureAll(open);
    if (options.json) console.log(JSON.stringify(rows, null, 1));
  }
}
