import { join } from 'node:path';
import { imageNetwork } from '@graft-ml/core/internal/fit/network';
import { traceOf } from '@graft-ml/core/internal/fit/step';
import type { Preprocessing } from '@graft-ml/core/models';
import { initialise, linear } from '@graft-ml/core/nn';
import { relu, reshape } from '@graft-ml/core/ops';
import sharp from 'sharp';
import { beforeAll, expect, test } from 'vitest';
import { drawImages, ownCache, temporaryFolder } from '../../../../test/images.ts';
import { narrowModels } from '../../../../test/narrow-models.ts';
import { Classifier, openModel } from '../evaluate/classifier.ts';
import { createRuntime } from '../runtime/index.ts';
import { createModel } from '../transfer/model.ts';
import { explainExamples } from './evidence.ts';
import type { SelectedImage } from './selection.ts';

ownCache();
const root = temporaryFolder();
const classes = ['cross', 'disc', 'square'];
let images: { wrong: SelectedImage[]; right: SelectedImage[] };

beforeAll(async () => {
  const folder = await drawImages(join(root, 'shapes'), { perClass: 10 });
  const image = (predicted: number) => (_: unknown, i: number) => {
    const path = join(folder, 'disc', `00${i}.png`);
    return { path, label: 1, predicted, confidence: 0.6, probability: 0.3, loss: 1.2 };
  };
  images = { wrong: Array.from({ length: 8 }, image(0)), right: Array.from({ length: 8 }, image(1)) };
});

/** A narrow network of the zoo with random numbers, for images of 32 pixels. */
function narrow(name: 'vit' | 'swin' | 'squeezenet1_1'): Classifier {
  const half = [0.5, 0.5, 0.5] as const;
  const preprocessing: Preprocessing = { resize: 32, crop: 32, interpolation: 'bilinear', mean: half, std: half };
  const model = { ...narrowModels[name]!, name, preprocessing, source: 'a test' };
  const { variables } = traceOf(imageNetwork(model, preprocessing, classes.length));
  const weights = initialise(variables.values(), 3);
  return new Classifier({ model, weights, classes, preprocessing }, { threads: 1 });
}

/** How far an image is from grey, which an overlay is where nothing speaks for the class. */
async function colour(uri: string): Promise<number> {
  const { channels } = await sharp(Buffer.from(uri.split(',')[1]!, 'base64'))
    .removeAlpha()
    .stats();
  const means = channels.map(({ mean }) => mean);
  return Math.max(...means) - Math.min(...means);
}

test.each([
  ['vit', 'encoder.layers.encoder_layer_0'], // tokens, as the grid of patches that they are
  ['swin', 'norm'], // channels last
  ['squeezenet1_1', 'features.7'],
] as const)('%s: Grad-CAM at %s', async (name, endpoint) => {
  await using classifier = narrow(name);
  const evidence = await explainExamples(classifier, images, {});
  expect(evidence).toMatchObject({ method: 'gradcam', endpoint });
  expect(evidence.examples.map(({ forLabel }) => forLabel !== null)).toEqual([
    ...Array(6).fill(true),
    ...Array(6).fill(false),
  ]);
});

test('an ONNX file without convolutions has no map of the image: occlusion', async () => {
  const mlp = createModel(
    (s, x) => {
      const flat = reshape(x, [x.shape[0]!, 3 * 32 * 32]);
      return linear(s.at('out'), relu(linear(s.at('hidden'), flat, { features: 8 })), { features: 3 });
    },
    { input: { dtype: 'f32', shape: [3, 32, 32] }, runtime: createRuntime({ threads: 1 }), seed: 1 },
  );
  const file = join(root, 'mlp.onnx');
  await mlp.export(file);
  await using classifier = await openModel({ name: file, classes }, { threads: 1 });
  const steps: number[] = [];
  const evidence = await explainExamples(classifier, images, { onProgress: (done) => steps.push(done) });
  expect(evidence).toMatchObject({ method: 'occlusion', endpoint: null });
  expect(evidence.examples.map(({ forLabel }) => forLabel !== null)).toEqual([true, true, true, false, false, false]);
  expect(steps).toEqual([0, 8]);
  const colours = await Promise.all(evidence.examples.flatMap(({ forAnswer }) => colour(forAnswer)));
  expect(Math.max(...colours)).toBeGreaterThan(1);
});
