/*
 * Shows a backbone as a feature extractor: with numClasses 0 a model has no head and gives features, and on these a
 * classifier of one's own is trained, here a logistic regression.
 *
 *   node features.js photos
 */
import { adam, createModel, fit, imageFolder, loadModel, randomSplit, tensorDataset } from 'graft-ml';
import { linear } from 'graft-ml/nn';

const [folder = 'photos', weights = 'default', imageSize = '224'] = process.argv.slice(2);
await using images = await imageFolder(folder, { validation: 0 });
await using backbone = await loadModel('resnet18', {
  numClasses: 0,
  weights: weights === 'none' ? null : weights,
  imageSize: Number(imageSize),
});

// All images at once, resized and cropped as the backbone wants them: bytes (n, 3, size, size).
const { size, labels } = images.train;
const view = images.train.view({ preprocessing: backbone.image!.preprocessing });
const order = labels.map((_, i) => i);
const features = [];
for await (const { inputs } of view.batches({ batchSize: size, order, lastBatch: 'pad', epoch: 0 })) {
  features.push(await backbone.predict(inputs));
}
const [width] = features[0]!.shape.slice(1);
console.log(`${size} images, ${width} features each`);

const classes = images.classes.length;
await using probe = createModel((s, x) => linear(s.at('probe'), x, { features: classes }), {
  input: { dtype: 'f32', shape: [width!] },
});
const data = randomSplit(tensorDataset(features[0]!, labels), { validation: 0.25 });
for await (const event of fit(probe, data, { epochs: 20, optimizer: adam({ learningRate: 0.01 }) })) {
  if (event.kind === 'end') console.log(`logistic regression: accuracy ${event.best.accuracy.toFixed(3)}`);
}
