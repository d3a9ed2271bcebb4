/*
 * The case of a foreign ONNX classifier from one end to the other: what it says of photos with its own classes, and
 * what becomes of it when its head is replaced and it is trained on other classes, over three seeds:
 *   npm run build && node dist/bench/onnx.js MODEL.onnx CALTECH_FOLDER TRAIN_FOLDER [--seeds 3]
 * The results in bench/results/onnx.json come from ../shared/weights/mobilenet_v1_025_224_imagenet1k.onnx,
 * ../shared/data/caltech101_10x60 and ../shared/data/trashnet_600.
 */

import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { wilsonInterval } from '@graft-ml/core/evaluate';
import { argmax } from '@graft-ml/core/internal/base/largest';
import { openModel } from 'graft-ml/internal/evaluate/classifier';
import { evaluateFolder } from 'graft-ml/internal/evaluate/evaluate-folder';
import { openRun } from 'graft-ml/internal/evaluate/open-run';
import { exportClassifier } from 'graft-ml/internal/export/export-classifier';
import { createSession, loadOrt } from 'graft-ml/internal/runtime/index';
import { trainFolder } from 'graft-ml/internal/transfer/train-folder';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { seeds: { type: 'string', default: '3' } },
});
const [model, photos, folder] = positionals;
if (!model || !photos || !folder)
  throw new Error('usage: node dist/bench/onnx.js MODEL.onnx PHOTOS FOLDER [--seeds 3]');

/** What the file was trained with. */
const normalisation = { mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] } as const;

/** Which of ImageNet's classes are right for a class of Caltech-101. Sunflowers and chandeliers have none. */
const right: Readonly<Record<string, RegExp>> = {
  airplanes: /^(airliner|wing|warplane)/,
  butterfly: /^(monarch|admiral|ringlet|cabbage butterfly|sulphur butterfly|lycaenid)/,
  dalmatian: /^dalmatian/,
  elephant: /^(tusker|African elephant|Indian elephant)/,
  grand_piano: /^(grand piano|upright)/,
  motorbikes: /^(moped|motor scooter)/,
  starfish: /^starfish/,
  watch: /^(digital watch|analog clock|stopwatch|magnetic compass|barometer)/,
};

/** Top-1 on the photos whose class ImageNet has. */
async function ownClasses() {
  const classifier = await openModel({ name: model!, ...normalisation });
  const rows: { class: string; correct: number; images: number }[] = [];
  for (const [name, names] of Object.entries(right)) {
    const paths = readdirSync(join(photos!, name)).map((file) => join(photos!, name, file));
    let correct = 0;
    for await (const { probabilities } of classifier.predict(paths)) {
      if (probabilities && names.test(classifier.classes[argmax(probabilities)]!)) correct++;
    }
    rows.push({ class: name, correct, images: paths.length });
  }
  const sameAsFile = await differenceFromFile(classifier);
  await classifier.close();
  const [correct, images] = [rows.map((r) => r.correct), rows.map((r) => r.images)].map((list) =>
    list.reduce((a, b) => a + b, 0),
  );
  return { rows, correct, images, interval: wilsonInterval(correct!, images!), sameAsFile };
}

/** The largest difference of a probability between the imported graph and ORT on the file itself. */
async function differenceFromFile(classifier: Awaited<ReturnType<typeof openModel>>): Promise<number> {
  const side = classifier.preprocessing.crop;
  const pixels = Uint8Array.from({ length: 3 * side * side }, (_, i) => (i * 7919) % 256);
  const ours = await classifier.probabilities(pixels, 1);
  const session = await createSession(await readFile(model!));
  const x = new (loadOrt().Tensor)(
    'float32',
    Float32Array.from(pixels, (byte) => byte / 127.5 - 1),
    [1, 3, side, side],
  );
  const { logits } = await session.run({ [session.inputNames[0]!]: x }, ['logits']);
  await session.release();
  const scores = logits!.data as Float32Array;
  const largest = Math.max(...scores);
  const weights = scores.map((score) => Math.exp(score - largest));
  const sum = weights.reduce((a, b) => a + b, 0);
  return ours.reduce((most, p, i) => Math.max(most, Math.abs(p - weights[i]! / sum)), 0);
}

/** Fresh head, trained; then measured again from the run folder, and exported. */
async function transfer(strategy: 'feature-extraction' | 'full', seed: number, scratch: string) {
  const out = join(scratch, `${strategy}-${seed}`);
  const start = performance.now();
  for await (const event of trainFolder(folder!, { model: model!, ...normalisation, strategy, seed }, { out })) {
    if (event.kind === 'evaluation' && event.epoch % 4 === 0) console.log(strategy, seed, event.epoch, event.accuracy);
  }
  const seconds = (performance.now() - start) / 1000;
  const { accuracy, correct, images } = await evaluateFolder(out, folder!);
  const classifier = await openRun(out);
  const { difference } = await exportClassifier(classifier, join(out, 'model.onnx'));
  await classifier.close();
  return { strategy, seed, accuracy, correct, images, seconds, exportDifference: difference };
}

const scratch = mkdtempSync(join(tmpdir(), 'graft-onnx-'));
const own = await ownClasses();
console.table(own.rows);
console.log(`own classes: ${own.correct} of ${own.images}, differs from ORT on the file by ${own.sameAsFile}`);
const runs = [];
for (const strategy of ['feature-extraction', 'full'] as const) {
  for (let seed = 0; seed < Number(values.seeds); seed++) {
    runs.push(await transfer(strategy, seed, scratch));
    console.log(runs.at(-1));
  }
}
rmSync(scratch, { recursive: true });
const machine = { processor: cpus()[0]?.model, cores: cpus().length, node: process.versions.node };
const file = fileURLToPath(new URL('../../bench/results/onnx.json', import.meta.url));
const size = readFileSync(model).length;
const record = { date: new Date().toISOString().slice(0, 10), machine, model: basename(model), size, own, runs };
writeFileSync(file, `${JSON.stringify(record, null, 1)}\n`);
