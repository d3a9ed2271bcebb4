/*
 * The start of a service: importing, opening a model, and the first answer, each in a process of its own, with
 * `graft-ml/predict`, with `openRun`, and with the pipeline of transformers.js on the same network.
 *   npm run build
 *   node dist/bench/cold-start.js RUN IMAGE [--transformers FOLDER] [--rounds 7]   # bench/results/cold-start.json
 * FOLDER is one in which `npm install @huggingface/transformers --ignore-scripts` was run. The ways take turns.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { exportRun } from 'graft-ml/export';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { transformers: { type: 'string' }, rounds: { type: 'string', default: '7' } },
});
const [run, image] = positionals.map((path) => resolve(path));
if (!run || !image) throw new Error('usage: node dist/bench/cold-start.js RUN IMAGE [--transformers FOLDER]');

const scratch = mkdtempSync(join(tmpdir(), 'graft-cold-start-'));
const model = join(scratch, 'model.onnx');
const folder = join(scratch, 'hf');
await exportRun(run, { out: model });
await exportRun(run, { format: 'hf', out: folder });

/** The part of a way that differs: what it imports, opens and asks. The answer is the name of the likeliest class. */
interface Way {
  readonly name: string;
  /** The folder whose packages it uses. */
  readonly folder: string;
  readonly imports: string;
  readonly open: string;
  readonly answer: string;
}

const ways: readonly Way[] = [
  {
    name: 'graft-ml/predict',
    folder: process.cwd(),
    imports: `await import('graft-ml/predict')`,
    open: `await library.loadPredictor(${JSON.stringify(model)})`,
    answer: `(await opened.predict(${JSON.stringify(image)}, 1))[0].name`,
  },
  {
    name: 'openRun of graft-ml',
    folder: process.cwd(),
    imports: `await import('graft-ml')`,
    open: `await library.openRun(${JSON.stringify(run)})`,
    answer: `(await opened.classify(${JSON.stringify(image)}, { top: 1 })).classes[0].name`,
  },
  ...(values.transformers === undefined
    ? []
    : [
        {
          name: 'transformers.js',
          folder: resolve(values.transformers),
          imports: `await import('@huggingface/transformers')`,
          open: `await library.pipeline('image-classification', ${JSON.stringify(folder)}, { dtype: 'fp32' })`,
          answer: `(await opened(${JSON.stringify(image)}))[0].label`,
        },
      ]),
];

interface Start {
  /** Milliseconds, each after the one before; Node's own start is in `node`. */
  readonly node: number;
  readonly import: number;
  readonly open: number;
  readonly first: number;
  /** From the start of the process to the first answer. */
  readonly total: number;
  /** The second answer. */
  readonly second: number;
  /** The most memory that the process had, MB. */
  readonly memory: number;
  readonly answer: string;
}

function start({ folder, imports, open, answer }: Way): Start {
  const script = `
    const times = [performance.now()];
    const library = ${imports}; times.push(performance.now());
    const opened = ${open}; times.push(performance.now());
    const answer = ${answer}; times.push(performance.now());
    ${answer}; times.push(performance.now());
    const [node, imported, isOpen, first, second] = times;
    console.log(JSON.stringify({ node, import: imported - node, open: isOpen - imported, first: first - isOpen,
      total: first, second: second - first, memory: process.resourceUsage().maxRSS / 1024, answer }));
    process.exit(0);`;
  const file = join(folder, 'node_modules/.cold-start.mjs'); // where its packages are found
  writeFileSync(file, script);
  const { status, stdout, stderr } = spawnSync(process.execPath, [file], { encoding: 'utf8' });
  rmSync(file);
  if (status !== 0) throw new Error(stderr);
  return JSON.parse(stdout.trim().split('\n').at(-1)!);
}

const median = (numbers: readonly number[]) => [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)]!;

for (const way of ways) start(way); // files come into the system's memory
const load = loadavg();
const starts = new Map<string, Start[]>(ways.map(({ name }) => [name, []]));
for (let round = 0; round < Number(values.rounds); round++)
  for (const way of ways) starts.get(way.name)!.push(start(way));

const results = ways.map(({ name, folder }) => {
  const of = starts.get(name)!;
  const number = (key: Exclude<keyof Start, 'answer'>) => Math.round(median(of.map((each) => each[key])));
  const keys = ['node', 'import', 'open', 'first', 'total', 'second', 'memory'] as const;
  const version =
    name === 'transformers.js'
      ? JSON.parse(readFileSync(join(folder, 'node_modules/@huggingface/transformers/package.json'), 'utf8')).version
      : undefined;
  return {
    name,
    version,
    answer: of[0]!.answer,
    ...Object.fromEntries(keys.map((key) => [key, number(key)])),
    starts: of,
  };
});
console.table(results.map(({ starts: _, ...row }) => row));
const machine = { cpu: cpus()[0]!.model, cores: cpus().length, load, node: process.version };
writeFileSync(
  'bench/results/cold-start.json',
  `${JSON.stringify({ machine, rounds: values.rounds, results }, null, 2)}\n`,
);
rmSync(scratch, { recursive: true });
