/*
 * What others make of Graft's exports: fine-tuned runs, exported in every format, opened by each format's own reader on
 * the same 120 images that no run has seen.
 *   npm run build && node dist/bench/readers.js IMAGES --squeezenet FILE --efficientnet FILE --triton-proto FILE --python PATH
 *     [--runs FOLDER]
 * IMAGES is trashnet_600; the weights are pretrained ones of SqueezeNet 1.1 and EfficientNet-B0 (bench/rank.ts says from
 * where); the proto is protobuf/model_config.proto of triton-inference-server/common. PATH is a Python with torch,
 * torchvision, timm, transformers, optimum-onnx and grpcio-tools; transformers.js is installed with npm in a temporary
 * folder. Runs are kept in FOLDER and used again. Results go to bench/results/readers.json; docs/export.md has the table.
 */

import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import type { TrainConfigInput } from '@graft-ml/core/internal/recipe/config/index';
import { openRun } from 'graft-ml/evaluate';
import { type ExportDtype, type ExportRunOptions, exportRun } from 'graft-ml/export';
import { trainFolder } from 'graft-ml/train';

/** An export of a run as one reader opened it. */
interface ReaderResult {
  readonly run: string;
  readonly format: string;
  readonly preprocessing: string;
  /** `1`, or `any`. */
  readonly batch: string;
  /** The dtypes of the export, if there are several. */
  readonly among: string | null;
  /** Of the network that the reader opened. */
  readonly dtype: string;
  readonly reader: string;
  readonly images: number;
  /** Images whose likeliest class is that of the run. */
  readonly sameClass: number;
  /** Of all probabilities of all images. */
  readonly largestDifference: number;
  readonly meanDifference: number;
  readonly accuracy: number;
  /** Of the run itself. */
  readonly runAccuracy: number;
}

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    python: { type: 'string', default: 'python3' },
    squeezenet: { type: 'string' },
    efficientnet: { type: 'string' },
    runs: { type: 'string' },
    'triton-proto': { type: 'string' },
  },
});
const [images] = positionals;
const { squeezenet, efficientnet, 'triton-proto': proto } = options;
if (!images || !squeezenet || !efficientnet || !proto) {
  throw new Error('readers: the images, both files of weights and model_config.proto are needed');
}
const scratch = mkdtempSync(join(tmpdir(), 'graft-readers-'));
const runs = resolve(options.runs ?? join(scratch, 'runs'));

