/*
 * What the forms and number formats of an export cost: agreement with the run, size and time, on the images of a dataset
 * that training never saw.
 *   npm run build
 *   node dist/bench/exports.js FOLDER SQUEEZENET ONNX [--epochs 3]   # bench/results/exports.json
 * FOLDER is ../shared/data/trashnet_600, SQUEEZENET a file of weights, which are fine-tuned whole, and ONNX a pretrained
 * network as ONNX (EfficientNet-Lite0 in the results), whose head is trained.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { cpus, loadavg, tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { parseArgs } from 'node:util';
import { openRun } from 'graft-ml/evaluate';
import { type ExportRunOptions, exportRun } from 'graft-ml/export';
import { exportImages } from 'graft-ml/internal/export/export-images';
import { trainFolder } from 'graft-ml/internal/transfer/train-folder';
import { loadPredictor } from 'graft-ml/predict';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { epochs: { type: 'string', default: '3' } },
});
const [folder, squeezenet, onnx] = positionals;
if (!folder || !squeezenet || !onnx) throw new Error('usage: node dist/bench/exports.js FOLDER SQUEEZENET ONNX');

const scratch = mkdtempSync(join(tmpdir(), 'graft-exports-'));
const exports: Readonly<Record<string, ExportRunOptions>> = {
  'pixels, fp32': {},
  'pixels, fp32, any batch': { batchSize: 'any' },
  'image, fp32': { preprocessing: 'inside' },
  'pixels, fp16': { dtype: 'fp16' },
  'image, fp16': { dtype: 'fp16', preprocessing: 'inside' },
};

const argmax = (p: Float32Array) => p.indexOf(Math.max(...p));
const median = (times: readonly number[]) => times.toSorted((a, b) => a - b)[Math.floor(times.length / 2)]!;

/** Agreement of an export with the run's answers, from the file of an image to its probabilities. */
async function measure(run: string, options: ExportRunOptions, answers: ReadonlyMap<string, Float32Array>) {
  const { path, bytes } = await exportRun(run, { ...options, out: join(scratch, 'model.onnx'), maxDrop: 100 });
  const predictor = await loadPredictor(await readFile(path), { threads: 1 });
  let [sameClass, largestDifference] = [0, 0];
  const times: number[] = [];
  for (const [image, expected] of answers) {
    const start = performance.now();
    const given = await predictor.probabilities(image);
    times.push(performance.now() - start);
    if (argmax(given) === argmax(expected)) sameClass++;
    for (const [i, p] of expected.entries()) largestDifference = Math.max(largestDifference, Math.abs(given[i]! - p));
  }
  await predictor.close();
  return { bytes, sameClass, largestDifference, milliseconds: median(times) };
}

const results = [];
for (const { name: network, ...config } of [
  { name: 'squeezenet1_1', model: 'squeezenet1_1', weights: squeezenet, strategy: 'full' },
  { name: basename(onnx, '.onnx'), model: onnx, weights: null, strategy: 'feature-extraction' },
] as const) {
  const run = join(scratch, network);
  const shared = { testFraction: 0.2, epochs: Number(values.epochs), seed: 0 };
  for await (const event of trainFolder(folder, { ...config, ...shared }, { out: run })) {
    if (event.kind === 'evaluation') console.log(network, event.epoch, event.accuracy);
  }
  const classifier = await openRun(run);
  const { compared, part } = await exportImages(run, classifier, {});
  if (part !== 'test') throw new Error('the run has no test images');
  const answers = new Map<string, Float32Array>();
  for await (const { path, probabilities } of classifier.predict(compared)) answers.set(path, probabilities!);
  await classifier.close();
  for (const [name, options] of Object.entries(exports)) {
    const row = { network, export: name, images: answers.size, ...(await measure(run, options, answers)) };
    console.log(row);
    results.push(row);
  }
}
rmSync(scratch, { recursive: true });
const machine = { processor: cpus()[0]!.model, threads: 1, load: loadavg()[0] };
writeFileSync('bench/results/exports.json', `${JSON.stringify({ machine, results }, null, 2)}\n`);
