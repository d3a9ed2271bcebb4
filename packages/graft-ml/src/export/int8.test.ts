import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { networkModel, readOnnxModel } from '@graft-ml/core/internal/export/index';
import { beforeAll, describe, expect, test, vi } from 'vitest';
import { drawImages, ownCache, temporaryFolder } from '../../../../test/images.ts';
import { runFolder } from '../../../../test/runs.ts';
import { openRun } from '../evaluate/open-run.ts';
import { assertDrop, type DtypeComparison, type DtypeRow } from './compare-dtypes.ts';
import { exportClassifier } from './export-classifier.ts';
import { type ExportImages, exportImages, heldOut, spread } from './export-images.ts';
import { exportRun } from './export-run.ts';
import { Int8Conversion } from './int8.ts';

ownCache();
const root = temporaryFolder();
const run = join(root, 'run');
const threads = 1;

beforeAll(async () => {
  const shapes = await drawImages(join(root, 'shapes'), { perClass: 24 });
  await runFolder(shapes, run, { epochs: 6, testFraction: 0.25 });
});

const black = { width: 28, height: 28, data: new Uint8Array(3 * 28 * 28) };

describe('a run in int8', () => {
  test('is compared with fp32 on its test images, and written', async () => {
    const progress = new Set<string>();
    const out = join(root, 'int8.onnx');
    // On few images one more mistake is many points.
    const options = { out, dtype: 'int8', maxDrop: 100 } as const;
    const { comparison, difference } = await exportRun(run, {
      ...options,
      onProgress: ({ stage }) => progress.add(stage),
    });
    expect(comparison).toMatchObject({
      images: 18,
      part: 'test',
      rows: [{ dtype: 'fp32' }, { dtype: 'fp16' }, { dtype: 'int8' }],
    });
    const [fp32, , int8] = comparison!.rows;
    expect(fp32!.accuracy).toBeGreaterThan(0.6);
    expect(int8!.bytes).toBeLessThan(0.4 * fp32!.bytes);
    expect(int8!.agreement).toBeGreaterThan(0.75);
    expect(fp32!.agreement).toBe(1);
    expect(int8!.milliseconds).toBeGreaterThan(0);
    expect(difference).toBeGreaterThan(0);
    expect([...progress].filter((stage) => stage !== 'choosing')).toEqual([
      'converting',
      'comparing',
      'checking',
      'writing',
    ]);
    const { metadata, nodes } = readOnnxModel(await readFile(out));
    expect(metadata).toMatchObject({ dtype: 'int8', classes: '["cross","disc","square"]' });
    expect(nodes.filter(({ operator }) => operator === 'QuantizeLinear').length).toBeGreaterThan(4);
  });

  test('takes batches, and 8 bits', async () => {
    const out = join(root, 'batch.onnx');
    const options = { out, dtype: 'int8', batchSize: 5, weightBits: 8, maxDrop: 100 } as const;
    expect((await exportRun(run, options)).input).toEqual([5, 3, 28, 28]);
  });

  test('is refused where it costs more than a point, with the numbers, and nothing is written', async () => {
    const out = join(root, 'refused.onnx');
    const refused = exportRun(run, { out, dtype: 'int8', calibration: { images: [black] }, keepFp32: 'none' });
    await expect(refused).rejects.toThrow(
      /^int8 costs [\d.]+ points of accuracy: [\d.]+ % \(.*\), and fp32 .* on 18 test images. Nothing was written. Pass `maxDrop: [\d.]+`/,
    );
    expect(existsSync(out)).toBe(false);
  });

  test('is calibrated on training images alone', async () => {
    const classifier = await openRun(run, { threads });
    const { training, compared, part } = await exportImages(run, classifier, {});
    expect([training.length, compared.length, part]).toEqual([42, 18, 'test']);
    const view = vi.spyOn(classifier, 'view');
    const report: number[] = [];
    const conversion = new Int8Conversion({
      classifier,
      calibration: { count: 10, method: 'mse' },
      weightBits: undefined,
      keepFp32: 'none',
      maxDrop: 1,
      images: () => exportImages(run, classifier, {}),
      signal: undefined,
      onProgress: (_, done) => report.push(done),
    });
    await conversion.convert(networkModel(classifier, 'pixels', 1));
    expect(report).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    const looked = view.mock.calls.map(([image]) => image);
    expect(looked).toEqual(spread(training, 10));
    const digests = new Set(training.map(({ path }) => path));
    expect(compared.filter(({ path }) => digests.has(path))).toEqual([]);
    // Evenly over the classes.
    expect(new Set(spread(training, 10).map(({ label }) => label)).size).toBe(3);
    await classifier.close();
  });

  test('keeps the layers that are named in f32', async () => {
    const out = join(root, 'kept.onnx');
    const options = { out, dtype: 'int8', maxDrop: 100, overwrite: true } as const;
    const all = await exportRun(run, { ...options, keepFp32: 'none' });
    const { layers } = all.quantisation!;
    expect(all.quantisation).toMatchObject({
      kept: [],
      heldOut: null,
      weightBits: 'auto',
      calibration: { images: 42 },
    });
    const kept = await exportRun(run, { ...options, keepFp32: [layers[0]!] });
    expect(kept.quantisation!.kept).toEqual([layers[0]]);
    expect(kept.bytes).toBeGreaterThan(all.bytes);
    const { initializers } = readOnnxModel(await readFile(out));
    const weights = [...initializers].filter(([name]) => /weight(_folded)?$/.test(name));
    expect(weights.map(([name, { dtype }]) => `${name} ${dtype}`)).toEqual([`${layers[0]}.weight_folded f32`]);
    await expect(exportRun(run, { ...options, keepFp32: ['features.99'] })).rejects.toThrow('"features.99"');
  });

  test('chooses layers to keep on validation images, never on those that it is compared on', async () => {
    const classifier = await openRun(run, { threads });
    const images = await exportImages(run, classifier, {});
    expect(images.part).toBe('test');
    const view = vi.spyOn(classifier, 'view');
    const conversion = new Int8Conversion({
      classifier,
      // Ranges of a black image suit no other.
      calibration: { images: [black] },
      weightBits: undefined,
      keepFp32: 'auto',
      maxDrop: 0,
      images: async () => images,
      signal: undefined,
      onProgress() {},
    });
    const { kept, heldOut, errors, layers } = await conversion.quantisation();
    const test = new Set<unknown>(images.compared);
    expect(view.mock.calls.filter(([image]) => test.has(image))).toEqual([]);
    expect(heldOut).toMatchObject({ part: 'validation', images: images.validation.length });
    expect(heldOut!.tries[0]).toMatchObject({ kept: 0 });
    expect(heldOut!.tries[0]!.changed).toBeGreaterThan(0);
    const taken = heldOut!.tries.at(-1)!;
    expect(taken.changed).toBe(Math.min(...heldOut!.tries.map(({ changed }) => changed)));
    expect(kept).toEqual(errors!.slice(0, taken.kept).map(({ name }) => name));
    expect(kept.length).toBeLessThanOrEqual(layers.length / 2);
    await classifier.close();
  });

  test('stops when it is told to, with nothing written', async () => {
    const out = join(root, 'stopped.onnx');
    const controller = new AbortController();
    const stopped = exportRun(run, {
      out,
      dtype: 'int8',
      signal: controller.signal,
      onProgress: ({ stage }) => stage === 'comparing' && controller.abort(),
    });
    await expect(stopped).rejects.toThrow('aborted');
    expect(existsSync(out)).toBe(false);
  });
});

