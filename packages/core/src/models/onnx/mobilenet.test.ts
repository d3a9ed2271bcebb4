import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { decodeImage } from 'graft-ml/internal/data/decode';
import { beforeAll, describe, expect, test } from 'vitest';
import { relativeError } from '../../../../../test/golden.ts';
import { compile, evaluate, gaussian, numbers } from '../../../../../test/run.ts';
import { runFile } from '../../../../../test/run-file.ts';
import { tensor } from '../../base/tensor.ts';
import { input } from '../../graph/index.ts';
import { resize } from '../../image/resize.ts';
import { evaluationView } from '../../image/transform.ts';
import { initialise, normalisePixels, Scope } from '../../nn/index.ts';
import { argMax } from '../../ops/index.ts';
import { applyModel } from '../model.ts';
import { type OnnxModel, openOnnxModel } from './open.ts';

const path = '../shared/weights/mobilenet_v1_025_224_imagenet1k.onnx';
const photos = '../shared/data/caltech101_10x60';
const half = [0.5, 0.5, 0.5] as const;

/** ImageNet's names for the things on the photos, where it has one. */
const imageNetClasses: Readonly<Record<string, readonly string[]>> = {
  airplanes: ['airliner', 'warplane', 'wing'],
  dalmatian: ['dalmatian'],
  elephant: ['African_elephant', 'Indian_elephant', 'tusker'],
  grand_piano: ['grand_piano'],
  motorbikes: ['moped', 'motor_scooter'],
  starfish: ['starfish'],
};

// It says nothing of itself where it is absent, so the name of the suite does.
describe.skipIf(!existsSync(path))('MobileNetV1 0.25 of ../shared/weights (skipped where that is absent)', () => {
  let bytes: Uint8Array;
  let opened: OnnxModel;
  beforeAll(() => {
    bytes = readFileSync(path);
    opened = openOnnxModel(bytes, { name: 'mobilenet', mean: half, std: half });
  });

  test('what it is', () => {
    const { model, numClasses, notes, classes } = opened;
    expect([model.name, model.headPath, numClasses, notes, classes]).toEqual([
      'mobilenet',
      'classifier',
      1000,
      [],
      undefined,
    ]);
    expect(model.preprocessing).toEqual({ resize: 256, crop: 224, interpolation: 'bilinear', mean: half, std: half });
    const counted = Object.entries(opened.tensors).filter(([name]) => !/running_|num_batches/.test(name));
    expect(counted.reduce((sum, [, { data }]) => sum + data.length, 0)).toBe(470_072); // Howard et al. 2017: 0.47 million
  });

  test('equals ORT on the file, in a batch that it was not made for', async () => {
    const x = gaussian([3, 3, 224, 224], 'mobilenet');
    const { scope, trace } = Scope.root({ training: false });
    const logits = applyModel(opened.model, scope, input('x', 'f32', x.shape), { numClasses: 1000 });
    const { y } = await evaluate({ y: logits }, { ...opened.tensors, x });
    const { logits: expected } = await runFile(bytes, { input: x });
    expect(relativeError(y!, expected!)).toBeLessThan(1e-4);
    expect(Object.keys(opened.tensors).sort()).toEqual([...trace.variables.keys()].sort());
    for (const { name, shape } of trace.variables.values()) expect(opened.tensors[name]!.shape, name).toEqual(shape);
  });

  test('a block is a convolution with its batch norm; the head is a block of its own', () => {
    const { scope, trace } = Scope.root({ training: false });
    applyModel(opened.model, scope, input('x', 'f32', [1, 3, 224, 224]), { numClasses: 6 });
    const blocks = [...trace.blocks.keys()];
    expect(blocks.length).toBe(28);
    expect([blocks[0], blocks[1], blocks[2], blocks.at(-2), blocks.at(-1)]).toEqual([
      'conv1',
      'conv_dw_1',
      'conv_pw_1',
      'conv_pw_13',
      'head',
    ]);
    expect(trace.blocks.get('head')).toEqual(['classifier.weight', 'classifier.bias']);
    expect(trace.variables.get('classifier.weight')!.shape).toEqual([6, 256]);
    expect(trace.blocks.get('conv1')!.slice(0, 2)).toEqual(['conv1.weight', 'conv1_bn.weight']);
  });

  test('batch norm is a real one: running statistics move in training, and stay where they are frozen', async () => {
    for (const policy of ['running', 'frozen'] as const) {
      const { scope, trace } = Scope.root({ training: true, batchNorm: policy });
      const x = gaussian([2, 3, 64, 64], 'statistics');
      const logits = applyModel(opened.model, scope, input('x', 'f32', x.shape), { numClasses: 1000 });
      if (policy === 'frozen') {
        expect(trace.updates.size).toBe(0);
        continue;
      }
      expect(trace.updates.size).toBe(27 * 3);
      const mean = trace.updates.get('conv1_bn.running_mean')!;
      const { after } = await evaluate({ after: mean, logits }, { ...opened.tensors, x });
      const before = numbers(opened.tensors['conv1_bn.running_mean']);
      expect(numbers(after).every((value, i) => value !== before[i])).toBe(true);
    }
  });

  test('images of another size', () => {
    const { scope } = Scope.root({ training: false });
    const y = applyModel(opened.model, scope, input('x', 'f32', [2, 3, 160, 160]), { numClasses: 0 });
    expect(y.shape).toEqual([2, 256]);
    const fresh = Scope.root({ training: false });
    applyModel(opened.model, fresh.scope, input('x', 'f32', [1, 3, 96, 96]), { numClasses: 7 });
    const drawn = initialise(fresh.trace.variables.values(), 0);
    expect(drawn['classifier.weight']!.shape).toEqual([7, 256]);
  });

  test('knows what is on photos', async () => {
    const names = readFileSync('../shared/weights/imagenet1k_classes.tsv', 'utf8')
      .trim()
      .split('\n')
      .filter((line) => /^\d/.test(line))
      .map((line) => line.split('\t')[2]!);
    expect(names.length).toBe(1000);
    const { mean, std, crop } = opened.model.preprocessing;
    const batch = 20;
    const side = crop;
    const { scope } = Scope.root({ training: false });
    const images = normalisePixels(input('pixels', 'u8', [batch, 3, side, side]), { mean, std });
    const logits = applyModel(opened.model, scope, images, { numClasses: 1000 });
    const program = await compile({ best: argMax(logits, 1) });
    const right: Record<string, number> = {};
    for (const [folder, accepted] of Object.entries(imageNetClasses)) {
      const files = readdirSync(join(photos, folder)).sort().slice(0, batch);
      const pixels = new Uint8Array(batch * 3 * side * side);
      for (const [i, file] of files.entries()) {
        const photo = await decodeImage(readFileSync(join(photos, folder, file)), file);
        const { box } = evaluationView(photo, opened.model.preprocessing);
        const place = i * 3 * side * side;
        resize(photo, box, { width: side, height: side }, pixels.subarray(place, place + 3 * side * side));
      }
      const { best } = await program.run({ ...opened.tensors, pixels: tensor('u8', [batch, 3, side, side], pixels) });
      right[folder] = numbers(best).filter((index) => accepted.includes(names[index]!)).length / batch;
    }
    await program.release();
    // 72 % are right over the six; chance is 0.1 to 0.3 %.
    for (const [folder, share] of Object.entries(right)) expect(share, folder).toBeGreaterThanOrEqual(0.5);
    expect(Object.values(right).reduce((sum, share) => sum + share, 0) / 6).toBeGreaterThan(0.65);
  });
});
