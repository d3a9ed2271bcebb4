import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ImageClassifier, imageAccess } from '@graft-ml/core/internal/evaluate/classifier';
import type { ImageDecoder } from '@graft-ml/core/internal/image/decoder';
import type { ImageInput } from '@graft-ml/core/internal/image/image-input';
import { ImageError } from '@graft-ml/core/internal/image/problem';
import sharp, { type Sharp } from 'sharp';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { drawImages, ownCache, temporaryFolder } from '../../../../test/images.ts';
import { expectSameRun, runFolder, smallRun } from '../../../../test/runs.ts';
import { collect } from '../../../../test/training.ts';
import { readyModel } from '../checkpoint/ready-model.ts';
import { decodeImage } from '../data/decode.ts';
import { createImagePool } from '../data/image-pool.ts';
import { readRun } from '../runs/read-run.ts';
import { cpuBackend } from '../runtime/create.ts';
import { createRuntime } from '../runtime/index.ts';
import { trainFolder } from '../transfer/train-folder.ts';
import { Classifier, type ClassifierInput } from './classifier.ts';
import { evaluateFolder } from './evaluate-folder.ts';
import { openRun } from './open-run.ts';

ownCache();
const root = temporaryFolder();
const runtime = createRuntime({ threads: 1 });
const pool = createImagePool({ threads: 1 });
afterAll(() => pool.close());

/** sharp's pixels as `ImageData` has them. */
async function pixelsOf(path: string, channels: 3 | 4): Promise<{ width: number; height: number; data: Uint8Array }> {
  const image = sharp(path).autoOrient().toColourspace('srgb');
  const { data, info } = await (channels === 4 ? image.ensureAlpha() : image.removeAlpha())
    .raw()
    .toBuffer({ resolveWithObject: true });
  return { width: info.width, height: info.height, data: new Uint8Array(data) };
}

/** Photograph-like content in the formats and forms that programs meet. */
const files: Record<string, (image: Sharp) => Sharp> = {
  'photo.jpg': (image) => image.jpeg({ quality: 80 }),
  'on-its-side.jpg': (image) => image.jpeg().withMetadata({ orientation: 6 }),
  'palette.png': (image) => image.png({ palette: true }),
  'photo.webp': (image) => image.webp({ quality: 70 }),
  'wide.png': (image) => image.resize(301, 97, { fit: 'fill' }).png(),
};

beforeAll(async () => {
  const noise = { type: 'gaussian', mean: 128, sigma: 50 } as const;
  const source = await sharp({ create: { width: 200, height: 160, channels: 3, background: '#888', noise } })
    .blur(3)
    .normalise()
    .png()
    .toBuffer();
  for (const [name, write] of Object.entries(files)) await write(sharp(source)).toFile(join(root, name));
  const alpha = Uint8Array.from({ length: 80 * 60 * 4 }, (_, i) => (i * 7919) % 256);
  await sharp(alpha, { raw: { width: 80, height: 60, channels: 4 } })
    .png()
    .toFile(join(root, 'see-through.png'));
});

async function makeClassifier(options: ConstructorParameters<typeof Classifier>[1] = {}): Promise<Classifier> {
  const model = await readyModel('conv4', { classes: ['a', 'b', 'c', 'd', 'e', 'f'], seed: 3 });
  return new Classifier(model, { runtime, decoder: pool, ...options });
}

describe('an image', () => {
  test.each([...Object.keys(files), 'see-through.png'])(
    '%s: a path, bytes, a Blob and pixels are the same to the bit',
    async (name) => {
      await using classifier = await makeClassifier({ tta: 'ten-crop' });
      const path = join(root, name);
      const bytes = new Uint8Array(readFileSync(path));
      const hasAlpha = name === 'see-through.png';
      const forms: Record<string, ClassifierInput> = {
        path,
        file: { path },
        bytes,
        Buffer: readFileSync(path),
        ArrayBuffer: bytes.buffer,
        Blob: new Blob([bytes]),
        File: new File([bytes], 'mine.jpg'),
        RGBA: await pixelsOf(path, 4),
        ...(!hasAlpha && { RGB: await pixelsOf(path, 3) }),
        clamped: { ...(await pixelsOf(path, 4)), data: new Uint8ClampedArray((await pixelsOf(path, 4)).data) },
        decoded: await decodeImage(bytes, name),
      };
      const expected = (await classifier.classify(path)).probabilities;
      expect(new Set(expected).size).toBeGreaterThan(1);
      for (const [form, image] of Object.entries(forms)) {
        expect([form, (await classifier.classify(image)).probabilities]).toEqual([form, expected]);
      }
      const batch = await collect(classifier.predict(Object.values(forms)));
      const [first] = batch;
      for (const { probabilities } of batch) expect(probabilities).toEqual(first!.probabilities);
      const features = await collect(classifier.features(Object.values(forms)));
      for (const vector of features) expect(vector.features).toEqual(features[0]!.features);
      expect(batch.map((one) => one.path)).toContain('mine.jpg');
      expect(batch[Object.keys(forms).indexOf('bytes')]!.path).toBe('image 3');
    },
  );

  test('has its likeliest classes named, as many as are asked for', async () => {
    await using classifier = await makeClassifier();
    const { classes, probabilities } = await classifier.classify(join(root, 'photo.jpg'), { top: 2 });
    const sorted = [...probabilities].sort((a, b) => b - a);
    expect(classes.map(({ probability }) => probability)).toEqual(sorted.slice(0, 2));
    expect(classes[0]!.name).toBe('abcdef'[probabilities.indexOf(sorted[0]!)]);
    expect(classifier.top(probabilities)).toHaveLength(5);
  });

  test('that cannot be used is an error by its name, and does not keep others from being looked at', async () => {
    await using classifier = await makeClassifier();
    const bad = new Uint8Array([1, 2, 3]);
    await expect(classifier.classify(bad)).rejects.toThrow('image 1: the content is neither JPEG');
    await expect(classifier.classify(new Uint8Array())).rejects.toThrow('the file has 0 bytes');
    await expect(classifier.classify({ width: 3, height: 3, data: new Uint8Array(5) })).rejects.toThrow(
      'An image of 3 x 3 pixels has 5 bytes; expected 27 (RGB) or 36 (RGBA).',
    );
    const said = await collect(classifier.predict([new File([bad], 'bad.jpg'), join(root, 'photo.jpg')]));
    expect(said[0]!.problem).toMatchObject({ path: 'bad.jpg', kind: 'not-an-image' });
    expect(said[1]!.probabilities).toHaveLength(6);
  });
});