test('a classifier without a run needs images to calibrate with, and is not compared', async () => {
  const classifier = await openRun(run, { threads });
  const out = join(root, 'classifier.onnx');
  await expect(exportClassifier(classifier, out, { dtype: 'int8' })).rejects.toThrow('pass `calibration`');
  const { comparison } = await exportClassifier(classifier, out, { dtype: 'int8', calibration: { images: [black] } });
  expect(comparison).toBeNull();
  await classifier.close();
});

test('without a test part, layers are chosen on training images that were not calibrated with', () => {
  const image = (name: string) => ({ path: name, label: 0 }) as unknown as ExportImages['training'][number];
  const [a, b, c, d] = ['a', 'b', 'c', 'd'].map(image) as [never, never, never, never];
  const images = { training: [a, b, c], validation: [d], compared: [d] };
  expect(heldOut({ ...images, part: 'validation' }, [a, c])).toEqual({ part: 'training', images: [b] });
  expect(heldOut({ ...images, part: 'test' }, [a, c])).toEqual({ part: 'validation', images: [d] });
});

test('options that make no sense are named', async () => {
  const int8 = { out: join(root, 'x.onnx'), dtype: 'int8' } as const;
  await expect(exportRun(run, { ...int8, calibration: { count: 0 } })).rejects.toThrow('calibration.count');
  await expect(exportRun(run, { ...int8, maxDrop: -1 })).rejects.toThrow('maxDrop');
});

test('the images of another folder are not those of the run', async () => {
  const data = await drawImages(join(root, 'others'), { perClass: 3, first: 100 });
  const refused = exportRun(run, { out: join(root, 'x.onnx'), dtype: 'int8', data });
  await expect(refused).rejects.toThrow('does not hold the images that');
});

test('a drop of exactly the limit is allowed', () => {
  const row = (dtype: DtypeRow['dtype'], correct: number): DtypeRow => {
    const accuracy = correct / 200;
    return { dtype, correct, accuracy, interval: [0, 1], bytes: 1, agreement: 1, milliseconds: 1 };
  };
  const comparison = (correct: number): DtypeComparison => {
    return { images: 200, part: 'test', rows: [row('fp32', 190), row('int8', correct)] };
  };
  expect(() => assertDrop(comparison(188), 'int8', 1)).not.toThrow();
  expect(() => assertDrop(comparison(187), 'int8', 1)).toThrow('int8 costs 1.5 points of accuracy: 93.5 %');
  expect(() => assertDrop(comparison(187), 'int8', 1)).toThrow('`maxDrop: 1.5`');
  expect(() => assertDrop(comparison(187), 'int8', 1)).toThrow('(`calibration.count`)');
  expect(() => assertDrop(comparison(187), 'int8', 1)).toThrow('(`keepFp32`)');
  expect(() => assertDrop(comparison(187), 'int8', 1.5)).not.toThrow();
  expect(() => assertDrop(comparison(199), 'int8', 0)).not.toThrow();
});
