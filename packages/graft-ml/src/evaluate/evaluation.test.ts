import { cpSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { parseOwnJson } from '@graft-ml/core/internal/base/own-json';
import { tensor } from '@graft-ml/core/internal/base/tensor';
import { fitTemperature } from '@graft-ml/core/internal/evaluate/temperature';
import { contentKey } from '@graft-ml/core/internal/image/seen';
import { asyncBufferFromFile, parquetMetadataAsync, parquetReadObjects } from 'hyparquet';
import { beforeAll, describe, expect, test } from 'vitest';
import { drawImages, ownCache, temporaryFolder } from '../../../../test/images.ts';
import { runFolder } from '../../../../test/runs.ts';
import { openDataset } from '../data/dataset.ts';
import { exportClassifier } from '../export/export-classifier.ts';
import { readRun } from '../runs/read-run.ts';
import { createSession, loadOrt } from '../runtime/index.ts';
import { loadModel } from '../transfer/load-model.ts';
import { calibrateRun } from './calibrate-run.ts';
import { compareRuns } from './compare-runs.ts';
import { evaluateFolder } from './evaluate-folder.ts';
import { type EvaluatedImage, writeEvaluatedImages } from './evaluation-file.ts';
import { openRun } from './open-run.ts';

ownCache();
const root = temporaryFolder();
const shapes = join(root, 'shapes');
const [first, second, reseeded] = ['first', 'second', 'reseeded'].map((name) => join(root, name)) as [
  string,
  string,
  string,
];
const threads = 1;

beforeAll(async () => {
  await drawImages(shapes, { perClass: 20 });
  const division = { validationFraction: 0.3, testFraction: 0.2 };
  await runFolder(shapes, first, { ...division, epochs: 2 });
  await runFolder(shapes, second, { ...division, epochs: 1, learningRate: 0.0005 });
  await runFolder(shapes, reseeded, { ...division, epochs: 1, seed: 1 });
}, 120_000);

describe('the prediction of each image', () => {
  test.each(['csv', 'jsonl', 'parquet'])('.%s: those of the evaluation, in its order', async (format) => {
    const predictions = join(root, `predictions.${format}`);
    const images: EvaluatedImage[] = [];
    const options = { threads, replicates: 0, predictions, onImage: (image: EvaluatedImage) => images.push(image) };
    const result = await evaluateFolder(first, shapes, options);
    expect(result).toMatchObject({ part: 'test', images: 12, predictions });
    expect(images.filter(({ label, predicted }) => label === predicted)).toHaveLength(result.correct);
    const names = ['cross', 'disc', 'square'];
    expect(await rowsOf(predictions)).toEqual(
      images.map(({ path, label, predicted, probabilities }) => ({
        path,
        label: names[label],
        prediction: names[predicted],
        correct: label === predicted,
        probabilities: Array.from(probabilities),
      })),
    );
    expect(images.map(({ path }) => basename(join(path, '..')))).toEqual(images.map(({ label }) => names[label]));
  });

  test('a file whose name says no format is refused before anything is opened', async () => {
    const options = { predictions: join(root, 'predictions.xlsx') };
    await expect(evaluateFolder(join(root, 'nowhere'), shapes, options)).rejects.toThrow(
      'predictions are written as .csv, .jsonl or .parquet',
    );
  });

  const hostile = ['=1+1', 'a,"b"', '\u001b[31mred', '__proto__', 'line\nbreak'];
  const some = (count: number, classes: readonly string[]): EvaluatedImage[] =>
    Array.from({ length: count }, (_, i) => ({
      path: `${i}.png`,
      label: i % classes.length,
      predicted: (2 * i) % classes.length,
      probabilities: Float32Array.from(classes, (_name, c) => (i + c) / 7),
    }));
  const inTurn = async function* (images: readonly EvaluatedImage[]) {
    yield* images;
  };

  test('hostile class names: no formula, no control character, no lost column', async () => {
    for (const format of ['csv', 'jsonl', 'parquet']) {
      await writeEvaluatedImages(join(root, `hostile.${format}`), inTurn(some(5, hostile)), hostile);
    }
    const csv = readFileSync(join(root, 'hostile.csv'), 'utf8').split('\n');
    expect(csv).toHaveLength(7);
    expect(csv[0]).toBe('path,label,prediction,correct,p_=1+1,"p_a,""b""",p_\\u001b[31mred,p___proto__,p_line break');
    expect(csv[1]!.startsWith("0.png,'=1+1,'=1+1,true,0,")).toBe(true);
    const lines = readFileSync(join(root, 'hostile.jsonl'), 'utf8');
    expect(lines).not.toContain('\u001b');
    const objects = lines.trimEnd().split('\n').map((line) => JSON.parse(line) as Row); // biome-ignore format: short
    expect(objects.map(({ label }) => label)).toEqual(hostile);
    expect(Object.keys(objects[0]!.probabilities)).toEqual(hostile);
    const file = await asyncBufferFromFile(join(root, 'hostile.parquet'));
    const rows = await parquetReadObjects({ file });
    expect(rows.map(({ label }) => label as string)).toEqual(hostile);
    expect(Object.keys(rows[0]!)).toEqual(['path', 'label', 'prediction', 'correct', ...hostile.map((n) => `p_${n}`)]);
  });

  test('Parquet is written in groups of rows, however many images there are', async () => {
    const classes = Array.from({ length: 1000 }, (_, i) => `class ${i}`);
    const path = join(root, 'many.parquet');
    await writeEvaluatedImages(path, inTurn(some(1203, classes)), classes);
    const file = await asyncBufferFromFile(path);
    const { row_groups: groups } = await parquetMetadataAsync(file);
    expect(groups.map(({ num_rows: rows }) => Number(rows))).toEqual([500, 500, 203]);
    const [last] = await parquetReadObjects({ file, rowStart: 1202, rowEnd: 1203 });
    expect(last).toMatchObject({ path: '1202.png', label: 'class 202', 'p_class 999': Math.fround(2201 / 7) });
  });

  test.each(['csv', 'parquet'])('an evaluation that fails leaves neither a .%s nor a part of one', async (format) => {
    const path = join(root, `failed.${format}`);
    const failing = async function* () {
      yield* some(3, hostile);
      throw new Error('no more');
    };
    await expect(writeEvaluatedImages(path, failing(), hostile)).rejects.toThrow('no more');
    expect(readdirSync(root).filter((name) => name.startsWith('failed'))).toEqual([]);
  });
});

interface Row {
  readonly label: string;
  readonly probabilities: Readonly<Record<string, number>>;
}

/** A file of predictions, in whatever format, with the float32 of the probabilities. */
async function rowsOf(path: string) {
  if (path.endsWith('.parquet')) {
    const rows = await parquetReadObjects({ file: await asyncBufferFromFile(path) });
    return rows.map(({ path: image, label, prediction, correct, ...probabilities }) => {
      expect(Object.keys(probabilities)).toEqual(['p_cross', 'p_disc', 'p_square']);
      return { path: image, label, prediction, correct, probabilities: Object.values(probabilities) };
    });
  }
  const lines = readFileSync(path, 'utf8').trimEnd().split('\n');
  if (path.endsWith('.jsonl')) {
    return lines.map((line) => {
      const row = JSON.parse(line) as Row;
      return { ...row, probabilities: Object.values(row.probabilities).map(Math.fround) };
    });
  }
  expect(lines[0]).toBe('path,label,prediction,correct,p_cross,p_disc,p_square');
  return lines.slice(1).map((line) => {
    const [image, label, prediction, correct, ...numbers] = line.split(',');
    const probabilities = numbers.map((text) => Math.fround(Number(text)));
    return { path: image, label, prediction, correct: correct === 'true', probabilities };
  });
}

describe('a calibrated run', () => {
  const run = join(root, 'calibrated');
  const before = () => evaluateFolder(run, shapes, { threads, replicates: 0, part: 'validation', calibrated: false });

  beforeAll(async () => {
    cpSync(second, run, { recursive: true });
    await calibrateRun(run, { threads });
  });

  test('its temperature is the one that fits the validation images, and no others', async () => {
    const { calibration, dataset } = await readRun(run);
    const { validation } = await openDataset(shapes, { validationFraction: 0.3, testFraction: 0.2 });
    await using classifier = await openRun(second, { threads });
    const logits: { label: number; logits: Float32Array }[] = [];
    for await (const one of classifier.logits(validation)) {
      logits.push({ label: validation[logits.length]!.label, logits: one.logits! });
    }
    const fitted = fitTemperature(logits);
    expect(calibration).toMatchObject({ part: 'validation', images: dataset.validation, checkpoint: 'best' });
    expect(calibration!.temperature).toBeCloseTo(fitted.temperature, 9);
    expect(calibration!.loss.after).toBeLessThan(calibration!.loss.before);
    const [uncalibrated, now] = [await before(), await evaluateFolder(run, shapes, { threads, part: 'validation' })];
    expect(calibration!.loss.before).toBeCloseTo(uncalibrated.loss, 5);
    expect(calibration!.loss.after).toBeCloseTo(now.loss, 5);
    expect(calibration!.calibrationError.before).toBeCloseTo(uncalibrated.calibration.error, 5);
    expect(calibration!.calibrationError.after).toBeCloseTo(now.calibration.error, 5);
    expect([uncalibrated.temperature, now.temperature]).toEqual([1, calibration!.temperature]);
    expect(now.confusion).toEqual(uncalibrated.confusion);
  });

  test('run.json keeps all else as it was', async () => {
    const contentOf = (folder: string) => parseOwnJson(readFileSync(join(folder, 'run.json')), folder);
    const { calibration, ...others } = contentOf(run) as Record<string, unknown>;
    expect(calibration).toBeDefined();
    expect(others).toEqual(contentOf(second));
    expect(readdirSync(run).sort()).toEqual(readdirSync(second).sort());
    expect((await readRun(second)).calibration).toBeUndefined();
  });

  test('its probabilities are the softmax of logits divided by it, in predictions and in every export', async () => {
    const temperature = (await readRun(run)).calibration!.temperature;
    const paths = [3, 7].map((i) => join(shapes, 'disc', `00${i}.png`));
    await using raw = await openRun(second, { threads });
    await using calibrated = await openRun(run, { threads });
    expect(calibrated.temperature).toBe(temperature);
    const expected: number[][] = [];
    for await (const { logits } of raw.logits(paths)) {
      const powers = Array.from(logits!, (z) => Math.exp(z / temperature));
      const sum = powers.reduce((total, power) => total + power, 0);
      expected.push(powers.map((power) => power / sum));
    }
    let next = 0;
    for await (const { probabilities } of calibrated.predict(paths)) {
      for (const [c, p] of probabilities!.entries()) expect(p).toBeCloseTo(expected[next]![c]!, 5);
      next++;
    }
    await exportClassifier(calibrated, join(root, 'classifier.onnx'));
    await using model = await loadModel(run);
    expect(model.temperature).toBe(temperature);
    await model.export(join(root, 'model.onnx'));
    const { preprocessing, pool } = calibrated;
    const pixels = await pool.view(paths[0]!, { kind: 'evaluation', preprocessing }, preprocessing.crop);
    for (const name of ['classifier.onnx', 'model.onnx']) {
      const bytes = readFileSync(join(root, name));
      expect(bytes.includes(String(temperature)), `${name} says its temperature`).toBe(true);
      const session = await createSession(bytes);
      const input = new (loadOrt().Tensor)('uint8', pixels, [1, 3, preprocessing.crop, preprocessing.crop]);
      const { logits, probabilities } = await session.run({ pixels: input });
      const said = Array.from(probabilities!.data as Float32Array);
      for (const [c, p] of said.entries()) expect(p).toBeCloseTo(expected[0]![c]!, 5);
      const powers = Array.from(logits!.data as Float32Array, Math.exp);
      const sum = powers.reduce((total, power) => total + power, 0);
      for (const [c, power] of powers.entries()) expect(power / sum).toBeCloseTo(said[c]!, 5);
      await session.release();
    }
  });

  test('a model that is saved is calibrated as before; one that is trained on is so no longer', async () => {
    await using model = await loadModel(run);
    expect(model.temperature).not.toBe(1);
    await model.save(join(root, 'saved'));
    await using saved = await openRun(join(root, 'saved'), { threads });
    expect([saved.temperature, saved.notes]).toEqual([model.temperature, []]);
    const [name, { shape, dtype }] = Object.entries(model.variables)[0]!;
    const size = shape.reduce((product, length) => product * length, 1);
    model.load({ [name]: tensor(dtype, shape, new Float32Array(size)) });
    expect(model.temperature).toBe(1);
    await model.save(join(root, 'saved'), { overwrite: true });
    expect((await readRun(join(root, 'saved'))).calibration).toBeUndefined();
  });

  test('with other weights it is not applied, and that is said', async () => {
    const changed = join(root, 'changed');
    cpSync(run, changed, { recursive: true });
    cpSync(join(first, 'best.safetensors'), join(changed, 'best.safetensors'));
    const result = await evaluateFolder(changed, shapes, { threads, replicates: 0 });
    expect(result.temperature).toBe(1);
    expect(result.notes).toEqual([expect.stringMatching(/was calibrated at other weights.*calibrateRun\("/)]);
    expect((await evaluateFolder(run, shapes, { threads, replicates: 0 })).notes).toEqual([]);
  });

  test('no validation images, and another’s run: that is said, and nothing is written', async () => {
    const unvalidated = join(root, 'unvalidated');
    cpSync(second, unvalidated, { recursive: true });
    edit(unvalidated, (content) => ({ ...content, dataset: { ...(content.dataset as object), validation: 0 } }));
    await expect(calibrateRun(unvalidated, { threads })).rejects.toThrow('has no validation images');
    const sent = join(root, 'sent');
    cpSync(second, sent, { recursive: true });
    edit(sent, (content) => ({ ...content, signature: null }));
    await expect(calibrateRun(sent, { threads })).rejects.toThrow('was not made by you on this machine');
    expect((await calibrateRun(sent, { threads, data: shapes })).temperature).toBe(
      (await readRun(run)).calibration!.temperature,
    );
    const others = await drawImages(join(root, 'others'), { perClass: 5, first: 60 });
    await expect(calibrateRun(second, { threads, data: others })).rejects.toThrow('does not hold the images');
    expect((await readRun(second)).calibration).toBeUndefined();
  });
});

/** Changes `run.json` as a person would. */
function edit(run: string, change: (content: Record<string, unknown>) => object): void {
  const path = join(run, 'run.json');
  const { checksum: _, ...content } = JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>;
  writeFileSync(path, JSON.stringify(change(content)));
}

describe('two runs on the same images', () => {
  test('their numbers are those of their own evaluations, and the counts those of their predictions', async () => {
    const result = await compareRuns(first, second, shapes, { threads, replicates: 0 });
    expect(result).toMatchObject({ part: 'validation', sameDataset: true, images: 15, leftOut: 0, isComplete: true });
    const judged = await Promise.all(
      [first, second].map(async (run) => {
        const images: EvaluatedImage[] = [];
        const onImage = (image: EvaluatedImage) => images.push(image);
        const { accuracy, loss } = await evaluateFolder(run, shapes, {
          threads,
          part: 'validation',
          replicates: 0,
          onImage,
        });
        return { accuracy, loss, images };
      }),
    );
    const isRight = (which: number, i: number) =>
      judged[which]!.images[i]!.label === judged[which]!.images[i]!.predicted;
    const count = (one: boolean, two: boolean) =>
      judged[0]!.images.filter((_, i) => isRight(0, i) === one && isRight(1, i) === two).length;
    expect(result).toMatchObject({
      bothCorrect: count(true, true),
      bothWrong: count(false, false),
      mcnemar: { onlyFirst: count(true, false), onlySecond: count(false, true) },
      difference: expect.closeTo(judged[1]!.accuracy - judged[0]!.accuracy, 12),
      first: { run: first, evaluation: { loss: judged[0]!.loss } },
      second: { run: second, evaluation: { loss: judged[1]!.loss } },
    });
    const differing = judged[0]!.images.filter((one, i) => one.predicted !== judged[1]!.images[i]!.predicted);
    expect(differing.length).toBeGreaterThan(0);
    expect(result.differences.map(({ path }) => path)).toEqual(differing.map(({ path }) => path));
    expect(result.differing).toBe(differing.length);
    expect((await compareRuns(first, second, shapes, { threads, mostDifferences: 1 })).differences).toHaveLength(1);
  });

  test('a run against itself', async () => {
    const result = await compareRuns(first, first, shapes, { threads, replicates: 0, part: 'test' });
    expect(result).toMatchObject({ part: 'test', images: 12, differing: 0, difference: 0, mcnemar: { pValue: 1 } });
  });

  test('images that the other was fitted to do not count', async () => {
    const result = await compareRuns(first, reseeded, shapes, { threads, replicates: 0 });
    await using other = await openRun(reseeded, { threads });
    const { validation } = await openDataset(shapes, { validationFraction: 0.3, testFraction: 0.2 });
    const unknown = validation.filter((image) => !other.seen!.fitted.has(contentKey(image)));
    expect([result.images, result.leftOut]).toEqual([unknown.length, 15 - unknown.length]);
    expect(result.leftOut).toBeGreaterThan(0);
  });

  test('a run that does not know a class', async () => {
    const two = join(root, 'two-classes');
    await drawImages(join(root, 'two'), { classes: ['disc', 'square'], perClass: 8, first: 40 });
    await runFolder(join(root, 'two'), two, { epochs: 1 });
    await expect(compareRuns(first, two, shapes, { threads })).rejects.toThrow('does not know all classes');
    expect(existsSync(join(two, 'run.lock'))).toBe(false);
  });
});