/** Every fifth image of a class is kept from training. */
function splitImages(root: string, out: string): void {
  const classes = readdirSync(root, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  for (const { name } of classes) {
    const files = readdirSync(join(root, name)).sort();
    for (const [i, file] of files.entries()) {
      const folder = join(out, i % 5 === 4 ? 'test' : 'train', name);
      mkdirSync(folder, { recursive: true });
      copyFileSync(resolve(root, name, file), join(folder, file));
    }
  }
}

const recipes: Readonly<Record<string, TrainConfigInput>> = {
  squeezenet1_1: { model: 'squeezenet1_1', weights: squeezenet, strategy: 'full', epochs: 6 },
  efficientnet_b0: { model: 'efficientnet_b0', weights: efficientnet, strategy: 'full', epochs: 6, imageSize: 128 },
  // From random numbers, since no pretrained ones are at hand: its images are of another size than usual.
  resnet18: { model: 'resnet18', weights: null, strategy: 'scratch', epochs: 8, imageSize: 128 },
};

const split = join(runs, 'images');
if (!existsSync(split)) splitImages(images, split);
for (const [name, config] of Object.entries(recipes)) {
  const out = join(runs, name);
  if (existsSync(out)) continue;
  for await (const event of trainFolder(join(split, 'train'), config, { out })) {
    if (event.kind === 'evaluation') console.log(name, event.epoch, event.accuracy);
  }
}

const test = readdirSync(join(split, 'test'), { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.jpg'))
  .sort()
  .map((path) => join(split, 'test', path));

/** A network of an export and the reader that opens it. */
interface Job {
  readonly run: string;
  readonly format: string;
  readonly preprocessing: string;
  readonly batch: string;
  readonly among: string | null;
  readonly dtype: ExportDtype;
  readonly reader: string;
  readonly folder: string;
  /** Where an export has several dtypes: transformers.js's name of the one to open. */
  readonly hubDtype: string | null;
  /** The ONNX model: the name in `onnx/` of the folder, or a path. */
  readonly file: string | null;
  readonly usage: readonly string[];
  readonly proto: string;
}

/** The exports of a run, each for its readers. */
interface Case extends Pick<ExportRunOptions, 'format' | 'preprocessing' | 'batchSize'> {
  readonly dtype?: readonly ExportDtype[];
  readonly readers: readonly string[];
  /** The only run that it is made of: to a reader, numbers and batches are a model like others. */
  readonly only?: string;
}
const usual: readonly ExportDtype[] = ['fp32'];
const hub = ['transformers.js', 'optimum'];
const only = 'squeezenet1_1';
const cases: readonly Case[] = [
  { format: 'onnx', readers: ['onnxruntime'] },
  { format: 'onnx', preprocessing: 'inside', readers: ['onnxruntime'] },
  { format: 'hf', readers: hub },
  { format: 'hf', preprocessing: 'inside', readers: hub },
  { format: 'hf', dtype: ['int8'], readers: hub, only },
  { format: 'hf', dtype: ['fp32', 'fp16', 'int8'], readers: hub, only },
  { format: 'hf', dtype: ['fp32', 'fp16', 'int8'], preprocessing: 'inside', readers: hub, only },
  { format: 'timm', readers: ['timm', 'transformers'] },
  { format: 'safetensors', readers: ['torchvision'] },
  { format: 'triton', readers: ['triton'] },
  { format: 'triton', batchSize: 'any', readers: ['triton'] },
  { format: 'triton', preprocessing: 'inside', readers: ['triton'], only },
  { format: 'triton', batchSize: 'any', dtype: ['fp16'], readers: ['triton'], only },
  { format: 'triton', batchSize: 'any', dtype: ['int8'], readers: ['triton'], only },
];
const hubDtypes: Readonly<Record<ExportDtype, string>> = { fp32: 'fp32', fp16: 'fp16', int8: 'q8' };

async function jobsOf(run: string): Promise<Job[]> {
  const jobs: Job[] = [];
  for (const [i, { readers, only: one = run, dtype: asked = usual, ...choice }] of cases.entries()) {
    const { format = 'onnx', preprocessing = 'outside', batchSize = 1 } = choice;
    // timm has no SqueezeNet.
    if (one !== run || (format === 'timm' && run === 'squeezenet1_1')) continue;
    const folder = join(scratch, 'exports', run, `${i}-${format}`);
    const path = { onnx: join(folder, 'model.onnx'), safetensors: join(folder, 'model.safetensors') };
    const out = format === 'onnx' || format === 'safetensors' ? path[format] : folder;
    // Whatever int8 costs stands in the table.
    const exported = await exportRun(join(runs, run), { ...choice, dtype: asked, out, maxDrop: 100 });
    const among = asked.length > 1 ? asked.join(', ') : null;
    for (const dtype of asked) {
      const model = exported.networks.find((network) => network.dtype === dtype)?.path ?? null;
      const file = format === 'hf' && model !== null ? basename(model) : model;
      const hubDtype = among === null ? null : hubDtypes[dtype];
      const { usage } = exported;
      const facts = { run, format, preprocessing, batch: String(batchSize), among, dtype, folder };
      for (const reader of readers) jobs.push({ ...facts, reader, hubDtype, file, usage, proto: proto! });
    }
  }
  return jobs;
}

interface Answers {
  readonly classes: readonly string[];
  readonly probabilities: readonly (readonly number[])[];
}

/** Runs a script on jobs, which answers in a file. */
function answersOf<T>(command: string, script: string, jobs: readonly Job[], cwd: string): T {
  const [jobsFile, out] = [join(cwd, 'jobs.json'), join(cwd, 'answers.json')];
  writeFileSync(jobsFile, JSON.stringify({ images: test, jobs }));
  const { status } = spawnSync(command, [script, jobsFile, out], { cwd, stdio: 'inherit' });
  if (status !== 0) throw new Error(`${script} failed`);
  return JSON.parse(readFileSync(out, 'utf8'));
}

const peers = fileURLToPath(new URL('../../bench/peer/', import.meta.url));

/** transformers.js, in a folder of its own. */
function byTransformersJs(jobs: readonly Job[]) {
  const folder = join(scratch, 'transformers.js');
  mkdirSync(folder);
  writeFileSync(join(folder, 'package.json'), '{ "private": true }');
  const install = ['install', '--no-audit', '--no-fund', '--ignore-scripts', '@huggingface/transformers'];
  if (spawnSync('npm', install, { cwd: folder, stdio: 'inherit' }).status !== 0) throw new Error('npm failed');
  copyFileSync(join(peers, 'transformers_js.mjs'), join(folder, 'transformers_js.mjs'));
  const { version, results } = answersOf<{ version: string; results: Answers[] }>(
    process.execPath,
    'transformers_js.mjs',
    jobs,
    folder,
  );
  return { versions: { 'transformers.js': version }, results };
}

function byPython(jobs: readonly Job[]) {
  const folder = join(scratch, 'python');
  mkdirSync(folder);
  const script = join(peers, 'readers.py');
  return answersOf<{ versions: Record<string, string>; results: Answers[] }>(options.python, script, jobs, folder);
}

const best = (values: ArrayLike<number>) => Array.from(values).indexOf(Math.max(...Array.from(values)));
const labelOf = (path: string) => basename(dirname(path));

/** The probabilities of the run itself. */
async function byRun(run: string): Promise<Answers> {
  const classifier = await openRun(join(runs, run));
  try {
    const probabilities: number[][] = [];
    for await (const answer of classifier.predict(test)) probabilities.push(Array.from(answer.probabilities!));
    return { classes: classifier.classes, probabilities };
  } finally {
    await classifier.close();
  }
}

function compare(job: Job, answers: Answers, own: Answers): ReaderResult {
  if (JSON.stringify(answers.classes) !== JSON.stringify(own.classes)) throw new Error(`${job.reader}: other classes`);
  const differences = own.probabilities.flatMap((row, i) =>
    row.map((p, k) => Math.abs(p - answers.probabilities[i]![k]!)),
  );
  const accuracy = ({ classes, probabilities }: Answers) =>
    probabilities.filter((row, i) => classes[best(row)] === labelOf(test[i]!)).length / test.length;
  const { run, format, preprocessing, batch, among, dtype, reader } = job;
  return {
    run,
    format,
    preprocessing,
    batch,
    among,
    dtype,
    reader,
    images: test.length,
    sameClass: own.probabilities.filter((row, i) => best(row) === best(answers.probabilities[i]!)).length,
    largestDifference: Math.max(...differences),
    meanDifference: differences.reduce((a, b) => a + b, 0) / differences.length,
    accuracy: accuracy(answers),
    runAccuracy: accuracy(own),
  };
}

const jobs: Job[] = [];
for (const run of Object.keys(recipes)) jobs.push(...(await jobsOf(run)));
const inNode = jobs.filter(({ reader }) => reader === 'transformers.js');
const inPython = jobs.filter(({ reader }) => reader !== 'transformers.js');
const [node, python] = [byTransformersJs(inNode), byPython(inPython)];
const answers = new Map<Job, Answers>();
for (const [i, job] of inNode.entries()) answers.set(job, node.results[i]!);
for (const [i, job] of inPython.entries()) answers.set(job, python.results[i]!);
const results: ReaderResult[] = [];
for (const run of Object.keys(recipes)) {
  const own = await byRun(run);
  for (const job of jobs) if (job.run === run) results.push(compare(job, answers.get(job)!, own));
}
const versions = { node: process.versions.node, ...node.versions, ...python.versions };
writeFileSync('bench/results/readers.json', `${JSON.stringify({ versions, results }, null, 2)}\n`);
console.table(results);