test('a signal ends a long look between two batches; progress counts images', async () => {
  await using classifier = await makeClassifier();
  const controller = new AbortController();
  const done: number[] = [];
  const images = new Array<string>(40).fill(join(root, 'photo.jpg'));
  const onProgress = (count: number) => {
    done.push(count);
    if (count === 20) controller.abort(new Error('enough'));
  };
  const looking = collect(classifier.predict(images, { signal: controller.signal, onProgress }));
  await expect(looking).rejects.toThrow('enough');
  expect(done).toEqual(Array.from({ length: 32 }, (_, i) => i + 1));
});

test('what runs the graphs can be a program’s own, in training and after it', async () => {
  const shapes = await drawImages(join(root, 'few'), { perClass: 8 });
  const [whole, own] = [join(root, 'by-ort'), join(root, 'by-backend')];
  await runFolder(shapes, whole, { epochs: 1 });
  const { choices } = await readRun(whole);
  let loaded = 0;
  const ort = cpuBackend(1);
  const load = (model: Uint8Array) => {
    loaded++;
    return ort.load(model);
  };
  const backend = { ...ort, load, identity: 'counted' };
  const untouched = { threads: 7 };
  await collect(trainFolder(shapes, { ...smallRun, ...untouched, epochs: 1 }, { out: own, backend, choices }));
  expectSameRun(own, whole);
  expect((await readRun(own)).threads).toBe(1);
  const before = loaded;
  expect(before).toBeGreaterThan(1);
  await using classifier = await openRun(own, {
    runtime: createRuntime({ backend, choices, cache: null }),
    decoder: pool,
  });
  await classifier.classify(join(root, 'photo.jpg'));
  expect(loaded).toBe(before + 1);
});

describe('a decoder of a program’s own', () => {
  /** PNGs with every byte turned over, which nothing else can read, and counts. */
  const turned = (): ImageDecoder & { count: number } => ({
    identity: 'turned-1',
    count: 0,
    async decode({ bytes, name }, reading) {
      this.count++;
      return decodeImage(
        bytes.map((byte) => 255 - byte),
        name,
        reading,
      );
    },
  });

  test('is what bytes and files go through, in a classifier with a runtime of the program’s own', async () => {
    const path = join(root, 'turned.png');
    const bytes = new Uint8Array(readFileSync(join(root, 'photo.jpg'))).map((byte) => 255 - byte);
    writeFileSync(path, bytes);
    await using plain = await makeClassifier();
    const expected = (await plain.classify(join(root, 'photo.jpg'))).probabilities;
    await expect(plain.classify(path)).rejects.toThrow(ImageError);
    const decoder = turned();
    await using own = await makeClassifier({ decoder });
    for (const form of [path, bytes]) expect((await own.classify(form)).probabilities).toEqual(expected);
    expect(decoder.count).toBe(2);
    const model = await readyModel('conv4', { classes: ['a', 'b', 'c', 'd', 'e', 'f'], seed: 3 });
    await using anywhere = new ImageClassifier<ImageInput>(model, imageAccess(decoder), { runtime });
    expect((await anywhere.classify(new Blob([bytes]))).probabilities).toEqual(expected);
  });

  test('trains and evaluates as the pool does, to the bit', async () => {
    const shapes = await drawImages(join(root, 'shapes'), { perClass: 8 });
    const [whole, own] = [join(root, 'by-pool'), join(root, 'by-own')];
    const config = { augment: 'standard', epochs: 2 } as const;
    await runFolder(shapes, whole, config);
    const decoder: ImageDecoder = {
      identity: 'ours-1',
      decode: ({ bytes, name }, reading) => decodeImage(bytes, name, reading),
    };
    const { choices } = await readRun(whole);
    await collect(trainFolder(shapes, { ...smallRun, ...config }, { out: own, decoder, choices }));
    expectSameRun(own, whole);
    const results = [];
    for (const options of [{}, { decoder }])
      results.push(await evaluateFolder(own, shapes, { threads: 1, ...options }));
    expect(results[1]).toEqual(results[0]);
  });
});
