import { cpSync, existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { TrainConfigInput } from '@graft-ml/core/internal/recipe/config/index';
import { beforeAll, expect, test, vi } from 'vitest';
import { drawImages, ownCache, temporaryFolder } from '../../../../test/images.ts';
import { expectSameRun, runFolder } from '../../../../test/runs.ts';
import { collect, differing } from '../../../../test/training.ts';
import { readSafetensorsFile } from '../checkpoint/safetensors-file.ts';
import { openModel } from '../evaluate/classifier.ts';
import { evaluateFolder } from '../evaluate/evaluate-folder.ts';
import { openRun } from '../evaluate/open-run.ts';
import { exportClassifier } from '../export/export-classifier.ts';
import { readConfigFile } from '../runs/config-file.ts';
import { readRun } from '../runs/read-run.ts';
import { resumeTraining } from './train-folder.ts';

ownCache();
const root = temporaryFolder();
const shapes = join(root, 'shapes');
/** PyTorch's exporter wrote it, with its batch norms. */
const model = join(root, 'residual.onnx');
const half = { mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] } as const;
let count = 0;

async function transfer(config: TrainConfigInput & { stopAfter?: number } = {}): Promise<string> {
  const out = join(root, `run${count++}`);
  await runFolder(shapes, out, { model, strategy: 'feature-extraction', ...half, ...config });
  return out;
}

beforeAll(async () => {
  cpSync(fileURLToPath(new URL('../../../../golden/onnx/residual_13_train.onnx', import.meta.url)), model);
  await drawImages(shapes, { perClass: 15 });
});

test('feature extraction trains a new head on the backbone of the file, and leaves that as it was', async () => {
  const out = await transfer({ epochs: 6 });
  const { config, weightsSha256, parameters } = await readRun(out);
  expect(config).toMatchObject({ model, weights: null, strategy: 'feature-extraction' });
  expect(weightsSha256).toMatch(/^[0-9a-f]{64}$/);
  const { tensors } = await readSafetensorsFile(join(out, 'best.safetensors'));
  const full = await readSafetensorsFile(join(await transfer({ strategy: 'full', epochs: 1 }), 'best.safetensors'));
  const trained = Object.keys(tensors).filter((name) => tensors[name]!.shape[0] === 3);
  expect(trained.length).toBe(2);
  expect(parameters.trained).toBe(trained.reduce((sum, name) => sum + tensors[name]!.data.length, 0));
  // Trained as a whole its batch norms move, weights and running statistics alike.
  const moved = differing(tensors, full.tensors);
  expect(moved.filter((name) => name.endsWith('running_var')).length).toBeGreaterThan(2);
  expect(moved.length).toBe(Object.keys(tensors).length);
});

test('a run does not need the file any more: evaluate, export, and resume to the bit', async () => {
  const whole = await transfer({ strategy: 'full', epochs: 3 });
  const stopped = await transfer({ strategy: 'full', epochs: 3, stopAfter: 7 });
  const kept = join(root, 'kept.onnx');
  cpSync(model, kept);
  rmSync(model);
  await collect(resumeTraining(stopped));
  expectSameRun(whole, stopped);
  const { accuracy } = await evaluateFolder(stopped, shapes, { threads: 1 });
  expect(accuracy).toBe((await readRun(stopped)).best!.accuracy);
  const classifier = await openRun(stopped, { threads: 1 });
  const exported = join(root, 'exported.onnx');
  expect((await exportClassifier(classifier, exported)).difference).toBeLessThan(1e-6);
  // What we export is an ONNX classifier like any other, and says itself how images are to be prepared.
  const again = await openModel({ name: exported }, { threads: 1 });
  expect(again.classes).toEqual(['cross', 'disc', 'square']);
  const { crop, resize } = classifier.preprocessing;
  expect(again.preprocessing).toMatchObject({ crop, resize });
  const pixels = Uint8Array.from({ length: 3 * crop * crop }, (_, i) => (i * 31) % 256);
  const [mine, theirs] = [await classifier.probabilities(pixels, 1), await again.probabilities(pixels, 1)];
  theirs.forEach((p, i) => {
    expect(p).toBeCloseTo(mine[i]!, 5);
  });
  await Promise.all([classifier.close(), again.close()]);
  cpSync(kept, model);
});

test('a run that was sent uses its own copy of the model alone; one flipped bit in it is noticed', async () => {
  const out = await transfer({ epochs: 2, stopAfter: 7 });
  vi.stubEnv('GRAFT_CACHE', join(root, 'another-user'));
  await expect(readConfigFile(join(out, 'run.json'), undefined, ['config'])).rejects.toThrow('Pass `model`; it says');
  await collect(resumeTraining(out, { data: shapes }));
  // A place that another named does not become this user's by resuming.
  expect((await readRun(out)).config.model).toBe('residual.onnx');
  const { loss } = await evaluateFolder(out, shapes, { checkpoint: 'last', threads: 1 });
  expect(loss).toBeGreaterThan(0);
  vi.unstubAllEnvs();
  const copy = join(out, 'architecture.onnx');
  const bytes = readFileSync(copy);
  bytes[bytes.length >> 1]! ^= 1;
  writeFileSync(copy, bytes);
  await expect(openRun(out)).rejects.toThrow(`${copy} is damaged: its content is not what the run began with.`);
});

test('from scratch, with a deeper head, and what cannot be', async () => {
  const deep = await transfer({ strategy: 'scratch', head: [8, 'relu'], epochs: 1 });
  expect((await readRun(deep)).weightsSha256).toBeNull();
  const { metadata } = await readSafetensorsFile(join(deep, 'best.safetensors'));
  expect(metadata).toMatchObject({ model: 'residual.onnx', head: '8,relu' });
  await expect(transfer({ weights: 'other.safetensors' })).rejects.toThrow('has its own. Leave them out.');
  const none = join(root, 'none.onnx');
  await expect(transfer({ model: none })).rejects.toThrow(`model: ${none} cannot be read`);
  expect(existsSync(join(root, `run${count - 1}`))).toBe(false);
});

test('a model with its weights beside it, by a name in capitals: the run keeps it in one piece', async () => {
  const folder = join(root, 'external');
  const golden = fileURLToPath(new URL('../../../../golden/onnx/external/', import.meta.url));
  cpSync(golden, folder, { recursive: true });
  const named = join(folder, 'MANY.ONNX');
  renameSync(join(folder, 'many.onnx'), named);
  const out = await transfer({ model: named, epochs: 1 });
  rmSync(folder, { recursive: true });
  const classifier = await openRun(out, { threads: 1 });
  const { crop } = classifier.preprocessing;
  const said = await classifier.probabilities(new Uint8Array(3 * crop * crop), 1);
  expect([...said].reduce((a, b) => a + b, 0)).toBeCloseTo(1, 5);
  await classifier.close();
});
